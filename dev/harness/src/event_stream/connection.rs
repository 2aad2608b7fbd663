//! A connection with one HTTP/1.1 response, read without a client library, which would read ahead.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use crate::proxy::address_of;

/// The size of the smallest buffer of a socket, in bytes. Linux raises it to its minimum.
const MIN_BUFFER: u32 = 1;

/// The most bytes in one read.
const READ_SIZE: usize = 16 * 1024;

/// The speed of a slow reader: at most `bytes` after each `interval`.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub bytes: usize,
    pub interval: Duration,
}

#[derive(Debug)]
pub(super) struct Connection {
    socket: TcpStream,
    pace: Option<Pace>,
    /// What has arrived and is not decoded.
    arrived: Vec<u8>,
    framing: Framing,
}

/// What remains of the body.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    /// The next line is the size of a chunk.
    ChunkSize,
    Chunk(usize),
    /// The next line is the empty rest of a chunk.
    ChunkEnd,
    /// The lines after the last chunk.
    Trailers,
    End,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Body(Vec<u8>),
    End,
    /// The connection closed before the end of the body.
    Closed,
}

impl Connection {
    /// Sends a request, and reads the head of its response.
    pub(super) async fn open(
        base_url: &str,
        request: &[u8],
        pace: Option<Pace>,
    ) -> Result<(StatusCode, HeaderMap, Self)> {
        let mut socket = connect(address_of(base_url)?, pace.is_some()).await.context("connecting")?;
        socket.write_all(request).await.context("sending the request")?;
        let mut connection = Self { socket, pace, arrived: Vec::new(), framing: Framing::End };
        loop {
            let end = connection.arrived.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            if let Some(end) = end {
                let head: Vec<u8> = connection.arrived.drain(..end + 4).collect();
                let (status, headers) = parse_head(std::str::from_utf8(&head)?)?;
                connection.framing = Framing::of(status, &headers)?;
                return Ok((status, headers, connection));
            }
            if connection.receive().await? == 0 {
                bail!("the connection closed before the response");
            }
        }
    }

    /// The next bytes of the body.
    pub(super) async fn read(&mut self) -> Result<Read> {
        loop {
            if let Some(read) = self.decode()? {
                return Ok(read);
            }
            match self.receive().await {
                Ok(0) | Err(_) => return Ok(Read::Closed),
                Ok(_) => {}
            }
        }
    }

    async fn receive(&mut self) -> Result<usize> {
        let room = match self.pace {
            Some(pace) => {
                sleep(pace.interval).await;
                pace.bytes
            }
            None => READ_SIZE,
        };
        let start = self.arrived.len();
        self.arrived.resize(start + room, 0);
        let length = self.socket.read(&mut self.arrived[start..]).await;
        self.arrived.truncate(start + length.as_ref().unwrap_or(&0));
        length.context("reading the response")
    }

    /// What has arrived of the body; `None` if more bytes are needed.
    fn decode(&mut self) -> Result<Option<Read>> {
        loop {
            self.framing = match self.framing {
                Framing::End => return Ok(Some(Read::End)),
                Framing::Length(0) => Framing::End,
                Framing::Chunk(0) => Framing::ChunkEnd,
                Framing::Length(left) | Framing::Chunk(left) => {
                    let bytes: Vec<u8> = self.arrived.drain(..left.min(self.arrived.len())).collect();
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    let is_chunk = matches!(self.framing, Framing::Chunk(_));
                    let left = left - bytes.len();
                    self.framing = if is_chunk { Framing::Chunk(left) } else { Framing::Length(left) };
                    return Ok(Some(Read::Body(bytes)));
                }
                Framing::ChunkSize | Framing::ChunkEnd | Framing::Trailers => {
                    let Some(line) = self.take_line()? else { return Ok(None) };
                    self.framing.after(&line)?
                }
            };
        }
    }

    /// The next line, without its end; `None` if it has not arrived.
    fn take_line(&mut self) -> Result<Option<String>> {
        let Some(end) = self.arrived.windows(2).position(|bytes| bytes == b"\r\n") else { return Ok(None) };
        let line: Vec<u8> = self.arrived.drain(..end + 2).take(end).collect();
        Ok(Some(String::from_utf8(line).context("a line between chunks is not UTF-8")?))
    }
}

impl Framing {
    /// The framing of the body of a response to a GET.
    fn of(status: StatusCode, headers: &HeaderMap) -> Result<Self> {
        if [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status) {
            return Ok(Self::End);
        }
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        match (text("transfer-encoding"), text("content-length")) {
            (Some("chunked"), _) => Ok(Self::ChunkSize),
            (None, Some(length)) => Ok(Self::Length(length.parse().context("reading content-length")?)),
            (encoding, _) => bail!("the response has no length, and the encoding {encoding:?}"),
        }
    }

    /// The framing after a line between chunks.
    fn after(&self, line: &str) -> Result<Self> {
        match (self, line) {
            (Self::ChunkSize, "0") => Ok(Self::Trailers),
            (Self::ChunkSize, size) => {
                let size = usize::from_str_radix(size, 16);
                Ok(Self::Chunk(size.with_context(|| format!("{line} is not the size of a chunk"))?))
            }
            (Self::ChunkEnd, "") => Ok(Self::ChunkSize),
            (Self::Trailers, "") => Ok(Self::End),
            (Self::Trailers, _) => Ok(Self::Trailers),
            _ => bail!("a chunk is longer than its size: {line}"),
        }
    }
}

async fn connect(address: SocketAddr, is_slow: bool) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if is_slow {
        // Otherwise the kernel would read ahead of a slow reader.
        socket.set_recv_buffer_size(MIN_BUFFER)?;
    }
    Ok(socket.connect(address).await?)
}

fn parse_head(head: &str) -> Result<(StatusCode, HeaderMap)> {
    let mut lines = head.trim_end().split("\r\n");
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).context("the response has no status")?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').with_context(|| format!("{line} is not a header"))?;
        headers.append(name.parse::<HeaderName>()?, HeaderValue::from_str(value.trim())?);
    }
    Ok((status.parse()?, headers))
}

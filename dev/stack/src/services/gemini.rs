//! The stand-in for Gemini, as a process of its own.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use tokio::net::TcpStream;

use crate::home::Home;
use crate::process::{Launch, start_until, this_program};
use crate::state::Service;
use crate::{names, ports, progress};

/// Starts the stand-in.
///
/// # Errors
/// When it cannot be started.
pub async fn start(home: &Home) -> Result<Service> {
    progress::step("Gemini", async {
        let port = ports::remembered(home, names::GEMINI)?;
        let log = home.folder("logs")?.join("gemini.log");
        let program = this_program()?;
        let launch = Launch::new(program).args(["gemini", "--port", &port.to_string()]);
        let handle = start_until(&launch, &log, async || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
        })
        .await
        .context("starting the stand-in for Gemini")?;
        Ok(Service::new(names::GEMINI, handle, format!("http://127.0.0.1:{port}"), log))
    })
    .await
}

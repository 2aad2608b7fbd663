//! The stand-in for Gemini, as a process of its own.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use tokio::net::{TcpListener, TcpStream};

use crate::gemini::StandIn;
use crate::home::Home;
use crate::process::{Launch, this_program};
use crate::services::start_until;
use crate::state::Service;
use crate::{ports, progress};

/// What the service is called.
pub const NAME: &str = "gemini";

/// Starts the stand-in.
///
/// # Errors
/// When it cannot be started.
pub async fn start(home: &Home) -> Result<Service> {
    progress::step("Gemini", async {
        let port = ports::remembered(home, NAME)?;
        let log = home.folder("logs")?.join("gemini.log");
        let program = this_program()?;
        let launch = Launch::new(program).args(["gemini", "--port", &port.to_string()]);
        let handle = start_until(&launch, &log, async || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
        })
        .await
        .context("starting the stand-in for Gemini")?;
        Ok(Service::new(NAME, handle, format!("http://127.0.0.1:{port}"), log))
    })
    .await
}

/// Serves the stand-in until ended.
///
/// # Errors
/// When the port is taken.
pub async fn serve(port: u16) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("listening on port {port} for the stand-in for Gemini"))?;
    StandIn::default().serve(listener).await
}

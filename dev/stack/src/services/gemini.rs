//! Mock Gemini, as a process of `cargo dev`.

use anyhow::{Context as _, Result};

use super::names::GEMINI;
use crate::folder::StackFolder;
use crate::process::{Launch, this_program};
use crate::state::Service;
use crate::{ports, progress};

/// Starts mock Gemini.
pub async fn start(folder: &StackFolder) -> Result<Service> {
    progress::step("Gemini", async {
        let port = ports::for_service(folder, GEMINI)?;
        let log = folder.subfolder("logs")?.join("gemini.log");
        let launch = Launch::new(this_program()?).args(["gemini", "--port", &port.to_string()]);
        let handle = launch.start_service_on_port(&log, port).await.context("starting mock Gemini")?;
        Ok(Service::new(GEMINI, handle, format!("http://127.0.0.1:{port}"), log))
    })
    .await
}

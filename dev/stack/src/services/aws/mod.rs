//! AWS: the emulator ministack, and in it the queues and the table of `template.yaml`.

pub mod client;
mod stack;

use anyhow::{Context as _, Result};

pub use self::client::Aws;
pub use self::stack::{Names, create};
use crate::home::Home;
use crate::process::{Launch, start_until};
use crate::state::Service;
use crate::{names, ports, progress, web};

/// Whether what is in the queues and tables survives a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// It does: a message accepted before is answered after.
    Kept,
    /// It does not.
    ThrownAway,
}

/// Starts the emulator.
///
/// # Errors
/// When it cannot be started.
pub async fn start(home: &Home, region: &str, memory: Memory) -> Result<Service> {
    progress::step("AWS", async {
        let port = ports::remembered(home, names::AWS)?;
        let log = home.folder("logs")?.join("aws.log");
        let folder = home.folder(names::AWS)?;
        let persist = if memory == Memory::Kept { "1" } else { "0" };
        let launch = Launch::new(home.python().join("bin/python"))
            .args(["-m", "ministack"])
            .env([("BIND_HOST", "127.0.0.1"), ("LOG_LEVEL", "WARNING"), ("MINISTACK_REGION", region)])
            .env([("GATEWAY_PORT", port.to_string()), ("STATE_DIR", folder.display().to_string())])
            .env([("PERSIST_STATE", persist), ("PYTHONDONTWRITEBYTECODE", "1")])
            .without(["MINISTACK_HOST", "SERVICES", "AUTH", "USE_SSL", "EDGE_PORT", "LOCALSTACK_PERSISTENCE"])
            .folder(&folder);
        let address = format!("http://127.0.0.1:{port}");
        let ready = async || answers(&address).await;
        let handle = start_until(&launch, &log, ready).await.context("starting the AWS emulator")?;
        Ok(Service::new(names::AWS, handle, address, log))
    })
    .await
}

/// Whether the emulator answers.
pub async fn answers(address: &str) -> bool {
    web::status(&format!("{address}/_ministack/health")).await == Some(200)
}

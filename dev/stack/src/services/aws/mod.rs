//! The AWS emulator ministack, with the queues and the table of `template.yaml`.

mod client;
mod resources;

use anyhow::{Context as _, Result};

pub use self::client::Aws;
pub use self::resources::{Resources, create};
use super::names::AWS;
use crate::folder::StackFolder;
use crate::process::Launch;
use crate::stack::Durability;
use crate::state::Service;
use crate::{ports, progress, web};

/// Starts the emulator.
pub async fn start(folder: &StackFolder, region: &str, durability: Durability) -> Result<Service> {
    progress::step("AWS", async {
        let port = ports::for_service(folder, AWS)?;
        let log = folder.subfolder("logs")?.join("aws.log");
        let data = folder.subfolder(AWS)?;
        let persist = if durability == Durability::Persistent { "1" } else { "0" };
        let launch = Launch::new(folder.python().join("bin/python"))
            .args(["-m", "ministack"])
            .env([("BIND_HOST", "127.0.0.1"), ("LOG_LEVEL", "WARNING"), ("MINISTACK_REGION", region)])
            .env([("GATEWAY_PORT", port.to_string()), ("STATE_DIR", data.display().to_string())])
            .env([("PERSIST_STATE", persist), ("PYTHONDONTWRITEBYTECODE", "1")])
            .without(["MINISTACK_HOST", "SERVICES", "AUTH", "USE_SSL", "EDGE_PORT", "LOCALSTACK_PERSISTENCE"])
            .folder(&data);
        let address = format!("http://127.0.0.1:{port}");
        let handle = launch.start_service(&log, async || answers(&address).await).await;
        Ok(Service::new(AWS, handle.context("starting the AWS emulator")?, address, log))
    })
    .await
}

/// Whether the emulator answers.
pub async fn answers(address: &str) -> bool {
    web::status(&format!("{address}/_ministack/health")).await == Some(200)
}

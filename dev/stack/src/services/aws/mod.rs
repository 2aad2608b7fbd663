//! The AWS emulator ministack, with the queues and the table of `template.yaml`.

mod client;
mod resources;

use anyhow::Result;

pub use self::client::{Aws, element, elements};
pub(crate) use self::resources::create;
use super::names::AWS;
use crate::folder::StackFolder;
use crate::process::Launch;
use crate::state::Service;
use crate::{Durability, ports, progress, web};

pub(crate) async fn start(folder: &StackFolder, region: &str, durability: Durability) -> Result<Service> {
    progress::step("AWS", async {
        let port = ports::for_service(folder, AWS)?;
        let data = folder.subfolder(AWS)?;
        let persist = if durability == Durability::Persistent { "1" } else { "0" };
        let launch = Launch::new(folder.python().join("bin/python"))
            .args(["-m", "ministack"])
            // Functions that are deployed to the emulator inherit its variables.
            .without_settings()
            .without(["MINISTACK_HOST", "SERVICES", "AUTH", "USE_SSL", "EDGE_PORT", "LOCALSTACK_PERSISTENCE"])
            .env([("BIND_HOST", "127.0.0.1"), ("LOG_LEVEL", "WARNING"), ("MINISTACK_REGION", region)])
            .env([("GATEWAY_PORT", port.to_string()), ("STATE_DIR", data.display().to_string())])
            .env([("PERSIST_STATE", persist), ("PYTHONDONTWRITEBYTECODE", "1")])
            .folder(&data);
        let address = format!("http://127.0.0.1:{port}");
        Service::start(folder, AWS, launch, &address, async || answers(&address).await).await
    })
    .await
}

pub(super) async fn answers(address: &str) -> bool {
    web::status(&format!("{address}/_ministack/health")).await == Some(200)
}

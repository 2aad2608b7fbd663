//! Mock Stripe, as a process of `cargo dev`.

use anyhow::{Context as _, Result};

use super::names::STRIPE;
use crate::folder::StackFolder;
use crate::process::{Launch, this_program};
use crate::state::Service;
use crate::{ports, progress};

/// The secret key of the stack's account at mock Stripe.
pub const KEY: &str = "sk_test_local";

/// The id of mock Stripe's only price, that of Pro.
pub const PRICE: &str = "price_pro_monthly";

/// Starts mock Stripe. It sends its events to the API on `api_port`, signed with the secret in the
/// file `webhook_secret`, and keeps its objects between starts if it `is_persistent`.
pub async fn start(
    folder: &StackFolder,
    api_port: u16,
    webhook_secret: &str,
    is_persistent: bool,
) -> Result<Service> {
    progress::step("Stripe", async {
        let port = ports::for_service(folder, STRIPE)?;
        let log = folder.subfolder("logs")?.join("stripe.log");
        let mut launch = Launch::new(this_program()?)
            .args(["stripe", "serve", "--port", &port.to_string()])
            .args(["--webhook-url", &format!("http://127.0.0.1:{api_port}/api/webhook/stripe")])
            .args(["--webhook-secret", webhook_secret]);
        if is_persistent {
            launch = launch.args(["--state".into(), folder.subfolder(STRIPE)?.join("state.json")]);
        }
        let handle = launch.start_service_on_port(&log, port).await.context("starting mock Stripe")?;
        Ok(Service::new(STRIPE, handle, format!("http://127.0.0.1:{port}"), log))
    })
    .await
}

//! The stand-in for Stripe, as a process of its own.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use tokio::net::TcpStream;

use crate::home::Home;
use crate::process::{Launch, start_until, this_program};
use crate::state::Service;
use crate::{names, ports, progress};

/// The key of the account that the stack has there.
pub const KEY: &str = "sk_test_local";

/// The price of Pro there: the mock server's only one.
pub const PRICE: &str = "price_pro_monthly";

/// Starts the stand-in, whose events go to the API on `api_port`, signed with what is in `webhook_secret`.
///
/// # Errors
/// When it cannot be started.
pub async fn start(home: &Home, api_port: u16, webhook_secret: &str, is_kept: bool) -> Result<Service> {
    progress::step("Stripe", async {
        let port = ports::remembered(home, names::STRIPE)?;
        let log = home.folder("logs")?.join("stripe.log");
        let mut launch = Launch::new(this_program()?)
            .args(["stripe", "serve", "--port", &port.to_string()])
            .args(["--webhook-url", &format!("http://127.0.0.1:{api_port}/api/webhook/stripe")])
            .args(["--webhook-secret", webhook_secret]);
        if is_kept {
            launch = launch.args(["--state".into(), home.folder(names::STRIPE)?.join("state.json")]);
        }
        let handle = start_until(&launch, &log, async || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
        })
        .await
        .context("starting the stand-in for Stripe")?;
        Ok(Service::new(names::STRIPE, handle, format!("http://127.0.0.1:{port}"), log))
    })
    .await
}

//! Mock Gemini and mock Stripe, as processes of `cargo dev`.

use std::path::Path;

use anyhow::Result;
use tokio::net::TcpStream;

use super::names::{GEMINI, STRIPE};
use crate::folder::StackFolder;
use crate::process::{Launch, this_program};
use crate::state::Service;
use crate::{ports, progress};

/// The secret key of the stack's account at mock Stripe.
pub const STRIPE_KEY: &str = "sk_test_local";

/// The id of mock Stripe's only price, that of Pro.
pub const STRIPE_PRICE: &str = "price_pro_monthly";

pub(crate) async fn start_gemini(folder: &StackFolder) -> Result<Service> {
    progress::step("Gemini", start(folder, GEMINI, Launch::new(this_program()?).args(["gemini"]))).await
}

/// Starts mock Stripe. It sends its events to the API on `api_port`, signed with the secret in the
/// file `webhook_secret`, and keeps its objects between starts if it `is_persistent`.
pub(crate) async fn start_stripe(
    folder: &StackFolder,
    api_port: u16,
    webhook_secret: &Path,
    is_persistent: bool,
) -> Result<Service> {
    let mut launch = Launch::new(this_program()?)
        .args(["stripe", "serve", "--webhook-secret"])
        .args([webhook_secret])
        .args(["--webhook-url", &format!("http://127.0.0.1:{api_port}/api/webhook/stripe")]);
    if is_persistent {
        launch = launch.args(["--state"]).args([folder.subfolder(STRIPE)?.join("state.json")]);
    }
    progress::step("Stripe", start(folder, STRIPE, launch)).await
}

async fn start(folder: &StackFolder, name: &str, launch: Launch) -> Result<Service> {
    let port = ports::for_service(folder, name)?;
    let launch = launch.args(["--port", &port.to_string()]);
    let is_ready = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
    Service::start(folder, name, launch, format!("http://127.0.0.1:{port}"), is_ready).await
}

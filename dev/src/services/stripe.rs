//! The stand-in for Stripe, as a process of its own.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use tokio::net::{TcpListener, TcpStream};

use crate::home::Home;
use crate::process::{Launch, this_program};
use crate::services::start_until;
use crate::state::Service;
use crate::stripe::{Endpoint, StandIn};
use crate::{ports, progress};

/// What the service is called.
pub const NAME: &str = "stripe";

/// The key of the account that the stack has there.
pub const KEY: &str = "sk_test_local";

/// How the stand-in is served.
#[derive(Debug, Args)]
pub struct Serve {
    #[arg(long)]
    port: u16,
    /// Where the events of the stack's account are sent.
    #[arg(long)]
    webhook_url: String,
    /// The file with what they are signed with.
    #[arg(long)]
    webhook_secret: PathBuf,
    /// The file in which everything is kept.
    #[arg(long)]
    state: Option<PathBuf>,
}

/// Starts the stand-in, whose events go to the API on `api_port`, signed with what is in `webhook_secret`.
///
/// # Errors
/// When it cannot be started.
pub async fn start(home: &Home, api_port: u16, webhook_secret: &str, is_kept: bool) -> Result<Service> {
    progress::step("Stripe", async {
        let port = ports::remembered(home, NAME)?;
        let log = home.folder("logs")?.join("stripe.log");
        let mut launch = Launch::new(this_program()?)
            .args(["stripe", "serve", "--port", &port.to_string()])
            .args(["--webhook-url", &format!("http://127.0.0.1:{api_port}/api/webhook/stripe")])
            .args(["--webhook-secret", webhook_secret]);
        if is_kept {
            launch = launch.args(["--state".into(), home.folder(NAME)?.join("state.json")]);
        }
        let handle = start_until(&launch, &log, async || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
        })
        .await
        .context("starting the stand-in for Stripe")?;
        Ok(Service::new(NAME, handle, format!("http://127.0.0.1:{port}"), log))
    })
    .await
}

/// Serves the stand-in until ended.
///
/// # Errors
/// When the port is taken, or what was kept cannot be read.
pub async fn serve(options: Serve) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .await
        .with_context(|| format!("listening on port {} for the stand-in for Stripe", options.port))?;
    let secret = std::fs::read_to_string(&options.webhook_secret)
        .with_context(|| format!("reading {}", options.webhook_secret.display()))?;
    let address = format!("http://127.0.0.1:{}", options.port);
    let mut stand_in = StandIn::new(&address);
    if let Some(path) = options.state {
        stand_in = stand_in.kept_in(path)?;
    }
    stand_in.set_endpoint(KEY, Endpoint { url: options.webhook_url, secret });
    stand_in.serve(listener).await
}

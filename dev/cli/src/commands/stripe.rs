//! `cargo dev stripe`

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use mock_stripe::Endpoint;
use stack::functions;
use stack::home::Home;
use stack::process::{Launch, run as process};
use stack::services::stripe;
use stack::settings::CONTRACT;

use super::admin::environment;

/// What can be done about Stripe.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare every subscription with Stripe and put right what is not as it says.
    Reconcile,
    /// Serve the stand-in.
    #[command(hide = true)]
    Serve(Serve),
}

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

/// Does it.
///
/// # Errors
/// When nothing runs and nothing is set, or something could not be compared.
pub async fn run(home: &Home, command: Command) -> Result<()> {
    match command {
        Command::Reconcile => reconcile(home).await,
        Command::Serve(options) => serve(options).await,
    }
}

async fn reconcile(home: &Home) -> Result<()> {
    const SWEEPER: &str = "sweeper";
    let env = environment(home)?;
    functions::build_one(home, SWEEPER).await?;
    let program = functions::programs(home).await?.join(SWEEPER);
    let command = Launch::new(program).args(["reconcile"]).without(CONTRACT).env(env);
    anyhow::ensure!(process::shown(&command).await?, "not every subscription could be compared; see above");
    Ok(())
}

async fn serve(options: Serve) -> Result<()> {
    let Serve { port, webhook_url: url, webhook_secret, state } = options;
    let secret = fs::read_to_string(&webhook_secret)
        .with_context(|| format!("reading {}", webhook_secret.display()))?;
    mock_stripe::serve(port, state, stripe::KEY, Endpoint { url, secret }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_configured_with_the_price_that_the_mock_has() {
        assert_eq!(stripe::PRICE, mock_stripe::PRICE);
    }
}

//! `cargo dev stripe`

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use mock_stripe::Endpoint;
use stack::StackFolder;
use stack::services::mocks;

use super::admin::function;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare every subscription with Stripe and correct the differences.
    Reconcile,
    /// Serve mock Stripe.
    #[command(hide = true)]
    Serve(Serve),
}

#[derive(Debug, Args)]
pub struct Serve {
    #[arg(long)]
    port: u16,
    /// The URL that receives the account's events.
    #[arg(long)]
    webhook_url: String,
    /// The file with the signing secret of the events.
    #[arg(long)]
    webhook_secret: PathBuf,
    /// The file that keeps the objects.
    #[arg(long)]
    state: Option<PathBuf>,
}

pub async fn run(folder: &StackFolder, command: Command) -> Result<()> {
    match command {
        Command::Reconcile => {
            let sweeper = function(folder, "sweeper").await?.args(["reconcile"]);
            anyhow::ensure!(
                sweeper.run_in_terminal().await?,
                "some subscriptions could not be compared with Stripe; see above"
            );
            Ok(())
        }
        Command::Serve(Serve { port, webhook_url: url, webhook_secret, state }) => {
            let secret = fs::read_to_string(&webhook_secret)
                .with_context(|| format!("reading {}", webhook_secret.display()))?;
            mock_stripe::serve(port, state, mocks::STRIPE_KEY, Endpoint { url, secret }).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_use_the_price_of_mock_stripe() {
        assert_eq!(mocks::STRIPE_PRICE, mock_stripe::PRICE);
    }
}

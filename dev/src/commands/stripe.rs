//! `cargo dev stripe`

use anyhow::Result;
use clap::Subcommand;

use super::admin::environment;
use crate::functions;
use crate::home::Home;
use crate::process::{Launch, run as process};
use crate::services::stripe;
use crate::settings::CONTRACT;

/// What can be done about Stripe.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare every subscription with Stripe and put right what is not as it says.
    Reconcile,
    /// Serve the stand-in.
    #[command(hide = true)]
    Serve(stripe::Serve),
}

/// Does it.
///
/// # Errors
/// When nothing runs and nothing is set, or something could not be compared.
pub async fn run(home: &Home, command: Command) -> Result<()> {
    match command {
        Command::Reconcile => reconcile(home).await,
        Command::Serve(options) => stripe::serve(options).await,
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

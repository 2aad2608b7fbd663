//! `cargo dev psql`

use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Result};
use stack::StackFolder;
use stack::services::postgres;
use stack::state::State;

/// Becomes psql, on the database of the running stack.
pub async fn run(folder: &StackFolder, arguments: &[String]) -> Result<Infallible> {
    let state = State::load_running(folder)?;
    let url = state.env.get("DATABASE_URL").context("the running stack has no DATABASE_URL")?;
    let program = postgres::psql(folder).await?;
    // Replaces this process, so that psql has the terminal and its keys to itself.
    let error = Command::new(&program).arg(url).args(arguments).exec();
    Err(error).with_context(|| format!("starting {}", program.display()))
}

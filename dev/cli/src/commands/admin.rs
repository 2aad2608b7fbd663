//! `cargo dev admin` and `cargo dev suspend`

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use stack::StackFolder;
use stack::functions::{self, MIGRATE};
use stack::process::Launch;
use stack::progress;
use stack::settings::Settings;
use stack::state::State;

pub async fn run(folder: &StackFolder, number: &str, revoke: bool) -> Result<()> {
    let role = if revoke { "user" } else { "admin" };
    let command = function(folder, MIGRATE).await?.args(["role", number, role]);
    command.output().await.with_context(|| format!("giving {number} the role {role}"))?;
    progress::info(format!("{number} has the role {role} from the next request on"));
    Ok(())
}

pub async fn suspend(folder: &StackFolder, number: &str, restore: bool) -> Result<()> {
    let (argument, done) = if restore {
        ("restore", "is restored")
    } else {
        ("suspend", "is suspended, and its tokens are refused")
    };
    let command = function(folder, MIGRATE).await?.args([argument, number]);
    command.output().await.with_context(|| format!("{argument} {number}"))?;
    progress::info(format!("{number} {done}"));
    Ok(())
}

/// The program of a function, for the running stack or the developer's own database. Builds it
/// unless a stack runs, which has built it.
pub(super) async fn function(folder: &StackFolder, name: &str) -> Result<Launch> {
    let env = environment(folder)?;
    if State::load(folder)?.is_none() {
        functions::cargo_build(folder).args(["--quiet"]).output().await?;
    }
    let program = functions::programs(folder).await?.join(name);
    Ok(Launch::new(program).without_settings().env(env).folder(folder.root()))
}

/// The developer's settings if they name a database, else the variables of the running stack.
fn environment(folder: &StackFolder) -> Result<BTreeMap<String, String>> {
    let settings = Settings::of_developer(folder.root())?;
    if settings.get("DATABASE_URL").is_some() {
        return Ok(settings.variables().clone());
    }
    Ok(State::load_running(folder).context("or set DATABASE_URL")?.env)
}

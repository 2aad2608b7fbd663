//! `cargo dev admin`, `cargo dev suspend` and `cargo dev pause`

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

/// Pauses or resumes a feature, or shows what is paused if there is none.
pub async fn pause(folder: &StackFolder, feature: &[String], resume: bool) -> Result<()> {
    let name = feature.join(" ");
    let command = if resume { "resume" } else { "pause" };
    let migrate = function(folder, MIGRATE).await?;
    if feature.is_empty() {
        let output = migrate.args(["paused"]).output().await.context("reading what is paused")?;
        // The log comes first.
        progress::info(format!("paused: {}", output.lines().last().unwrap_or_default()));
        return Ok(());
    }
    let migrate = migrate.args([command]).args(feature);
    migrate.output().await.with_context(|| format!("{command} {name}"))?;
    let done = if resume { "resumed" } else { "paused" };
    progress::info(format!("{name} is {done}; the functions know within 30 seconds"));
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

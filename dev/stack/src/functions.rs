//! The functions: built, and their migrations run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::home::Home;
use crate::process::{Launch, run};
use crate::progress;
use crate::settings::CONTRACT;
use crate::state::State;

/// The function that is run once and not served.
pub const MIGRATE: &str = "migrate";

/// The function that the queue drives.
pub const WORKER: &str = "worker";

/// Whether functions are rebuilt as their source changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// They are.
    OnChange,
    /// What is built when the stack starts is what is served.
    Never,
}

/// Builds the functions, with cargo's own progress on the terminal: as `cargo build` does where code is reloaded; else,
/// for tests, together with these, since cargo would build every dependency once more for the functions alone.
///
/// # Errors
/// When they do not build.
pub async fn build(home: &Home, reload: Reload) -> Result<()> {
    let targets: &[&str] = match reload {
        Reload::OnChange => &["--bins"],
        Reload::Never => &["--workspace", "--all-targets"],
    };
    progress::step("build", async {
        let cargo = Launch::new("cargo").args(["build"]).args(targets).folder(home.root());
        if !run::shown(&cargo).await? {
            bail!("the functions do not build: `{}` says why, above", cargo.line());
        }
        Ok("the functions".to_owned())
    })
    .await?;
    Ok(())
}

/// Builds one function, without a word unless it does not build. Where a stack runs it is built already, as that needed it: with
/// other features of its dependencies, as tests have them, all of these would be built once more.
///
/// # Errors
/// When it does not build.
pub async fn build_one(home: &Home, function: &str) -> Result<()> {
    if State::load(home)?.is_some() {
        return Ok(());
    }
    let cargo = Launch::new("cargo").args(["build", "--quiet", "--bin", function]).folder(home.root());
    run::output(&cargo).await.map(|_| ())
}

/// The folder with the built programs.
///
/// # Errors
/// When cargo cannot say.
pub async fn programs(home: &Home) -> Result<PathBuf> {
    let ask =
        Launch::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).folder(home.root());
    let said: Value = serde_json::from_str(&run::output(&ask).await?).context("reading cargo's metadata")?;
    let target = said["target_directory"].as_str().context("cargo does not say where it builds")?;
    Ok(PathBuf::from(target).join("debug"))
}

/// Brings the database's schema up to date, as a step of the start.
///
/// # Errors
/// When a migration fails.
pub async fn migrate(home: &Home, env: &BTreeMap<String, String>) -> Result<()> {
    progress::step("migrations", async {
        run_migrations(home, env).await?;
        Ok("run".to_owned())
    })
    .await?;
    Ok(())
}

/// Brings the database's schema up to date.
///
/// # Errors
/// When a migration fails.
pub async fn run_migrations(home: &Home, env: &BTreeMap<String, String>) -> Result<()> {
    let log = home.folder("logs")?.join("migrate.log");
    let launch = Launch::new(programs(home).await?.join(MIGRATE)).without(CONTRACT).env(env.clone());
    run::logged(&launch.folder(home.root()), &log).await.context("running the migrations")
}

//! Builds the functions and runs the migrations.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::folder::StackFolder;
use crate::process::Launch;
use crate::progress;

/// The function that runs the migrations. Nothing invokes it.
pub const MIGRATE: &str = "migrate";

/// The function that the queue invokes.
pub const WORKER: &str = "worker";

/// Builds the functions, and shows cargo's progress.
pub async fn build(folder: &StackFolder) -> Result<()> {
    progress::step("build", async {
        let cargo = cargo_build(folder);
        let line = cargo.line();
        if !cargo.run_in_terminal().await? {
            bail!("the functions do not build: `{line}` shows why, above");
        }
        Ok("the functions")
    })
    .await?;
    Ok(())
}

/// The command that builds the functions. `--workspace` and `--examples` (there are none) give
/// dependencies the same features as in the tests. Otherwise cargo would build each of them twice.
pub fn cargo_build(folder: &StackFolder) -> Launch {
    Launch::new("cargo").args(["build", "--workspace", "--bins", "--examples"]).folder(folder.root())
}

pub async fn programs(folder: &StackFolder) -> Result<PathBuf> {
    let cargo =
        Launch::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).folder(folder.root());
    let metadata: Value =
        serde_json::from_str(&cargo.output().await?).context("reading the output of `cargo metadata`")?;
    let target = metadata["target_directory"].as_str().context("`cargo metadata` names no target folder")?;
    Ok(PathBuf::from(target).join("debug"))
}

pub async fn run_migrations(folder: &StackFolder, env: &BTreeMap<String, String>) -> Result<()> {
    let migrate = Launch::new(programs(folder).await?.join(MIGRATE)).without_settings().env(env);
    migrate.folder(folder.root()).run_logged(&folder.log(MIGRATE)).await.context("running the migrations")
}

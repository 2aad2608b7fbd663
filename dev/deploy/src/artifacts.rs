//! Builds what is deployed.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use stack::process::Launch;
use stack::progress;
use stack::template::Template;
use stack::{StackFolder, functions};

use crate::sam::Sam;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// As for AWS: `sam build`.
    Release,
    /// The programs of the tests, which are built within seconds after a change.
    Debug,
}

/// A template that is built.
#[derive(Debug)]
pub struct Artifacts {
    pub template: PathBuf,
    /// The commit that the programs contain.
    pub commit: Option<String>,
}

/// Builds the functions for `architecture`: one build for all, so that the dependencies and the two
/// processors are shared. Then `sam build` finds each program built, and copies it.
pub async fn build(folder: &StackFolder, architecture: &str) -> Result<Artifacts> {
    let sam = Sam::install(folder).await?;
    let out = folder.root().join(".aws-sam/build");
    let (commit, time) = head(folder).await?;
    let env = [
        ("COMMIT", commit.clone()),
        ("COMMIT_TIME", time),
        ("CARGO_ENCODED_RUSTFLAGS", remapped_paths(folder.root()).join("\u{1f}")),
        ("CARGO_INCREMENTAL", "0".to_owned()),
    ];
    progress::step("build", async {
        let cargo = sam.program("cargo").args(["lambda", "build", "--release"]);
        let cargo = cargo.args((architecture == "arm64").then_some("--arm64")).env(env.clone());
        ensure!(cargo.run_in_terminal().await?, "the functions do not build, see above");
        Ok("the functions")
    })
    .await?;
    progress::step("sam build", async {
        let build = sam.launch(&["build", "--config-env", "local", "--build-dir"]).args([&out]);
        let parameters = format!("Architecture={architecture} StripePriceId=price_any OtpDelivery=response");
        let build = build.args(["--parameter-overrides", &parameters]).env(env);
        build.run_logged(&folder.log("sam-build")).await?;
        Ok(out.display().to_string())
    })
    .await?;
    Ok(Artifacts { template: out.join("template.yaml"), commit: Some(commit) })
}

pub(crate) async fn debug(folder: &StackFolder) -> Result<Artifacts> {
    functions::build(folder).await?;
    let programs = functions::programs(folder).await?;
    let code = folder.subfolder("code")?;
    let template = Template::read(folder.root())?;
    for binary in template.binaries() {
        let bootstrap = folder.subfolder(&format!("code/{binary}"))?.join("bootstrap");
        strip(&programs.join(&binary), &bootstrap).await?;
    }
    let packaged = folder.dir().join("template.json");
    fs::write(&packaged, template.packaged(&code).to_string())
        .with_context(|| format!("writing {}", packaged.display()))?;
    // A program contains the commit only if it was built with it.
    Ok(Artifacts { template: packaged, commit: env::var("COMMIT").ok().filter(|commit| !commit.is_empty()) })
}

async fn strip(program: &Path, stripped: &Path) -> Result<()> {
    Launch::new("strip").args(["-o".as_ref(), stripped.as_os_str(), program.as_os_str()]).output().await?;
    Ok(())
}

/// The commit that is checked out, and its time.
async fn head(folder: &StackFolder) -> Result<(String, String)> {
    let git = Launch::new("git").args(["show", "--no-patch", "--format=%H %cI", "HEAD"]);
    let shown = git.folder(folder.root()).output().await?;
    let (commit, time) = shown.split_once(' ').context("git shows no commit")?;
    Ok((commit.to_owned(), time.to_owned()))
}

/// Flags of rustc by which programs name sources (in the messages of panics) without the folders of this
/// user: the same commit gives the same bytes everywhere.
fn remapped_paths(root: &Path) -> Vec<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let remap = |(from, to): (PathBuf, &str)| format!("--remap-path-prefix={}={to}", from.display());
    home.map(|home| (home, "/cargo")).into_iter().chain([(root.to_owned(), "/checkout")]).map(remap).collect()
}

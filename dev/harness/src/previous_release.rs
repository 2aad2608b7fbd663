//! The functions of the release before this one: built from their commit, and run beside those of
//! this checkout on the same database, Redis and queue.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use api_client::{Request, Response, Transport};
use lambda::{Lambda, Setup};
use serde_json::{Value, json};
use stack::StackFolder;
use stack::process::Launch;
use stack::services::event_source_mapping;
use stack::state::State;

use super::environment::{CONCURRENCY, event, function, read_response};
use super::{Suite, TestEnvironment};

/// The functions that the release before runs.
const FUNCTIONS: [&str; 6] = ["auth", "chatroom", "queue", "sweeper", "user", "worker"];

const EVENT_SOURCE_MAPPING: &str = "event-source-mapping-of-previous-release";

/// The commit in `dev/faults/previous-release`.
fn commit(root: &Path) -> Result<String> {
    let path = root.join("dev/faults/previous-release");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let commit = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(commit.with_context(|| format!("{} names no commit", path.display()))?.to_owned())
}

/// Builds the functions of the release before, unless they are built, and returns their folder. It is
/// inside the target folder: a build takes minutes, and CI keeps that folder between runs.
pub async fn build(suite: &Suite) -> Result<PathBuf> {
    let root = suite.home.root();
    let commit = commit(root)?;
    let target = suite.programs.parent().context("the target folder has no parent")?.join("previous-release");
    let programs = target.join(&commit);
    if FUNCTIONS.iter().all(|name| programs.join(name).is_file()) {
        return Ok(programs);
    }
    ensure_commit_exists(root, &commit).await?;
    let source = suite.home.dir().join("previous-release");
    remove_worktree(root, &source).await?;
    // The programs of an earlier release before, and what an interrupted build left.
    remove_folder(&target)?;
    let add = git(root).args(["worktree", "add", "--detach"]).args([source.as_os_str(), commit.as_ref()]);
    add.output().await.context("checking out the release before")?;
    let built = compile(&source, &target, &programs).await;
    remove_worktree(root, &source).await?;
    built.with_context(|| format!("building the release before, {commit}"))?;
    Ok(programs)
}

async fn ensure_commit_exists(root: &Path, commit: &str) -> Result<()> {
    let object = format!("{commit}^{{commit}}");
    let found =
        git(root).args(["cat-file", "-e", &object]).try_output().await.context("git is not installed")?;
    if !found.status.success() {
        let errors = String::from_utf8_lossy(&found.stderr);
        bail!(
            "the commit of the release before, {commit}, is not in this checkout; it needs the whole history \
             (`git fetch --unshallow`): {}",
            errors.trim()
        );
    }
    Ok(())
}

/// Compiles in a folder of its own, since both releases have programs of the same names, and keeps
/// only the programs.
async fn compile(source: &Path, target: &Path, programs: &Path) -> Result<()> {
    let work = target.join("build");
    let packages = FUNCTIONS.iter().flat_map(|name| ["-p", name]);
    let cargo = Launch::new("cargo").args(["build", "--locked", "--bins"]).args(packages);
    let cargo = cargo.args(["--target-dir".as_ref(), work.as_os_str()]).folder(source);
    cargo.output().await?;
    fs::create_dir_all(programs).with_context(|| format!("creating {}", programs.display()))?;
    for name in FUNCTIONS {
        let built = work.join("debug").join(name);
        fs::rename(&built, programs.join(name)).with_context(|| format!("moving {}", built.display()))?;
    }
    remove_folder(&work)
}

fn remove_folder(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

async fn remove_worktree(root: &Path, source: &Path) -> Result<()> {
    remove_folder(source)?;
    git(root).args(["worktree", "prune"]).output().await.map(drop)
}

fn git(root: &Path) -> Launch {
    Launch::new("git").folder(root)
}

/// The running functions of the release before, in the environment of a scenario.
pub struct PreviousRelease {
    pub lambda: Lambda,
    folder: StackFolder,
}

impl PreviousRelease {
    /// Starts the local Lambda of `programs`. Queue messages stay on the queue until
    /// [`Self::start_worker`].
    pub async fn start(environment: &TestEnvironment, programs: PathBuf) -> Result<Self> {
        let folder = StackFolder::at(&environment.home.dir().join("previous-release"));
        let setup = Setup {
            programs,
            logs: folder.logs(),
            env: environment.env.clone(),
            concurrency: CONCURRENCY,
            timeout: Duration::from_mins(1),
        };
        let lambda = Lambda::start(setup).await?;
        let mut state = State { base_url: lambda.base_url(), ..State::default() };
        state.env.clone_from(&environment.env);
        state.save(&folder)?;
        Ok(Self { lambda, folder })
    }

    /// Starts an event source mapping, which passes messages from the queue to the workers of the
    /// release before.
    pub async fn start_worker(&self, environment: &TestEnvironment) -> Result<()> {
        let mut service = event_source_mapping::launch(&self.folder).await?;
        // In the state of the environment, which stops it at the end.
        EVENT_SOURCE_MAPPING.clone_into(&mut service.name);
        environment.state()?.add(&environment.home, service)
    }

    /// Stops it. Invocations in progress finish, messages stay on the queue.
    pub async fn stop_worker(&self, environment: &TestEnvironment) -> Result<()> {
        environment.stop_service(EVENT_SOURCE_MAPPING).await
    }

    pub async fn sweep(&self) -> Result<Value> {
        self.lambda.invoke("sweeper", json!({})).await.context("sweeping by the release before")
    }
}

impl Transport for PreviousRelease {
    async fn send(&self, request: &Request) -> Result<Response> {
        read_response(&self.lambda.invoke(function(request), event(request)).await?)
    }
}

impl TestEnvironment {
    /// Stops the event source mapping: invocations in progress finish, messages stay on the queue.
    pub async fn stop_worker(&self) -> Result<()> {
        self.stop_service(stack::services::names::EVENT_SOURCE_MAPPING).await
    }

    async fn stop_service(&self, name: &str) -> Result<()> {
        let state = self.state()?;
        let service = state.service(name).with_context(|| format!("{name} is not running"))?;
        ensure!(service.stop().await, "{name} did not end in time and was killed");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use stack::checkout;

    use super::*;

    #[test]
    fn the_release_before_is_named_by_a_full_commit_hash() {
        let commit = commit(&checkout()).unwrap();
        assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{commit}");
    }

    #[tokio::test]
    async fn a_checkout_without_the_commit_is_an_error_that_says_what_to_do() {
        // As in a shallow clone, and outside of a repository.
        for root in [checkout(), PathBuf::from("/")] {
            let error = ensure_commit_exists(&root, &"0".repeat(40)).await.unwrap_err().to_string();
            assert!(error.contains("git fetch --unshallow"), "{error}");
        }
    }
}

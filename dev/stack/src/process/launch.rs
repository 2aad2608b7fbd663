//! Describes a program to start, and starts it with its output in a log.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{env, iter};

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::handle::KillOnDrop;
use super::{Handle, tail};
use crate::settings;

/// Interval between checks of a starting service, and the time that it may take to start.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const MAX_WAIT: Duration = Duration::from_mins(1);

/// The user to run a program as when this process is root and the program refuses root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unprivileged {
    pub uid: u32,
    pub gid: u32,
}

/// A program to start, with its arguments and environment.
#[must_use]
#[derive(Debug)]
pub struct Launch(pub(super) Command);

impl Launch {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        let names = env::vars_os().map(|(name, _)| name);
        Self(command).without(names.filter(|name| is_set_by_cargo_run(&name.to_string_lossy())))
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.0.args(args);
        self
    }

    /// Sets variables, in addition to those of this process.
    pub fn env<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.0.envs(variables);
        self
    }

    /// Removes the functions' variables, which a developer may have set.
    pub fn without_settings(self) -> Self {
        self.without(settings::VARIABLES.iter())
    }

    /// Removes variables that this process has.
    pub fn without<K: AsRef<OsStr>>(mut self, names: impl IntoIterator<Item = K>) -> Self {
        for name in names {
            self.0.env_remove(name);
        }
        self
    }

    pub fn folder(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    pub fn user(mut self, user: Option<Unprivileged>) -> Self {
        if let Some(user) = user {
            self.0.uid(user.uid).gid(user.gid);
        }
        self
    }

    /// Appends the program's output to `log`.
    pub fn log(mut self, log: &Path) -> Result<Self> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("creating the folder {}", folder.display()))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.with_context(|| format!("opening the log {}", log.display()))?;
        self.0.stderr(file.try_clone().context("sharing a log")?).stdout(file);
        Ok(self)
    }

    /// The command line, for error messages. Leaves out the variables, which may be secret.
    #[must_use]
    pub fn line(&self) -> String {
        let command = self.0.as_std();
        let words = iter::once(command.get_program()).chain(command.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }

    /// Starts the program. The second value kills it with its descendants when it is dropped.
    pub fn spawn(&mut self) -> Result<(Child, KillOnDrop)> {
        let child = self.0.spawn().with_context(|| format!("starting `{}`", self.line()))?;
        let guard = KillOnDrop(child.id().and_then(Handle::of));
        Ok((child, guard))
    }

    /// Starts a service in its own process group and waits until `is_ready`. Ctrl-C in this
    /// terminal does not reach it, and it outlives this process. Kills a service that does not
    /// become ready, or when the future is dropped before.
    pub async fn start_service(mut self, log: &Path, is_ready: impl AsyncFn() -> bool) -> Result<Handle> {
        self = self.log(log)?;
        self.0.process_group(0);
        // Dropping the child leaves it running; the runtime reaps it if it ends first.
        let (_, mut guard) = self.spawn()?;
        let handle = guard.0.clone();
        let handle = handle.with_context(|| format!("`{}` ended at once; {}", self.line(), tail(log)))?;
        let deadline = Instant::now() + MAX_WAIT;
        while !is_ready().await {
            if !handle.is_alive() {
                bail!("`{}` ended at once; {}", self.line(), tail(log));
            }
            if Instant::now() > deadline {
                bail!("`{}` was not ready after {} s; {}", self.line(), MAX_WAIT.as_secs(), tail(log));
            }
            sleep(POLL_INTERVAL).await;
        }
        guard.0 = None;
        Ok(handle)
    }
}

/// Whether `cargo run` set the variable. If another cargo inherited it, that cargo would rebuild
/// each crate that reads it.
fn is_set_by_cargo_run(name: &str) -> bool {
    const EXACT: [&str; 6] = [
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ];
    EXACT.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_")
}

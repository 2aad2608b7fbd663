//! Describes a program to start, and starts it detached.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::Handle;
use crate::settings;

/// The user to run a program as when this process is root and the program refuses root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unprivileged {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
}

/// A program to start, with its arguments and environment.
#[must_use]
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<String, String>,
    without: Vec<String>,
    folder: Option<PathBuf>,
    user: Option<Unprivileged>,
}

impl Launch {
    /// The program at `program`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            without: Vec::new(),
            folder: None,
            user: None,
        }
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Wraps the program: runs `wrapper`, a program with arguments, and passes it this program with
    /// its arguments. An empty `wrapper` changes nothing.
    pub fn under(mut self, wrapper: &[String]) -> Self {
        let Some((program, words)) = wrapper.split_first() else { return self };
        let this = std::mem::replace(&mut self.program, program.into());
        let args = words.iter().map(OsString::from).chain([this.into_os_string()]);
        self.args = args.chain(std::mem::take(&mut self.args)).collect();
        self
    }

    /// Sets variables, in addition to those of this process.
    pub fn env<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.env.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Removes the functions' variables, which a developer may have set: see
    /// [`settings::VARIABLES`].
    pub fn without_settings(self) -> Self {
        self.without(settings::VARIABLES.iter().copied())
    }

    /// Removes variables that this process has.
    pub fn without<K: Into<String>>(mut self, names: impl IntoIterator<Item = K>) -> Self {
        self.without.extend(names.into_iter().map(Into::into));
        self
    }

    /// Sets the working directory.
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Sets the user.
    pub fn user(mut self, user: Option<Unprivileged>) -> Self {
        self.user = user;
        self
    }

    /// The command line, for error messages. Leaves out the variables, which may be secret.
    #[must_use]
    pub fn line(&self) -> String {
        let words = self.args.iter().map(|arg| arg.to_string_lossy());
        std::iter::once(self.program.to_string_lossy()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The command as the standard library starts it.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            if is_set_by_cargo_run(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        for name in &self.without {
            command.env_remove(name);
        }
        command.envs(&self.env);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }

    /// The command, with its output appended to `log`.
    pub fn command_with_log(&self, log: &Path) -> Result<Command> {
        let file = OpenOptions::new().create(true).append(true).open(log);
        let file = file.with_context(|| format!("opening the log {}", log.display()))?;
        let mut command = self.command();
        command.stderr(file.try_clone().context("sharing a log")?).stdout(file);
        Ok(command)
    }

    /// Starts the program in its own process group, with its output in `log`. Ctrl-C in this
    /// terminal does not reach it, and it outlives this process.
    pub fn detach(&self, log: &Path) -> Result<Handle> {
        let mut command = self.command_with_log(log)?;
        command.process_group(0);
        let child = tokio::process::Command::from(command)
            .spawn()
            .with_context(|| format!("starting `{}`", self.line()))?;
        // Dropping the child leaves it running; the runtime reaps it if it ends first.
        let handle = child.id().and_then(Handle::of);
        handle.with_context(|| format!("`{}` ended at once; {}", self.line(), super::tail(log)))
    }
}

/// Whether `cargo run` set the variable. If another cargo inherited it, that cargo would rebuild
/// each crate that reads it.
fn is_set_by_cargo_run(name: &str) -> bool {
    const EXACT: [&str; 5] =
        ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PRIMARY_PACKAGE", "CARGO_CRATE_NAME"];
    EXACT.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_")
}

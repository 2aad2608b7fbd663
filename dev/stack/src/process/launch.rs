//! Starting a process.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use super::Handle;

/// Somebody to run a program as, where we are root and the program would not have that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unprivileged {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// A program to be started.
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
    #[must_use]
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

    /// With these further arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// By another program, which is given `words` after its name, then this program and what that is given. None: as it is.
    #[must_use]
    pub fn under(mut self, words: &[String]) -> Self {
        let Some((program, words)) = words.split_first() else { return self };
        let this = std::mem::replace(&mut self.program, program.into());
        let args = words.iter().map(OsString::from).chain([this.into_os_string()]);
        self.args = args.chain(std::mem::take(&mut self.args)).collect();
        self
    }

    /// With these variables, over those of this process.
    #[must_use]
    pub fn env<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.env.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Without these variables, whatever this process has.
    #[must_use]
    pub fn without<K: Into<String>>(mut self, names: impl IntoIterator<Item = K>) -> Self {
        self.without.extend(names.into_iter().map(Into::into));
        self
    }

    /// In this folder.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = Some(folder.to_owned());
        self
    }

    /// As this user.
    #[must_use]
    pub fn user(mut self, user: Option<Unprivileged>) -> Self {
        self.user = user;
        self
    }

    /// The command line, for an error. Variables, which may be secret, are not in it.
    #[must_use]
    pub fn line(&self) -> String {
        let words = self.args.iter().map(|arg| arg.to_string_lossy());
        std::iter::once(self.program.to_string_lossy()).chain(words).collect::<Vec<_>>().join(" ")
    }

    /// The command, for those who wait for its end.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::null());
        for (name, _) in env::vars_os() {
            if is_of_cargo_run(&name.to_string_lossy()) {
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

    /// Starts it with all its output in `log`, in a process group of its own: Ctrl-C in our terminal does not reach it,
    /// and it goes on when we end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn detach(&self, log: &Path) -> Result<Handle> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening the log {}", log.display()))?;
        let both = file.try_clone().with_context(|| format!("sharing the log {}", log.display()))?;
        let mut command = self.command();
        command.stdout(file).stderr(both).process_group(0);
        let child = tokio::process::Command::from(command)
            .spawn()
            .with_context(|| format!("starting `{}`", self.line()))?;
        // Dropping the child leaves it running; the runtime collects it should it end before us.
        let handle = child.id().and_then(Handle::of);
        handle.with_context(|| format!("`{}` ended at once; {}", self.line(), super::tail(log)))
    }
}

/// Whether a variable is one that `cargo run` set for us. Passed on to another cargo they would make it build again
/// whatever looks at them.
fn is_of_cargo_run(name: &str) -> bool {
    const OURS: [&str; 5] =
        ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PRIMARY_PACKAGE", "CARGO_CRATE_NAME"];
    OURS.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_")
}

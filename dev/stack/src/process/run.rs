//! Runs a program to its end. Dropping the future ends the program and its descendants.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Context as _, Result, bail};
use tokio::process::Child;

use super::{Handle, Launch, tail};

/// Kills a process and its descendants when dropped.
struct KillOnDrop(Option<Handle>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.kill_tree();
        }
    }
}

impl Launch {
    /// Runs the program with its output in `log`, which it replaces.
    ///
    /// # Errors
    /// When the program fails, with the end of its log.
    pub async fn run_logged(&self, log: &Path) -> Result<()> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("creating the folder {}", folder.display()))?;
        }
        fs::write(log, "").with_context(|| format!("emptying the log {}", log.display()))?;
        let status = self.wait(self.command_with_log(log)?).await?;
        if !status.success() {
            bail!("`{}` failed ({status}); {}", self.line(), tail(log));
        }
        Ok(())
    }

    /// Runs the program in this terminal and returns whether it succeeded.
    pub async fn run_in_terminal(&self) -> Result<bool> {
        let mut command = self.command();
        command.stdin(Stdio::inherit());
        Ok(self.wait(command).await?.success())
    }

    /// Runs the program and returns its standard output.
    ///
    /// # Errors
    /// When the program fails, with its standard error.
    pub async fn output(&self) -> Result<String> {
        let output = self.try_output().await?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("`{}` failed ({}): {}", self.line(), output.status, errors.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Runs the program and returns its status and output.
    pub async fn try_output(&self) -> Result<Output> {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let (child, _guard) = self.spawn(command)?;
        child.wait_with_output().await.with_context(|| format!("waiting for `{}`", self.line()))
    }

    /// Runs the program with its errors in this terminal and returns its standard output, or `None`
    /// if it fails.
    pub async fn output_with_errors_shown(&self) -> Result<Option<String>> {
        let mut command = self.command();
        command.stdout(Stdio::piped());
        let (child, _guard) = self.spawn(command)?;
        let output =
            child.wait_with_output().await.with_context(|| format!("waiting for `{}`", self.line()))?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    async fn wait(&self, command: Command) -> Result<ExitStatus> {
        let (mut child, _guard) = self.spawn(command)?;
        child.wait().await.with_context(|| format!("waiting for `{}`", self.line()))
    }

    fn spawn(&self, command: Command) -> Result<(Child, KillOnDrop)> {
        let child = tokio::process::Command::from(command)
            .spawn()
            .with_context(|| format!("starting `{}`", self.line()))?;
        let guard = KillOnDrop(child.id().and_then(Handle::of));
        Ok((child, guard))
    }
}

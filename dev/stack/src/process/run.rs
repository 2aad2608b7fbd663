//! Runs a program to its end. Dropping the future ends the program and its descendants.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncWriteExt as _;

use super::{Launch, tail};

impl Launch {
    /// Runs the program with its output in `log`, which it replaces. An error quotes the end of the
    /// log.
    pub async fn run_logged(self, log: &Path) -> Result<()> {
        let launch = self.log(log)?;
        fs::write(log, "").with_context(|| format!("emptying the log {}", log.display()))?;
        let line = launch.line();
        let status = launch.run().await?.status;
        if !status.success() {
            bail!("`{line}` failed ({status}); {}", tail(log));
        }
        Ok(())
    }

    /// Runs the program in this terminal and returns whether it succeeded.
    pub async fn run_in_terminal(mut self) -> Result<bool> {
        self.0.stdin(Stdio::inherit());
        Ok(self.run().await?.status.success())
    }

    /// Runs the program and returns its standard output. An error quotes its standard error.
    pub async fn output(self) -> Result<String> {
        let line = self.line();
        let output = self.try_output().await?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("`{line}` failed ({}): {}", output.status, errors.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    pub async fn try_output(mut self) -> Result<Output> {
        self.0.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.run().await
    }

    /// Runs the program with `input` as its standard input and returns its status and output.
    pub async fn try_output_of(mut self, input: &str) -> Result<Output> {
        self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut child, _guard) = self.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            let written = stdin.write_all(input.as_bytes()).await;
            written.with_context(|| format!("writing to `{}`", self.line()))?;
        }
        child.wait_with_output().await.with_context(|| format!("waiting for `{}`", self.line()))
    }

    /// Runs the program with its errors in this terminal and returns its standard output, or `None`
    /// if it fails.
    pub async fn output_with_errors_shown(mut self) -> Result<Option<String>> {
        self.0.stdout(Stdio::piped());
        let output = self.run().await?;
        Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    async fn run(mut self) -> Result<Output> {
        let (child, _guard) = self.spawn()?;
        child.wait_with_output().await.with_context(|| format!("waiting for `{}`", self.line()))
    }
}

//! Running a program to its end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context as _, Result, bail};
use tokio::process::{Child, Command};

use super::{Handle, Launch, tail};

/// Ends a process and its descendants when dropped: whoever waited for it does not wait any more.
struct EndWithUs(Option<Handle>);

impl EndWithUs {
    fn new(child: &Child) -> Self {
        Self(child.id().and_then(Handle::of))
    }
}

impl Drop for EndWithUs {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.kill_family();
        }
    }
}

/// Runs a program to its end with its output in `log`; it is ended when the future is dropped.
///
/// # Errors
/// When it cannot be started or fails, with the end of its log.
pub async fn logged(launch: &Launch, log: &Path) -> Result<()> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    }
    let file = File::create(log).with_context(|| format!("opening the log {}", log.display()))?;
    let both = file.try_clone().with_context(|| format!("sharing the log {}", log.display()))?;
    let mut command = launch.command();
    command.stdout(file).stderr(both);
    let mut child =
        Command::from(command).spawn().with_context(|| format!("starting `{}`", launch.line()))?;
    let _guard = EndWithUs::new(&child);
    let status = child.wait().await.with_context(|| format!("waiting for `{}`", launch.line()))?;
    if !status.success() {
        bail!("`{}` failed ({status}); {}", launch.line(), tail(log));
    }
    Ok(())
}

/// Runs a program to its end with its output in our terminal; it is ended when the future is dropped. Answers whether
/// it succeeded.
///
/// # Errors
/// When it cannot be started.
pub async fn shown(launch: &Launch) -> Result<bool> {
    let mut command = launch.command();
    command.stdin(Stdio::inherit());
    let mut child =
        Command::from(command).spawn().with_context(|| format!("starting `{}`", launch.line()))?;
    let _guard = EndWithUs::new(&child);
    Ok(child.wait().await.with_context(|| format!("waiting for `{}`", launch.line()))?.success())
}

/// Runs a program to its end and answers what it wrote to standard output.
///
/// # Errors
/// When it cannot be started or fails, with what it wrote to standard error.
pub async fn output(launch: &Launch) -> Result<String> {
    let output = try_output(launch).await?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", launch.line(), output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a program to its end and answers how it ended.
///
/// # Errors
/// When it cannot be started.
pub async fn try_output(launch: &Launch) -> Result<Output> {
    let mut command = launch.command();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = Command::from(command).spawn().with_context(|| format!("starting `{}`", launch.line()))?;
    let _guard = EndWithUs::new(&child);
    child.wait_with_output().await.with_context(|| format!("waiting for `{}`", launch.line()))
}

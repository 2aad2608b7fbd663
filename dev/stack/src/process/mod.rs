//! Process control: starts programs, runs them to their end, and stops exactly the processes that
//! were started, even from another command.

mod handle;
mod launch;
mod run;
mod table;

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};

pub use self::handle::{Handle, KillOnDrop, StopSignal};
pub use self::launch::{Launch, Unprivileged};

/// How many lines of a log an error message quotes.
const TAIL: usize = 20;

/// The last lines of a log, for an error message.
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    if last.is_empty() {
        return format!("its log, {}, is empty", log.display());
    }
    format!("the end of its log, {}:\n    {}", log.display(), last.join("\n    "))
}

/// The path of this program, which starts other parts of the stack by its subcommands.
pub fn this_program() -> Result<PathBuf> {
    let path = env::current_exe().context("finding the path of this program")?;
    // Linux appends this after a build has replaced the file.
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(replaced.unwrap_or(path))
}

/// Waits for a signal that ends this program, and describes it.
pub async fn interrupted() -> Result<&'static str> {
    let listen = |kind| signal(kind).context("listening for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "Ctrl-C",
        _ = terminate.recv() => "SIGTERM",
        _ = hang_up.recv() => "the end of the terminal",
    })
}

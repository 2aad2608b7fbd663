//! Processes that outlive the command that started them: begun in a group of their own, logged to a file, and ended by
//! number only when that number still means the same process.

pub mod handle;
pub mod launch;
mod ready;
pub mod run;
mod table;

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context as _, Result};
pub use handle::{Handle, StopSignal};
pub use launch::{Launch, Unprivileged};
pub use ready::{eventually, start_until};

/// So many lines of a log go into an error.
const TAIL: usize = 20;

/// The last lines of a log, for an error.
#[must_use]
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    if last.is_empty() {
        return format!("its log, {}, is empty", log.display());
    }
    format!("the end of its log, {}:\n    {}", log.display(), last.join("\n    "))
}

/// This program, to be started again as another part of the stack.
///
/// # Errors
/// When the system does not say where it is.
pub fn this_program() -> Result<PathBuf> {
    let path = env::current_exe().context("finding out where this program is")?;
    // A build has put a new file in the place of the one that we were started from.
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(replaced.unwrap_or(path))
}

//! Processes that outlive the command that started them: begun in a group of their own, logged to a file, and ended by
//! number only when that number still means the same process.

pub mod handle;
pub mod launch;
pub mod run;
mod table;

pub use handle::{Handle, StopSignal};
pub use launch::{Launch, Unprivileged};

use std::fs;
use std::path::Path;

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

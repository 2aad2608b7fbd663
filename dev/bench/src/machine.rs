//! The programs that are measured, and their sizes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// What is measured: the functions, and what they are measured against.
pub(super) const FUNCTIONS: [&str; 10] =
    [FLOOR, "auth", "user", "chatroom", "subscription", "webhook", "queue", "site", "worker", "sweeper"];

/// A function that does nothing.
pub(super) const FLOOR: &str = "floor";

/// The sizes of the functions' programs, in bytes, as far as they are built.
pub(super) fn sizes(programs: &Path) -> Result<BTreeMap<&'static str, u64>> {
    let built = FUNCTIONS.iter().filter(|name| programs.join(name).exists());
    built
        .map(|&name| {
            let path = programs.join(name);
            let size = fs::metadata(&path).with_context(|| format!("looking at {}", path.display()))?.len();
            Ok((name, size))
        })
        .collect()
}

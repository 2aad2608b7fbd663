//! What the operating system has to say of processes and files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

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

/// How long the threads of process `pid` have been running on a processor, those that have ended left out.
///
/// # Errors
/// Where there is no such process, or no Linux.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    let tasks = format!("/proc/{pid}/task");
    let mut nanoseconds = 0;
    for task in fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))?.flatten() {
        // A thread that has just ended counts for nothing.
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        let running = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        nanoseconds += running.with_context(|| format!("{tasks} has no times"))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// How much memory of process `pid` is resident, in bytes.
///
/// # Errors
/// As above.
pub(super) fn resident(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("{path} has no VmRSS"))? * 1024)
}

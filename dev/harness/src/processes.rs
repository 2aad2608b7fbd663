//! What the operating system reports of processes: times, memory, state.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// How long the threads of process `pid` have been running on a processor, those that have ended left out.
///
/// # Errors
/// Where there is no such process, or no Linux.
pub fn cpu(pid: u32) -> Result<Duration> {
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

/// How long process `pid` has been running on processors, threads that have ended included, to the hundredth of a second.
/// Of a process that has ended, nothing.
#[must_use]
pub fn cpu_in_all(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold anything, brackets included; by itself and by the system for it are the 12th and 13th after it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    ticks(fields.skip(11).take(2))
}

/// How long the processors have been at work since the machine was started, and how long not; of all of them together.
///
/// # Errors
/// Where there is no Linux.
pub fn work_and_rest() -> Result<(Duration, Duration)> {
    let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let fields: Vec<&str> = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).collect();
    // user, nice, system, idle, waiting for disks, interrupts, soft interrupts, stolen by others of the host
    let of = |places: &[usize]| ticks(places.iter().filter_map(|&place| fields.get(place).copied()));
    Ok((of(&[0, 1, 2, 5, 6, 7]), of(&[3, 4])))
}

/// Linux tells programs times in hundredths of a second, whatever it counts in itself.
fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Duration {
    Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// Whether process `pid` was told to stand still.
///
/// # Errors
/// As above.
pub fn stands_still(pid: u32) -> Result<bool> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // The state comes after the name, which is in parentheses and may have any.
    Ok(text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
}

/// How much memory of process `pid` is resident, in bytes.
///
/// # Errors
/// As above.
pub fn resident(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS:")
}

/// How much memory of process `pid` was resident at the most, in bytes.
///
/// # Errors
/// As above.
pub fn peak(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, name: &str) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    Ok(kilobytes.with_context(|| format!("{path} has no {name}"))? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_does_is_seen() {
        let own = || cpu_in_all(std::process::id());
        let (before, (work, rest)) = (own(), work_and_rest().unwrap());
        let mut number = 0_u64;
        while own() < before + Duration::from_millis(30) {
            number = std::hint::black_box(number + 1);
        }
        let (work_after, rest_after) = work_and_rest().unwrap();
        // Processors tell their times one after the other, and each to the hundredth.
        assert!(work_after >= work + Duration::from_millis(10) && rest_after >= rest);
        assert_eq!(cpu_in_all(u32::MAX), Duration::ZERO, "there is no such process");
    }
}

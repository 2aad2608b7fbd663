//! What Linux reports about processes: processor time, memory, state.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The processor time of the living threads of process `pid`.
pub fn cpu(pid: u32) -> Result<Duration> {
    let tasks = format!("/proc/{pid}/task");
    let mut nanoseconds = 0;
    for task in fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))?.flatten() {
        // The thread has just ended.
        let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
        let running = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        nanoseconds += running.with_context(|| format!("{tasks} has no times"))?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The processor time of process `pid`, ended threads included, in steps of 10 ms; zero if it has
/// ended.
pub fn total_cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may contain brackets. User and system time are the 12th and 13th field after it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    ticks(fields.skip(11).take(2))
}

/// The busy and the idle time of all processors together since the machine was started.
pub fn work_and_rest() -> Result<(Duration, Duration)> {
    let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let fields: Vec<&str> = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    let of = |places: &[usize]| ticks(places.iter().filter_map(|&place| fields.get(place).copied()));
    Ok((of(&[0, 1, 2, 5, 6, 7]), of(&[3, 4])))
}

/// Linux reports these times in hundredths of a second, whatever its own clock's rate.
fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Duration {
    Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
}

pub fn is_stopped(pid: u32) -> Result<bool> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    // The state follows the name, which is in parentheses and may contain more of them.
    Ok(text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
}

/// The resident memory of process `pid`, in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS:")
}

/// The peak resident memory of process `pid`, in bytes.
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
    fn processor_time_of_a_busy_process_is_reported() {
        let own = || total_cpu(std::process::id());
        let (before, (work, rest)) = (own(), work_and_rest().unwrap());
        let mut number = 0_u64;
        while own() < before + Duration::from_millis(30) {
            number = std::hint::black_box(number + 1);
        }
        let (work_after, rest_after) = work_and_rest().unwrap();
        // The times of the processors are read one after the other, each in steps of 10 ms.
        assert!(work_after >= work + Duration::from_millis(10) && rest_after >= rest);
        assert_eq!(total_cpu(u32::MAX), Duration::ZERO, "no such process");
    }
}

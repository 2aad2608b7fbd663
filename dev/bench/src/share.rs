//! A share of a processor, as a function has it: Lambda gives processor time in proportion to memory, by the quota of Linux's
//! scheduler. Here by a control group, where this process may make one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The memory at which a function has one whole processor
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const WHOLE_MB: f64 = 1769.0;

/// In each so long a time it runs for its share. Not said by AWS; measured by others.
pub(super) const PERIOD: Duration = Duration::from_millis(20);

/// Where groups are: version 1 of their interface, and version 2.
const VERSION_1: &str = "/sys/fs/cgroup/cpu";
const VERSION_2: &str = "/sys/fs/cgroup";

/// How groups of ours are called.
const PREFIX: &str = "cargo-dev-bench-";

/// The share of a processor that a function with so much memory has.
pub(super) fn share_of(megabytes: u64) -> f64 {
    u32::try_from(megabytes).map_or(1.0, f64::from) / WHOLE_MB
}

/// A group of processes that share what a function has.
pub(super) struct Share(PathBuf);

impl Share {
    /// A group for a function with so much memory, or nothing where none can be made.
    pub(super) fn at(megabytes: u64) -> Option<Self> {
        let name = format!("{PREFIX}{}-{megabytes}", std::process::id());
        let quota = quota(megabytes).as_micros();
        let period = PERIOD.as_micros();
        let (first, second) = (Path::new(VERSION_1).join(&name), Path::new(VERSION_2).join(&name));
        let made = |group: &Path, files: &[(&str, String)]| {
            fs::create_dir(group).ok()?;
            // From here on the group is deleted if something goes wrong.
            let share = Self(group.to_owned());
            files.iter().all(|(file, text)| fs::write(group.join(file), text).is_ok()).then_some(share)
        };
        if Path::new(VERSION_1).join("cpu.cfs_quota_us").exists() {
            let files = [("cpu.cfs_period_us", period.to_string()), ("cpu.cfs_quota_us", quota.to_string())];
            return made(&first, &files);
        }
        let is_second = Path::new(VERSION_2).join("cgroup.controllers").exists();
        is_second.then(|| made(&second, &[("cpu.max", format!("{quota} {period}"))])).flatten()
    }

    /// From now on process `pid` has this share.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn take(&self, pid: u32) -> Result<()> {
        let file = self.0.join("cgroup.procs");
        fs::write(&file, pid.to_string()).with_context(|| format!("writing {}", file.display()))
    }

    /// The words that start a program with this share from its first instruction on: once it is told to go on, for joining the
    /// group takes longer than many a start.
    pub(super) fn words(&self) -> [String; 4] {
        let script = format!("echo $$ > '{}/cgroup.procs' && kill -STOP $$ && exec \"$@\"", self.0.display());
        ["sh", "-c", &script, "sh"].map(str::to_owned)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // A process that has just been killed is in it for a moment still.
        for _ in 0..20 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Deletes what runs before this one have left.
pub(super) fn clear() {
    for folder in [VERSION_1, VERSION_2] {
        for group in fs::read_dir(folder).into_iter().flatten().flatten() {
            if group.file_name().to_string_lossy().starts_with(PREFIX) {
                // One that has processes in it cannot be deleted, and is somebody else's.
                let _ = fs::remove_dir(group.path());
            }
        }
    }
}

/// What a function with so much memory has of each period.
fn quota(megabytes: u64) -> Duration {
    PERIOD.mul_f64(share_of(megabytes))
}

/// How long something takes that took `wall` with a whole processor, and was on it for `cpu` of that: what is computed where no
/// group can be made. It leaves out that quotas come in portions.
pub(super) fn stretched(wall: Duration, cpu: Duration, megabytes: u64) -> Duration {
    wall.saturating_sub(cpu) + cpu.div_f64(share_of(megabytes).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_is_had_at_1769_megabytes_and_a_fourteenth_at_128() {
        assert_eq!(quota(1769), PERIOD);
        assert_eq!(quota(128).as_micros(), 1_447);
    }

    #[test]
    fn what_computes_is_stretched_and_what_waits_is_not() {
        let (wall, cpu) = (Duration::from_millis(30), Duration::from_millis(10));
        assert_eq!(stretched(wall, cpu, 1769), wall);
        assert_eq!(stretched(wall, cpu, 3538), wall);
        let half = stretched(Duration::from_millis(30), cpu, 1769 / 2);
        assert!(half > Duration::from_millis(39) && half < Duration::from_millis(41), "{half:?}");
    }
}

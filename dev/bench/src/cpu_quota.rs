//! The CPU quota of a Lambda function. Lambda grants CPU time in proportion to memory, with the quota of Linux's scheduler; here a
//! control group does the same, if this process may create one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The memory at which a function has one vCPU
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const ONE_VCPU_MB: f64 = 1769.0;

/// The scheduler grants the quota once in each period. AWS does not document its length; others have measured it.
pub(crate) const PERIOD: Duration = Duration::from_millis(20);

/// Where control groups of version 1 and version 2 are.
const VERSION_1: &str = "/sys/fs/cgroup/cpu";
const VERSION_2: &str = "/sys/fs/cgroup";

/// The prefix of the groups' names.
const PREFIX: &str = "cargo-dev-bench-";

/// A control group with the quota of a function.
pub(crate) struct CpuQuota(PathBuf);

impl CpuQuota {
    /// The quota of a function with so much memory, or `None` if this process cannot create control groups.
    pub(crate) fn create(megabytes: u64) -> Option<Self> {
        let name = format!("{PREFIX}{}-{megabytes}", std::process::id());
        let (quota, period) = (quota(megabytes).as_micros(), PERIOD.as_micros());
        let create = |folder: &str, files: &[(&str, String)]| {
            let group = Path::new(folder).join(&name);
            fs::create_dir(&group).ok()?;
            // Deletes the group again if a file cannot be written.
            let created = Self(group);
            files.iter().all(|(file, text)| fs::write(created.0.join(file), text).is_ok()).then_some(created)
        };
        if Path::new(VERSION_1).join("cpu.cfs_quota_us").exists() {
            let files = [("cpu.cfs_period_us", period.to_string()), ("cpu.cfs_quota_us", quota.to_string())];
            return create(VERSION_1, &files);
        }
        let is_version_2 = Path::new(VERSION_2).join("cgroup.controllers").exists();
        is_version_2.then(|| create(VERSION_2, &[("cpu.max", format!("{quota} {period}"))])).flatten()
    }

    /// Applies the quota to a running process.
    pub(crate) fn apply(&self, pid: u32) -> Result<()> {
        let file = self.0.join("cgroup.procs");
        fs::write(&file, pid.to_string()).with_context(|| format!("writing {}", file.display()))
    }

    /// A command prefix that starts a program under the quota. The process stops itself before it executes the program, because
    /// joining the group takes longer than many cold starts; it must be resumed.
    pub(crate) fn command_prefix(&self) -> [String; 4] {
        let script = format!("echo $$ > '{}/cgroup.procs' && kill -STOP $$ && exec \"$@\"", self.0.display());
        ["sh", "-c", &script, "sh"].map(str::to_owned)
    }
}

impl Drop for CpuQuota {
    fn drop(&mut self) {
        // A group can only be deleted once its killed processes are gone.
        for _ in 0..20 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Deletes groups that earlier runs have left behind.
pub(crate) fn clear() {
    for folder in [VERSION_1, VERSION_2] {
        for group in fs::read_dir(folder).into_iter().flatten().flatten() {
            if group.file_name().to_string_lossy().starts_with(PREFIX) {
                // Fails for a group with processes, which belongs to another run.
                let _ = fs::remove_dir(group.path());
            }
        }
    }
}

/// The vCPUs of a function with so much memory.
fn vcpus(megabytes: u64) -> f64 {
    u32::try_from(megabytes).map_or(1.0, f64::from) / ONE_VCPU_MB
}

/// The CPU time per period of a function with so much memory.
fn quota(megabytes: u64) -> Duration {
    PERIOD.mul_f64(vcpus(megabytes))
}

/// Estimates a duration under the quota from one without, of which `cpu` was CPU time. It ignores that the scheduler grants quotas
/// by period.
pub(crate) fn estimate_duration(wall: Duration, cpu: Duration, megabytes: u64) -> Duration {
    wall.saturating_sub(cpu) + cpu.div_f64(vcpus(megabytes).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_is_proportional_to_memory() {
        assert_eq!(quota(1769), PERIOD);
        assert_eq!(quota(128).as_micros(), 1_447);
    }

    #[test]
    fn quota_stretches_cpu_time_and_not_waiting() {
        let (wall, cpu) = (Duration::from_millis(30), Duration::from_millis(10));
        assert_eq!(estimate_duration(wall, cpu, 1769), wall);
        assert_eq!(estimate_duration(wall, cpu, 3538), wall);
        let half = estimate_duration(wall, cpu, 1769 / 2);
        assert!(half > Duration::from_millis(39) && half < Duration::from_millis(41), "{half:?}");
    }
}

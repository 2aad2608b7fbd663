//! The CPU quota of a Lambda function. Lambda grants CPU time in proportion to memory, with the
//! quota of Linux's scheduler. A control group does the same here, if this process may create one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The memory at which a function has one vCPU
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const ONE_VCPU_MB: f64 = 1769.0;

/// The scheduler grants the quota once in each period. AWS does not document its length; others
/// have measured it.
pub(crate) const PERIOD: Duration = Duration::from_millis(20);

/// The folders of control groups.
const VERSION_1: &str = "/sys/fs/cgroup/cpu";
const VERSION_2: &str = "/sys/fs/cgroup";

const PREFIX: &str = "cargo-dev-bench-";

/// A control group with the quota of a function.
pub(crate) struct CpuQuota(PathBuf);

impl CpuQuota {
    /// `None` if this process cannot create control groups.
    pub(crate) fn create(megabytes: u64) -> Option<Self> {
        let (quota, period) = (quota(megabytes).as_micros(), PERIOD.as_micros());
        let (folder, files) = if Path::new(VERSION_1).join("cpu.cfs_quota_us").exists() {
            let files = [("cpu.cfs_period_us", period.to_string()), ("cpu.cfs_quota_us", quota.to_string())];
            (VERSION_1, files.to_vec())
        } else if Path::new(VERSION_2).join("cgroup.controllers").exists() {
            (VERSION_2, vec![("cpu.max", format!("{quota} {period}"))])
        } else {
            return None;
        };
        let group = Path::new(folder).join(format!("{PREFIX}{}-{megabytes}", std::process::id()));
        fs::create_dir(&group).ok()?;
        // Deletes the group again if a file cannot be written.
        let group = Self(group);
        files.iter().all(|(file, text)| fs::write(group.0.join(file), text).is_ok()).then_some(group)
    }

    pub(crate) fn apply(&self, pid: u32) -> Result<()> {
        let file = self.0.join("cgroup.procs");
        fs::write(&file, pid.to_string()).with_context(|| format!("writing {}", file.display()))
    }

    /// A command prefix that starts a program under the quota. The process stops itself before it
    /// executes the program, because joining the group takes longer than many cold starts. The
    /// caller must resume it.
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

fn vcpus(megabytes: u64) -> f64 {
    u32::try_from(megabytes).map_or(1.0, f64::from) / ONE_VCPU_MB
}

/// The CPU time per period.
fn quota(megabytes: u64) -> Duration {
    PERIOD.mul_f64(vcpus(megabytes))
}

/// Estimates a duration under the quota from one without, of which `cpu` was CPU time. It ignores
/// that the scheduler grants quotas by period.
pub(crate) fn estimate_duration(wall: Duration, cpu: Duration, megabytes: u64) -> Duration {
    wall.saturating_sub(cpu) + cpu.div_f64(vcpus(megabytes).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quota_is_proportional_to_memory_and_stretches_cpu_time() {
        assert_eq!(quota(1769), PERIOD);
        assert_eq!(quota(128).as_micros(), 1_447);
        // It stretches CPU time and not waiting.
        let (wall, cpu) = (Duration::from_millis(30), Duration::from_millis(10));
        assert_eq!(estimate_duration(wall, cpu, 1769), wall);
        assert_eq!(estimate_duration(wall, cpu, 3538), wall);
        let half = estimate_duration(wall, cpu, 1769 / 2);
        assert!(half > Duration::from_millis(39) && half < Duration::from_millis(41), "{half:?}");
    }
}

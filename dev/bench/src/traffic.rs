//! What requests leave behind: commands at Redis, and lines in a log.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use harness::TestEnvironment;
use harness::proxy::address_of;
use stack::services::redis;

/// What there is at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Traffic {
    /// Commands that Redis has executed, those in scripts included.
    pub(super) redis_commands: f64,
    /// What it has read and written.
    pub(super) redis_bytes: f64,
    /// What asking it adds to that.
    asking: f64,
    /// What is in the function's log.
    pub(super) log_bytes: f64,
    pub(super) log_lines: f64,
}

impl Traffic {
    pub(super) async fn now(world: &TestEnvironment, function: &str) -> Result<Self> {
        let port = address_of(world.direct_url("REDIS_URL")?)?.port();
        let (log_bytes, log_lines) = of_log(&world.home.log(function))?;
        Ok(Self { log_bytes, log_lines, ..Self::of_redis(&redis::info(port).await?) })
    }

    /// What has come since `before`, which was the last that was asked of Redis before this.
    pub(super) fn since(self, before: &Self) -> Self {
        Self {
            redis_commands: self.redis_commands - before.redis_commands,
            redis_bytes: self.redis_bytes - before.redis_bytes - before.asking,
            asking: 0.0,
            log_bytes: self.log_bytes - before.log_bytes,
            log_lines: self.log_lines - before.log_lines,
        }
    }

    pub(super) fn and(self, other: &Self) -> Self {
        Self {
            redis_commands: self.redis_commands + other.redis_commands,
            redis_bytes: self.redis_bytes + other.redis_bytes,
            asking: 0.0,
            log_bytes: self.log_bytes + other.log_bytes,
            log_lines: self.log_lines + other.log_lines,
        }
    }

    /// For one of `times`.
    pub(super) fn per(self, times: usize) -> Self {
        let per = |all: f64| (all / u32::try_from(times).map_or(1.0, f64::from) * 100.0).round() / 100.0;
        Self {
            redis_commands: per(self.redis_commands),
            redis_bytes: per(self.redis_bytes),
            asking: 0.0,
            log_bytes: per(self.log_bytes),
            log_lines: per(self.log_lines),
        }
    }

    /// What Redis says of itself; the asking is left out of the commands, and its answer is counted
    /// by the next.
    fn of_redis(info: &str) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "it is not that long")]
        let asking = (info.len()) as f64;
        let mut traffic = Self { asking, ..Self::default() };
        for line in info.lines() {
            let Some((name, value)) = line.split_once(':') else { continue };
            match name {
                "total_net_input_bytes" | "total_net_output_bytes" => {
                    traffic.redis_bytes += value.parse().unwrap_or(0.0);
                }
                "cmdstat_info" | "cmdstat_quit" => {}
                _ if name.starts_with("cmdstat_") => {
                    let calls = value.strip_prefix("calls=").and_then(|rest| rest.split(',').next());
                    traffic.redis_commands += calls.and_then(|calls| calls.parse().ok()).unwrap_or(0.0);
                }
                _ => {}
            }
        }
        traffic
    }
}

#[expect(clippy::cast_precision_loss, reason = "a log is not that long")]
fn of_log(path: &Path) -> Result<(f64, f64)> {
    if !path.exists() {
        return Ok((0.0, 0.0));
    }
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Ok((text.len() as f64, text.lines().count() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_scripts_are_counted_and_the_asking_is_not() {
        let info = "total_net_input_bytes:100\r\ncmdstat_info:calls=9,usec=1\r\ncmdstat_evalsha:calls=2,usec=3\r\n\
                    cmdstat_incrby:calls=4,usec=5\r\n";
        let before = Traffic::of_redis(info);
        assert!((before.redis_commands - 6.0).abs() < 1e-9);
        #[expect(clippy::cast_precision_loss, reason = "it is not that long")]
        let after = Traffic { redis_bytes: 150.0 + info.len() as f64, redis_commands: 8.0, ..before };
        let between = after.since(&before);
        assert!((between.redis_bytes - 50.0).abs() < 1e-9);
        assert!((between.redis_commands - 2.0).abs() < 1e-9);
    }
}

//! Counts Redis commands and log output of a function.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use harness::TestEnvironment;
use harness::proxy::address_of;
use stack::services::redis;

use crate::counters::Counters;

/// The counters at one moment: `redis_commands` (including those inside scripts), `redis_bytes` in both directions, `log_bytes`
/// and `log_lines`.
#[derive(Debug)]
pub(crate) struct IoCounters {
    counters: Counters,
    /// Size of the reply to `INFO`, which Redis adds to its bytes only afterwards.
    info_bytes: Counters,
}

impl IoCounters {
    pub(crate) async fn read(environment: &TestEnvironment, function: &str) -> Result<Self> {
        let address = address_of(environment.direct_url("REDIS_URL")?)?;
        let mut counters = Self::of_info(&redis::info(address).await?);
        counters.counters.add(&log_counters(&environment.home.log(function))?);
        Ok(counters)
    }

    /// The increase since `before`, which must be the previous snapshot.
    pub(crate) fn since(self, before: &Self) -> Counters {
        self.counters.since(&before.counters).since(&before.info_bytes)
    }

    /// Reads Redis's `INFO`. The commands of `INFO` itself are not counted.
    fn of_info(info: &str) -> Self {
        let (mut commands, mut bytes) = (0.0, 0.0);
        for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
            match name {
                "total_net_input_bytes" | "total_net_output_bytes" => bytes += value.parse().unwrap_or(0.0),
                "cmdstat_info" | "cmdstat_quit" => {}
                _ if name.starts_with("cmdstat_") => {
                    let calls = value.strip_prefix("calls=").and_then(|rest| rest.split(',').next());
                    commands += calls.and_then(|calls| calls.parse().ok()).unwrap_or(0.0);
                }
                _ => {}
            }
        }
        let counters = Counters::from([("redis_commands", commands), ("redis_bytes", bytes)]);
        Self { counters, info_bytes: Counters::from([("redis_bytes", length(info))]) }
    }
}

fn log_counters(path: &Path) -> Result<Counters> {
    let text = if path.exists() {
        fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?
    } else {
        String::new()
    };
    let lines = text.matches('\n').count();
    Ok(Counters::from([("log_bytes", length(&text)), ("log_lines", u32::try_from(lines)?.into())]))
}

#[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^52 bytes")]
fn length(text: &str) -> f64 {
    text.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_inside_scripts_count_and_info_itself_does_not() {
        let info = |bytes: usize, calls: u8| {
            format!(
                "total_net_input_bytes:{bytes:06}\r\ncmdstat_info:calls=9,usec=1\r\ncmdstat_evalsha:calls=2,usec=3\r\n\
                 cmdstat_incrby:calls={calls},usec=5\r\n"
            )
        };
        let before = info(100, 4);
        let after = IoCounters::of_info(&info(150 + before.len(), 6));
        let increase = after.since(&IoCounters::of_info(&before));
        assert_eq!(increase, Counters::from([("redis_bytes", 50.0), ("redis_commands", 2.0)]));
    }
}

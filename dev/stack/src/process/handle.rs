//! A process, identified so that a later process with the same number is never taken for it.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::table;

const POLL_INTERVAL: Duration = Duration::from_millis(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    Terminate,
    /// Postgres ends at once on it, and on SIGTERM waits until its clients disconnect.
    Interrupt,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    pub pid: u32,
    started: String,
}

impl Handle {
    /// The process that has the number `pid` now, unless it has ended already.
    pub fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, started: table::entry(pid)?.started })
    }

    pub fn is_alive(&self) -> bool {
        table::entry(self.pid).is_some_and(|entry| entry.started == self.started)
    }

    /// The process and all its descendants, parents first.
    pub fn tree(&self) -> Vec<Self> {
        if !self.is_alive() {
            return Vec::new();
        }
        let all = table::all();
        let mut tree = vec![self.clone()];
        let mut next = 0;
        while let Some(parent) = tree.get(next).map(|member| member.pid) {
            let children = all.iter().filter(|(_, entry)| entry.parent == parent);
            tree.extend(children.map(|(&pid, entry)| Self { pid, started: entry.started.clone() }));
            next += 1;
        }
        tree
    }

    /// Sends the process `signal` and waits until it and its descendants have ended. After
    /// `timeout` kills them and returns false.
    pub async fn stop(&self, signal: StopSignal, timeout: Duration) -> bool {
        let tree = self.tree();
        self.signal(match signal {
            StopSignal::Terminate => Signal::SIGTERM,
            StopSignal::Interrupt => Signal::SIGINT,
        });
        let deadline = Instant::now() + timeout;
        while tree.iter().any(Self::is_alive) {
            if Instant::now() > deadline {
                for member in &tree {
                    member.signal(Signal::SIGKILL);
                }
                return false;
            }
            sleep(POLL_INTERVAL).await;
        }
        true
    }

    pub fn kill_tree(&self) {
        for member in self.tree() {
            member.signal(Signal::SIGKILL);
        }
    }

    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let Ok(pid) = i32::try_from(self.pid) else { return };
        if self.is_alive() {
            // Fails only if the process has just ended.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// Kills a process and its descendants when dropped.
#[derive(Debug)]
pub struct KillOnDrop(pub(super) Option<Handle>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.kill_tree();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;

    #[tokio::test]
    async fn process_that_ignores_sigterm_is_killed_with_its_children() {
        let script = "trap '' TERM; sleep 61 & sleep 62 & wait; wait";
        let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let handle = Handle::of(child.id().unwrap()).unwrap();
        while handle.tree().len() < 3 {
            sleep(POLL_INTERVAL).await;
        }
        let tree = handle.tree();
        assert!(!handle.stop(StopSignal::Terminate, Duration::from_millis(100)).await);
        child.wait().await.unwrap();
        while tree.iter().any(Handle::is_alive) {
            sleep(POLL_INTERVAL).await;
        }
    }

    #[tokio::test]
    async fn later_process_with_the_same_number_is_not_stopped() {
        let mut child = Command::new("sleep").arg("63").spawn().unwrap();
        let stale = Handle { pid: child.id().unwrap(), started: "before".to_owned() };
        assert!(!stale.is_alive());
        assert!(stale.stop(StopSignal::Terminate, Duration::from_millis(50)).await);
        assert!(child.try_wait().unwrap().is_none());
        child.kill().await.unwrap();
    }
}

//! A process, named so that another with the same number is never mistaken for it.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::table;

/// How often an ending process is looked at.
const GLANCE: Duration = Duration::from_millis(30);

/// How a process is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    /// As most programs understand it.
    Terminate,
    /// For Postgres, which on the other waits for its clients to leave.
    Interrupt,
}

/// A process: its number and when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// Its number.
    pub pid: u32,
    started: String,
}

impl Handle {
    /// The process that has the number `pid` now, unless it has ended already.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, started: table::entry(pid)?.started })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        table::entry(self.pid).is_some_and(|entry| entry.started == self.started)
    }

    /// It and all its descendants, parents first.
    #[must_use]
    pub fn family(&self) -> Vec<Self> {
        let all = table::all();
        let mut family: Vec<Self> = if self.is_alive() { vec![self.clone()] } else { Vec::new() };
        let mut next = 0;
        while let Some(parent) = family.get(next).map(|member| member.pid) {
            let children = all.iter().filter(|(_, entry)| entry.parent == parent);
            family.extend(children.map(|(&pid, entry)| Self { pid, started: entry.started.clone() }));
            next += 1;
        }
        family
    }

    /// Asks the process to end, waits up to `patience`, then ends what is left of it and its descendants. Answers
    /// whether it ended by itself.
    pub async fn stop(&self, signal: StopSignal, patience: Duration) -> bool {
        let family = self.family();
        self.signal(match signal {
            StopSignal::Terminate => Signal::SIGTERM,
            StopSignal::Interrupt => Signal::SIGINT,
        });
        let deadline = Instant::now() + patience;
        while family.iter().any(Self::is_alive) {
            if Instant::now() > deadline {
                for member in &family {
                    member.signal(Signal::SIGKILL);
                }
                return false;
            }
            sleep(GLANCE).await;
        }
        true
    }

    /// Ends the process and its descendants at once.
    pub fn kill_family(&self) {
        for member in self.family() {
            member.signal(Signal::SIGKILL);
        }
    }

    /// Has the process stand still, whatever it is doing, until [`Self::resume`].
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Has a frozen process go on where it stood.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let Ok(pid) = i32::try_from(self.pid) else { return };
        if self.is_alive() {
            // An error means that it has just ended.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_process_that_will_not_end_is_ended_with_its_children() {
        let script = "trap '' TERM; sleep 61 & sleep 62 & wait; wait";
        let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
        let handle = Handle::of(child.id().unwrap()).unwrap();
        while handle.family().len() < 3 {
            sleep(GLANCE).await;
        }
        let family = handle.family();
        assert!(!handle.stop(StopSignal::Terminate, Duration::from_millis(100)).await);
        child.wait().await.unwrap();
        while family.iter().any(Handle::is_alive) {
            sleep(GLANCE).await;
        }
    }

    #[tokio::test]
    async fn another_process_with_the_number_is_left_alone() {
        let mut child = Command::new("sleep").arg("63").spawn().unwrap();
        let stale = Handle { pid: child.id().unwrap(), started: "before".to_owned() };
        assert!(!stale.is_alive());
        assert!(stale.stop(StopSignal::Terminate, Duration::from_millis(50)).await);
        assert!(child.try_wait().unwrap().is_none());
        child.kill().await.unwrap();
    }
}

//! What all scenarios of one run share.

use std::path::PathBuf;
use std::time::Duration;

use stack::StackFolder;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The counts that the promises name.
    Full,
    /// Small counts, for every run of the tests.
    Short,
}

impl Scale {
    pub fn of<T>(self, full: T, short: T) -> T {
        match self {
            Self::Full => full,
            Self::Short => short,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Suite {
    /// The folder that holds the folders of the scenarios.
    pub home: StackFolder,
    pub scale: Scale,
    pub programs: PathBuf,
    /// How long the scenario `soak` lasts.
    pub soak: Duration,
}

impl Suite {
    /// The limit for something that must happen within `goal`. At the short scale the machine is
    /// busy with other tests, so five times the goal separates only what hangs from what recovers.
    pub fn time_limit(&self, goal: Duration) -> Duration {
        self.scale.of(goal, goal * 5)
    }

    pub fn home_of(&self, name: &str) -> StackFolder {
        StackFolder::at(&self.home.dir().join(name))
    }
}

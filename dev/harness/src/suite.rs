//! What all scenarios of one run share.

use std::path::PathBuf;
use std::time::Duration;

use stack::StackFolder;

/// How much a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The counts that the promises name.
    Full,
    /// Small counts, for every run of the tests.
    Short,
}

impl Scale {
    /// The value for this scale.
    pub fn of<T>(self, full: T, short: T) -> T {
        match self {
            Self::Full => full,
            Self::Short => short,
        }
    }
}

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The folder that holds the folders of the scenarios.
    pub home: StackFolder,
    /// How much the run does.
    pub scale: Scale,
    /// The folder of the functions' programs.
    pub programs: PathBuf,
}

impl Suite {
    /// The limit for something that must happen within `goal`. At the short scale the machine is
    /// busy with other tests, so five times the goal separates only what hangs from what recovers.
    #[must_use]
    pub fn time_limit(&self, goal: Duration) -> Duration {
        self.scale.of(goal, goal * 5)
    }

    /// The folder of the scenario called `name`.
    #[must_use]
    pub fn home_of(&self, name: &str) -> StackFolder {
        StackFolder::at(&self.home.dir().join(name))
    }
}

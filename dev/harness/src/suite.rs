//! What all scenarios of a run share.

use std::path::PathBuf;
use std::time::Duration;

use stack::StackFolder;

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As much as the promises say.
    Full,
    /// A little of each, for every run of the tests.
    Short,
}

impl Scale {
    /// Which of two numbers this scale has.
    pub fn of<T>(self, full: T, short: T) -> T {
        match self {
            Self::Full => full,
            Self::Short => short,
        }
    }
}

/// What scenarios share.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Where worlds are.
    pub home: StackFolder,
    /// How much is tried.
    pub scale: Scale,
    /// Where the functions' programs are.
    pub programs: PathBuf,
}

impl Suite {
    /// How long something may take that is promised within `goal`. In a run of the tests, on a machine that is busy with who
    /// knows what, only what hangs is told from what heals.
    #[must_use]
    pub fn within(&self, goal: Duration) -> Duration {
        self.scale.of(goal, goal * 5)
    }

    /// Where the scenario called `name` has its files.
    #[must_use]
    pub fn home_of(&self, name: &str) -> StackFolder {
        StackFolder::at(&self.home.dir().join(name))
    }
}

//! The processes of the functions.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use stack::home::Home;
use stack::process::Launch;
use stack::settings::CONTRACT;
use stack::state::State;
use tokio::process::{Child, Command};

/// A process that ends is not started again before so long after its own start: one that cannot run would only fill its
/// log.
const PAUSE: Duration = Duration::from_secs(2);

/// The processes, by function.
pub(super) struct Instances {
    home: Home,
    base_url: String,
    env: BTreeMap<String, String>,
    programs: PathBuf,
    slots: Vec<Slot>,
}

struct Slot {
    function: String,
    process: Option<Child>,
    started: Option<Instant>,
}

impl Instances {
    pub(super) fn new(home: &Home, state: &State, programs: &Path) -> Self {
        Self {
            home: home.clone(),
            base_url: state.base_url.clone(),
            env: state.env.clone(),
            programs: programs.to_owned(),
            slots: Vec::new(),
        }
    }

    /// From now on there are to be `count` processes of `function`.
    pub(super) fn want(&mut self, function: &str, count: usize) {
        let slot = || Slot { function: function.to_owned(), process: None, started: None };
        self.slots.extend((0..count).map(|_| slot()));
    }

    /// Starts those that are not there.
    pub(super) fn tend(&mut self) -> Result<()> {
        for number in 0..self.slots.len() {
            let Some(slot) = self.slots.get_mut(number) else { continue };
            if let Some(process) = &mut slot.process {
                let Some(status) = process.try_wait().context("looking after a function")? else { continue };
                println!(
                    "a process of {} has ended ({status}); `cargo dev logs {0}` may say why",
                    slot.function
                );
                slot.process = None;
            }
            if slot.started.is_some_and(|started| started.elapsed() < PAUSE) {
                continue;
            }
            let function = slot.function.clone();
            let process = self.start(&function);
            let Some(slot) = self.slots.get_mut(number) else { continue };
            slot.started = Some(Instant::now());
            match process {
                Ok(process) => slot.process = Some(process),
                Err(error) => println!("{error:#}"),
            }
        }
        Ok(())
    }

    /// Ends the processes of `function` and starts them from what is built now.
    pub(super) fn restart(&mut self, function: &str) -> Result<()> {
        for slot in self.slots.iter_mut().filter(|slot| slot.function == function) {
            // Dropping the process ends it.
            slot.process = None;
            slot.started = None;
        }
        self.tend()
    }

    fn start(&self, function: &str) -> Result<Child> {
        let path = self.home.log(function);
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("opening the log {}", path.display()))?;
        let both = log.try_clone().with_context(|| format!("sharing the log {}", path.display()))?;
        let runtime_api = format!("{}/.rt/{function}", self.base_url);
        let launch = Launch::new(self.programs.join(function))
            .without(CONTRACT)
            .env(self.env.clone())
            .env(crate::variables(function, &runtime_api));
        let mut command = launch.command();
        command.stdout(log).stderr(both);
        let started = Command::from(command).kill_on_drop(true).spawn();
        started.with_context(|| format!("starting `{}`", launch.line()))
    }
}

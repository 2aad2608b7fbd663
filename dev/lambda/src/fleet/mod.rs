//! The functions' processes: some of each, fed by `cargo lambda watch --only-lambda-apis`, started again when one ends,
//! and replaced when their source has changed and builds.
//!
//! `cargo lambda watch` could start them itself. But each of its instances is a `cargo run`, so that starting or
//! reloading waits for cargo's lock (measured: 16 instances of each function and hanging requests while another build
//! ran), and it ends the old code before the new has built.

mod instances;
mod schedule;
mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use stack::functions::{self, MIGRATE, Reload, WORKER};
use stack::home::Home;
use stack::process::{Launch, run as process};
use stack::settings::Settings;
use stack::state::State;
use stack::template::Template;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use self::instances::Instances;
use self::sources::Sources;
use crate::pump;

/// How often processes and source files are looked at.
const GLANCE: Duration = Duration::from_millis(300);

/// Keeps the functions running until told to end.
///
/// # Errors
/// When there is no stack, or no function.
pub async fn run(home: &Home, reload: Reload) -> Result<()> {
    let mut fleet = Fleet::new(home, reload).await?;
    let _schedules = schedule::follow(home)?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for the signal to end")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for the signal to end")?;
    tokio::select! {
        never = fleet.supervise() => never,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
    // Dropping the fleet ends its processes.
}

/// How many processes of an HTTP function there are. Each serves one request at a time, as on Lambda, and a long poll
/// holds one of `chatroom` for its whole wait.
fn instances(function: &str) -> usize {
    if function == "chatroom" { 16 } else { 4 }
}

struct Fleet {
    home: Home,
    env: BTreeMap<String, String>,
    instances: Instances,
    sources: Option<Sources>,
    build: Option<JoinHandle<Result<String>>>,
    built: BTreeMap<String, SystemTime>,
    programs: PathBuf,
}

impl Fleet {
    async fn new(home: &Home, reload: Reload) -> Result<Self> {
        let state = State::load(home)?.context("there is no stack whose functions to run")?;
        let template = Template::read(home.root())?;
        let programs = functions::programs(home).await?;
        let names = template.binaries();
        let sources = (reload == Reload::OnChange).then(|| Sources::new(home.root()));
        let settings = Settings::from(state.env.clone());
        let mut fleet = Self {
            home: home.clone(),
            instances: Instances::new(home, &state, &programs),
            env: state.env.clone(),
            sources,
            build: None,
            built: BTreeMap::new(),
            programs,
        };
        for name in names {
            fleet.built.insert(name.clone(), fleet.modified(&name));
            if name == WORKER {
                fleet.instances.want(&name, pump::events(&template, &settings)?.concurrency);
            } else if name != MIGRATE {
                fleet.instances.want(&name, instances(&name));
            }
        }
        Ok(fleet)
    }

    async fn supervise(&mut self) -> Result<()> {
        loop {
            self.instances.tend()?;
            if self.build.as_ref().is_some_and(JoinHandle::is_finished)
                && let Some(build) = self.build.take()
            {
                match build.await.context("building")? {
                    Ok(_) => self.replace().await?,
                    Err(error) => println!("{error:#}\nThe functions go on as they were."),
                }
            }
            if self.build.is_none() && self.sources.as_mut().is_some_and(Sources::have_changed) {
                let cargo =
                    Launch::new("cargo").args(["build", "--bins", "--quiet"]).folder(self.home.root());
                self.build = Some(tokio::spawn(async move { process::output(&cargo).await }));
            }
            sleep(GLANCE).await;
        }
    }

    /// Has the new programs take over from the old ones.
    async fn replace(&mut self) -> Result<()> {
        let names: Vec<String> = self.built.keys().cloned().collect();
        let changed: Vec<String> =
            names.into_iter().filter(|name| self.modified(name) != self.built[name]).collect();
        for name in &changed {
            self.built.insert(name.clone(), self.modified(name));
            if name != MIGRATE {
                self.instances.restart(name)?;
            } else if let Err(error) = functions::run_migrations(&self.home, &self.env).await {
                println!("{error:#}");
            }
        }
        if !changed.is_empty() {
            println!("reloaded {}", changed.join(", "));
        }
        Ok(())
    }

    fn modified(&self, name: &str) -> SystemTime {
        let modified = fs::metadata(self.programs.join(name)).and_then(|metadata| metadata.modified());
        modified.unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

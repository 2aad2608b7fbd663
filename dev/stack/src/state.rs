//! `state.json`: the processes of a stack, saved as they start, so that a later command finds and
//! stops exactly these.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::folder::StackFolder;
use crate::process::{Handle, Launch, StopSignal};
use crate::progress;
use crate::services::names;
use crate::settings::{read_if_exists, write_private};

const STOP_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// The URL of the API.
    pub base_url: String,
    /// The functions' variables. Some are secret, so only the owner can read the file.
    pub env: BTreeMap<String, String>,
    pub services: Vec<Service>,
    /// Whether `cargo dev stop worker` stopped the event source mapping.
    pub worker_stopped: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Service {
    /// One of [`names`].
    pub name: String,
    pub handle: Handle,
    /// Its address, or a note if it does not listen.
    pub address: String,
    pub(crate) stop_signal: StopSignal,
    pub(crate) stop_timeout: Duration,
    pub log: PathBuf,
}

impl Service {
    /// Starts a service, which SIGTERM ends within seconds, and waits until `is_ready`.
    pub(crate) async fn start(
        folder: &StackFolder,
        name: &str,
        launch: Launch,
        address: impl Into<String>,
        is_ready: impl AsyncFn() -> bool,
    ) -> Result<Self> {
        let log = folder.log(name);
        let handle = launch.start_service(&log, is_ready).await;
        Ok(Self {
            name: name.to_owned(),
            handle: handle.with_context(|| format!("starting {name}"))?,
            address: address.into(),
            stop_signal: StopSignal::Terminate,
            stop_timeout: STOP_TIMEOUT,
            log,
        })
    }

    /// Stops the process. Returns false if it had to be killed.
    pub async fn stop(&self) -> bool {
        self.handle.stop(self.stop_signal, self.stop_timeout).await
    }
}

impl Display for Service {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl State {
    /// The saved state, if a stack runs.
    pub fn load(folder: &StackFolder) -> Result<Option<Self>> {
        let path = folder.dir().join("state.json");
        let text = read_if_exists(&path)?;
        let state = text.map(|text| serde_json::from_str(&text)).transpose();
        state.with_context(|| format!("reading {}", path.display()))
    }

    /// The saved state, or an error that says how to start a stack.
    pub fn load_running(folder: &StackFolder) -> Result<Self> {
        Self::load(folder)?.context("no stack runs: start it with `cargo dev up`")
    }

    /// Saves the state atomically.
    pub fn save(&self, folder: &StackFolder) -> Result<()> {
        let path = folder.subfolder("")?.join("state.json");
        let draft = folder.dir().join("state.json.new");
        write_private(&draft, &serde_json::to_vec_pretty(self)?)?;
        fs::rename(&draft, &path).with_context(|| format!("writing {}", path.display()))
    }

    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Adds a service, or replaces the one with its name, and saves the state.
    pub fn add(&mut self, folder: &StackFolder, service: Service) -> Result<()> {
        self.services.retain(|other| other.name != service.name);
        self.services.push(service);
        self.save(folder)
    }

    /// Services that have ended, except a worker that was stopped on purpose.
    pub fn ended(&self) -> Vec<&Service> {
        let is_expected =
            |service: &&Service| !(self.worker_stopped && service.name == names::EVENT_SOURCE_MAPPING);
        self.services.iter().filter(is_expected).filter(|service| !service.handle.is_alive()).collect()
    }

    /// Stops all services, the last one started first, and removes the file.
    pub async fn stop(self, folder: &StackFolder) -> Result<()> {
        for service in self.services.iter().rev() {
            if !service.stop().await {
                let (name, timeout) = (&service.name, service.stop_timeout.as_secs());
                progress::info(format!("{name} did not end within {timeout} s and was killed"));
            }
        }
        let path = folder.dir().join("state.json");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}

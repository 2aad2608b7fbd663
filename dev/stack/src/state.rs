//! What runs: written down in `state.json` as it starts, so that a later command finds and ends exactly that.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::home::Home;
use crate::names;
use crate::process::{Handle, StopSignal};
use crate::progress::{Shown, note};
use crate::settings::write_private;

/// What is waited for a service to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// What runs of one stack.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Where the API is.
    pub base_url: String,
    /// The variables that the functions run with. Secrets are among them, so the file is its owner's alone.
    pub env: BTreeMap<String, String>,
    /// What was started, in that order.
    pub services: Vec<Service>,
    /// Whether the worker was stopped on purpose.
    pub worker_stopped: bool,
}

/// A process of the stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Service {
    /// What it is called.
    pub name: String,
    /// Which process it is.
    pub handle: Handle,
    /// Where it listens.
    pub address: String,
    /// How it is asked to end.
    pub stop_signal: StopSignal,
    /// How long it may take to end.
    pub patience: Duration,
    /// Where it logs.
    pub log: PathBuf,
}

impl Service {
    /// A process that ends soon when asked to.
    #[must_use]
    pub fn new(name: &str, handle: Handle, address: impl Into<String>, log: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            handle,
            address: address.into(),
            stop_signal: StopSignal::Terminate,
            patience: PATIENCE,
            log,
        }
    }

    /// Ends it. Answers whether it ended by itself.
    pub async fn stop(&self) -> bool {
        self.handle.stop(self.stop_signal, self.patience).await
    }
}

impl Shown for Service {
    fn shown(&self) -> String {
        self.address.clone()
    }
}

impl State {
    /// What was written down last, if anything.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn load(home: &Home) -> Result<Option<Self>> {
        let path = home.dir().join("state.json");
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(
                serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))?,
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Writes it down, replacing the file as a whole.
    ///
    /// # Errors
    /// When that fails.
    pub fn save(&self, home: &Home) -> Result<()> {
        let path = home.folder("")?.join("state.json");
        let draft = home.dir().join("state.json.new");
        write_private(&draft, &serde_json::to_vec_pretty(self)?)?;
        fs::rename(&draft, &path).with_context(|| format!("writing {}", path.display()))
    }

    /// The service called `name`.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    /// Writes down that `service` runs, in the place of its predecessor.
    ///
    /// # Errors
    /// When that fails.
    pub fn add(&mut self, home: &Home, service: Service) -> Result<()> {
        self.services.retain(|other| other.name != service.name);
        self.services.push(service);
        self.save(home)
    }

    /// Services that should run and do not.
    #[must_use]
    pub fn dead(&self) -> Vec<&Service> {
        let expected = |service: &&Service| !(self.worker_stopped && service.name == names::PUMP);
        self.services.iter().filter(expected).filter(|service| !service.handle.is_alive()).collect()
    }

    /// Ends everything, the last one started first, and forgets it.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub async fn stop(self, home: &Home) -> Result<()> {
        for service in self.services.iter().rev() {
            if !service.stop().await {
                note(format!("{} did not end when asked to and was killed", service.name));
            }
        }
        let path = home.dir().join("state.json");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", path.display()))
            }
            _ => Ok(()),
        }
    }
}

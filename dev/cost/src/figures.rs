//! What was measured of each request: `dev/bench/figures.json`, so that the bill can be worked out in a fresh clone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// What one request takes, on the average, warm, with a network as in a cloud and the memory of the template.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The function that answers the request.
    pub function: String,
    /// What the function has.
    pub memory_mb: u64,
    /// Each time in whole milliseconds, begun ones counted.
    pub billed_ms: f64,
    /// On a processor.
    pub cpu_ms: f64,
    /// From a process's start until it asks for something to do, with a whole processor.
    pub ready_ms: f64,
    /// The first request of a process, with the share of a processor that its memory brings.
    pub first_ms: f64,
    /// Statements of Postgres.
    pub statements: f64,
    /// Commands of Redis, those in scripts included.
    pub redis_commands: f64,
    /// What goes to Redis and comes from it.
    pub redis_bytes: f64,
    /// Trips to AWS.
    pub aws: f64,
    /// What the function writes to its log.
    pub log_bytes: f64,
    /// The lines that the function writes to its log.
    pub log_lines: f64,
    /// The answer, its headers included.
    pub response_bytes: f64,
}

/// All of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// How the programs were built: `release` or `debug`.
    pub build: String,
    /// By the name of the request.
    pub requests: BTreeMap<String, Figure>,
}

impl Figures {
    /// Reads what is committed.
    ///
    /// # Errors
    /// When it is not there or not as it should be.
    pub fn read(root: &Path) -> Result<Self> {
        let path = path(root);
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// Writes them where they are committed from, and answers where that is.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn write(&self, root: &Path) -> Result<PathBuf> {
        let path = path(root);
        let text = serde_json::to_string_pretty(self).context("writing the figures")? + "\n";
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// What the request called `name` takes.
    ///
    /// # Errors
    /// When it was not measured.
    pub fn get(&self, name: &str) -> Result<&Figure> {
        self.requests.get(name).with_context(|| format!("figures.json has no {name}"))
    }
}

fn path(root: &Path) -> PathBuf {
    root.join("dev/bench/figures.json")
}

//! Measured figures of each request from `dev/bench/figures.json`, committed so that a fresh clone
//! can estimate costs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::json_file;

/// Averages of one warm request, measured with 2 ms of network delay each way and the memory of
/// `template.yaml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFigures {
    pub function: String,
    pub memory_mb: u64,
    /// Each invocation is rounded up to a whole millisecond.
    pub billed_ms: f64,
    pub cpu_ms: f64,
    /// From the start of the process until it polls for an invocation, with a whole vCPU.
    pub init_ms: f64,
    /// The first request of a process, with the CPU quota of its memory.
    pub first_request_ms: f64,
    pub sql_statements: f64,
    /// Includes the commands inside scripts.
    pub redis_commands: f64,
    /// In both directions.
    pub redis_bytes: f64,
    pub aws_calls: f64,
    pub log_bytes: f64,
    pub log_lines: f64,
    /// Includes the headers.
    pub response_bytes: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The cargo profile of the measured binaries: `release` or `debug`.
    pub build: String,
    /// By the name of the request.
    pub requests: BTreeMap<String, RequestFigures>,
}

impl Figures {
    pub fn read(root: &Path) -> Result<Self> {
        json_file::read(&path(root))
    }

    /// Returns the path of the file.
    pub fn write(&self, root: &Path) -> Result<PathBuf> {
        let path = path(root);
        json_file::write(&path, self)?;
        Ok(path)
    }

    pub(super) fn get(&self, name: &str) -> Result<&RequestFigures> {
        self.requests.get(name).with_context(|| format!("figures.json has no {name}"))
    }
}

fn path(root: &Path) -> PathBuf {
    root.join("dev/bench/figures.json")
}

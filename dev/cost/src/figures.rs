//! Measured figures of each request from `dev/bench/figures.json`, committed so that a fresh clone can estimate costs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::json_file;

/// Averages of one warm request, measured with 2 ms of network delay each way and the memory of `template.yaml`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestFigures {
    /// The function that handles the request.
    pub function: String,
    /// The memory of the function.
    pub memory_mb: u64,
    /// Billed duration: each invocation is rounded up to a whole millisecond.
    pub billed_ms: f64,
    /// CPU time.
    pub cpu_ms: f64,
    /// Time from the start of the process until it polls for an invocation, with a whole CPU.
    pub init_ms: f64,
    /// Duration of the first request of a process, with the CPU quota of its memory.
    pub first_request_ms: f64,
    /// SQL statements.
    pub sql_statements: f64,
    /// Redis commands, including those inside scripts.
    pub redis_commands: f64,
    /// Bytes to and from Redis.
    pub redis_bytes: f64,
    /// Calls to AWS services.
    pub aws_calls: f64,
    /// Bytes that the function logs.
    pub log_bytes: f64,
    /// Lines that the function logs.
    pub log_lines: f64,
    /// Bytes of the response, including its headers.
    pub response_bytes: f64,
}

/// The content of `figures.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The cargo profile of the measured binaries: `release` or `debug`.
    pub build: String,
    /// The figures by the name of the request.
    pub requests: BTreeMap<String, RequestFigures>,
}

impl Figures {
    /// Reads `dev/bench/figures.json`.
    pub fn read(root: &Path) -> Result<Self> {
        json_file::read(&path(root))
    }

    /// Writes `dev/bench/figures.json` and returns its path.
    pub fn write(&self, root: &Path) -> Result<PathBuf> {
        let path = path(root);
        let text = serde_json::to_string_pretty(self).context("serializing the figures")? + "\n";
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// The figures of the request called `name`.
    pub fn get(&self, name: &str) -> Result<&RequestFigures> {
        self.requests.get(name).with_context(|| format!("figures.json has no {name}"))
    }
}

fn path(root: &Path) -> PathBuf {
    root.join("dev/bench/figures.json")
}

//! Reads and writes JSON files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let read = || anyhow::Ok(serde_json::from_slice(&fs::read(path)?)?);
    read().with_context(|| format!("reading {}", path.display()))
}

pub fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let write = || anyhow::Ok(fs::write(path, serde_json::to_string_pretty(value)? + "\n")?);
    write().with_context(|| format!("writing {}", path.display()))
}

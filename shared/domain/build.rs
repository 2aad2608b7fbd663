//! Builds the filter of passwords that everybody tries first, out of the list that the crate `zxcvbn` carries: 30,000
//! passwords of real breaches, the most frequent first. The list itself is in no program of ours.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

include!("src/breached/fingerprint.rs");

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/breached/fingerprint.rs");
    let source = fs::read_to_string(zxcvbn()?.join("src/frequency_lists.rs"))?;
    let start = "const PASSWORDS: &str = \"";
    let (_, rest) = source.split_once(start).ok_or("zxcvbn has its list of passwords elsewhere")?;
    let (list, _) = rest.split_once("\";").ok_or("zxcvbn's list of passwords has no end")?;
    let fingerprints: BTreeSet<_> = list.split(',').filter(|word| word.len() >= 4).map(fingerprint).collect();
    if fingerprints.len() < 20_000 {
        return Err(format!("zxcvbn's list has only {} passwords", fingerprints.len()).into());
    }
    let sorted: Vec<u8> = fingerprints.into_iter().flatten().collect();
    fs::write(Path::new(&env::var("OUT_DIR")?).join("breached.bin"), sorted)?;
    Ok(())
}

/// Where cargo has put the crate's source.
fn zxcvbn() -> Result<PathBuf, Box<dyn Error>> {
    let cargo = Command::new(env::var("CARGO")?)
        // Not `--offline`: a machine that has built nothing else yet lacks crates that this one needs nothing of.
        .args(["metadata", "--format-version=1", "--manifest-path"])
        .arg(Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("Cargo.toml"))
        .output()?;
    if !cargo.status.success() {
        return Err(String::from_utf8_lossy(&cargo.stderr).into());
    }
    let metadata: Value = serde_json::from_slice(&cargo.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo names no packages")?;
    let found = packages.iter().find(|package| package["name"] == "zxcvbn");
    let manifest = found.and_then(|package| package["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
    Ok(folder.ok_or("cargo knows no zxcvbn")?.to_owned())
}

//! Builds the filter of breached passwords: the sorted fingerprints of the passwords in
//! `data/breached_passwords.txt`. The program embeds the filter, not the list.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::{env, fs};

include!("src/breached/fingerprint.rs");

const LIST: &str = "data/breached_passwords.txt";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/breached/fingerprint.rs");
    println!("cargo::rerun-if-changed={LIST}");
    let list = fs::read_to_string(LIST)?;
    let fingerprints: BTreeSet<_> = list.lines().filter(|word| word.len() >= 4).map(fingerprint).collect();
    if fingerprints.len() < 20_000 {
        return Err(format!("{LIST} has only {} passwords", fingerprints.len()).into());
    }
    let sorted: Vec<u8> = fingerprints.into_iter().flatten().collect();
    fs::write(Path::new(&env::var("OUT_DIR")?).join("breached.bin"), sorted)?;
    Ok(())
}

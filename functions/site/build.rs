//! Compresses the static files that this function serves, and computes their entity tags.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::Path;
use std::{env, error, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

const FILES: [&str; 4] =
    ["../../docs/openapi.json", "src/client/client.css", "src/client/client.js", "src/client/index.html"];

/// Writes each file to the build's folder as it is, with gzip (`.gz`), and its hash (`.hash`).
fn main() -> Result<(), Box<dyn error::Error>> {
    let folder = env::var("OUT_DIR")?;
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
        let content = fs::read(file)?;
        let name =
            Path::new(file).file_name().and_then(|name| name.to_str()).ok_or("a file without a name")?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&content)?;
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let path = |suffix: &str| format!("{folder}/{name}{suffix}");
        fs::write(path(".gz"), encoder.finish()?)?;
        fs::write(path(".hash"), format!("{:016x}", hasher.finish()))?;
        fs::write(path(""), content)?;
    }
    Ok(())
}

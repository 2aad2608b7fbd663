//! Compresses the static files that this function serves, computes their entity tags, and lists the
//! files that the pages load.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, error, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

const FILES: [&str; 3] = [
    "../../docs/openapi.json",
    "../../clients/web/dist/index.html",
    "../../clients/explorer/dist/explorer.html",
];

/// The scripts, styles and icons of the pages, as `npm run build` in `clients/web` and
/// `clients/explorer` wrote them.
const ASSETS: [&str; 2] = ["../../clients/web/dist/assets", "../../clients/explorer/dist/assets"];

type Error = Box<dyn error::Error>;

fn main() -> Result<(), Error> {
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    for file in FILES {
        compress(Path::new(file), &folder)?;
    }
    let mut assets = Vec::new();
    for folder in ASSETS {
        println!("cargo::rerun-if-changed={folder}");
        for entry in fs::read_dir(folder)? {
            assets.push(entry?.path());
        }
    }
    assets.sort();
    let mut list = String::from("&[");
    for asset in &assets {
        let name = compress(asset, &folder)?;
        write!(list, "({name:?}, static_file!({name:?})),")?;
    }
    fs::write(folder.join("assets.rs"), list + "]")?;
    Ok(())
}

/// Writes the file to `folder` with gzip (`.gz`), and its hash (`.hash`). Returns its name.
fn compress(file: &Path, folder: &Path) -> Result<String, Error> {
    println!("cargo::rerun-if-changed={}", file.display());
    let content = fs::read(file)?;
    let name = file.file_name().and_then(|name| name.to_str()).ok_or("a file without a name")?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&content)?;
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let path = |suffix: &str| folder.join(format!("{name}{suffix}"));
    fs::write(path(".gz"), encoder.finish()?)?;
    fs::write(path(".hash"), format!("{:016x}", hasher.finish()))?;
    Ok(name.to_owned())
}

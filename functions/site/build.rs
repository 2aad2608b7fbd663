//! Compresses the static files that this function serves, computes their entity tags, and lists the
//! files that the page of the web client loads.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{env, error, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

const FILES: [&str; 2] = ["../../docs/openapi.json", "../../clients/web/dist/index.html"];

/// The scripts, styles and icons of the web client, as `npm run build` in `clients/web` wrote them.
const ASSETS: &str = "../../clients/web/dist/assets";

type Error = Box<dyn error::Error>;

fn main() -> Result<(), Error> {
    let folder = PathBuf::from(env::var("OUT_DIR")?);
    for file in FILES {
        compress(Path::new(file), &folder)?;
    }
    println!("cargo::rerun-if-changed={ASSETS}");
    let mut assets =
        fs::read_dir(ASSETS)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, Error>>()?;
    assets.sort();
    let mut list = String::from("&[");
    for asset in &assets {
        let name = compress(asset, &folder)?;
        write!(list, "({name:?}, static_file!({name:?})),")?;
    }
    fs::write(folder.join("assets.rs"), list + "]")?;
    Ok(())
}

/// Writes the file to `folder` as it is, with gzip (`.gz`), and its hash (`.hash`). Returns its name.
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
    fs::write(path(""), content)?;
    Ok(name.to_owned())
}

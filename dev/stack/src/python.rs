//! Tools from the Python package index, at the versions pinned in `dev/stack/python/*.txt`, in a
//! virtual environment inside the checkout.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tokio::sync::Mutex;

use crate::folder::StackFolder;
use crate::process::Launch;
use crate::progress;

/// Minor version of the oldest Python 3 that the packages run on.
const OLDEST: u32 = 11;

/// The first pip that can install into a virtual environment without pip.
const PIP_WITH_PYTHON: (u32, u32) = (22, 3);

/// Whether to ignore the machine's programs and use those of the Python packages (`DEV_BUNDLED=1`).
pub fn bundled_only() -> bool {
    env::var_os("DEV_BUNDLED").is_some_and(|value| value == "1")
}

/// Installs the packages in `dev/stack/python/NAME.txt` unless they are installed.
pub async fn install(folder: &StackFolder, name: &str) -> Result<()> {
    // Several stacks start concurrently in one process, and all share the environment.
    static INSTALLING: Mutex<()> = Mutex::const_new(());
    let _installing = INSTALLING.lock().await;
    install_into(folder, name, &folder.python()).await
}

async fn install_into(folder: &StackFolder, name: &str, environment: &Path) -> Result<()> {
    let list = folder.root().join(format!("dev/stack/python/{name}.txt"));
    let wanted = fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
    let stamp = environment.join(format!("{name}.installed"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    progress::step("install", async {
        let python = find_python().await?;
        let log = folder.log(&format!("install-{name}"));
        let pip = virtual_environment(environment, &python, &log).await?;
        // The machine's settings may ask for `--user`, which a virtual environment refuses.
        pip.args(["install", "--no-deps", "--no-input", "--disable-pip-version-check"])
            .args(["--only-binary", ":all:", "-r"])
            .args([&list])
            .env([("PIP_USER", "0")])
            .run_logged(&log)
            .await
            .with_context(|| format!("installing the packages in {}", list.display()))?;
        fs::write(&stamp, &wanted).with_context(|| format!("writing {}", stamp.display()))?;
        Ok(format!("the packages in dev/stack/python/{name}.txt"))
    })
    .await?;
    Ok(())
}

/// The virtual environment `.dev/tools/NAME` with the packages in `dev/stack/python/NAME.txt`: for a
/// tool whose packages exclude those of [`install`]. Installs it unless it is installed.
pub async fn tool(folder: &StackFolder, name: &str) -> Result<PathBuf> {
    let environment = folder.root().join(".dev/tools").join(name);
    install_into(folder, name, &environment).await?;
    Ok(environment)
}

/// Creates the virtual environment unless a working one exists, and returns the pip command for
/// it.
async fn virtual_environment(folder: &Path, python: &Path, log: &Path) -> Result<Launch> {
    let inner = folder.join("bin/python");
    let outer_pip = pip_version(python).await.is_some_and(|version| version >= PIP_WITH_PYTHON);
    let works = Launch::new(&inner).args(["--version"]).try_output().await;
    if !works.is_ok_and(|output| output.status.success()) {
        if folder.exists() {
            fs::remove_dir_all(folder)
                .with_context(|| format!("removing {}, which is broken", folder.display()))?;
        }
        // Without pip, the environment is created faster, and Debian needs no further package.
        let options: &[&str] = if outer_pip { &["--without-pip"] } else { &[] };
        let create = Launch::new(python).args(["-m", "venv"]).args(options).args([folder]);
        create
            .run_logged(log)
            .await
            .context("creating a Python environment (on Debian: apt-get install python3-venv)")?;
    }
    if outer_pip {
        return Ok(Launch::new(python).args(["-m", "pip", "--python"]).args([&inner]));
    }
    Ok(Launch::new(inner).args(["-m", "pip"]))
}

async fn find_python() -> Result<PathBuf> {
    let mut seen = Vec::new();
    for name in ["python3", "python3.14", "python3.13", "python3.12", "python3.11"] {
        let Some(path) = on_path(name) else { continue };
        let print = Launch::new(&path).args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
        let Ok(version) = print.output().await else { continue };
        match parse_version(&version) {
            Some((3, minor)) if minor >= OLDEST => return Ok(path),
            _ => seen.push(format!("{} ({version})", path.display())),
        }
    }
    let found = if seen.is_empty() {
        "there is none on the PATH".to_owned()
    } else {
        format!("found {}", seen.join(", "))
    };
    bail!("the local stack's tools come as Python packages and need Python 3.{OLDEST} or newer: {found}")
}

async fn pip_version(python: &Path) -> Option<(u32, u32)> {
    let output = Launch::new(python).args(["-m", "pip", "--version"]).output().await.ok()?;
    parse_version(output.strip_prefix("pip ")?)
}

/// Reads `23.2.1 from ...` as `(23, 2)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

pub fn package(folder: &StackFolder, name: &str) -> Result<PathBuf> {
    let library = folder.python().join("lib");
    let versions = fs::read_dir(&library).with_context(|| format!("reading {}", library.display()))?;
    let mut candidates = versions.flatten().map(|version| version.path().join("site-packages").join(name));
    candidates.find(|folder| folder.is_dir()).with_context(|| {
        format!(
            "the Python package {name} is not in {}: remove {} and run the command again",
            library.display(),
            folder.python().display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse_version("23.2.1 from /somewhere (python 3.11)"), Some((23, 2)));
        assert_eq!(parse_version("3.9"), Some((3, 9)));
        assert!(parse_version("9.0.1").unwrap() < PIP_WITH_PYTHON);
        assert_eq!(parse_version("none"), None);
    }
}

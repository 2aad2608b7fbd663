//! Tools from the Python package index, at the versions pinned in `dev/stack/python/*.txt`, in an environment of the
//! checkout's own.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use tokio::sync::Mutex;

use crate::home::Home;
use crate::process::{Launch, run};
use crate::progress;

/// The oldest Python that the packages run on, as `(3, minor)`.
const OLDEST: u32 = 11;

/// The first pip that can install into an environment which has no pip itself.
const PIP_WITH_PYTHON: (u32, u32) = (22, 3);

/// Whether to pass over programs of the machine's own and use the Python packages' (`DEV_BUNDLED=1`).
#[must_use]
pub fn only_bundled() -> bool {
    env::var_os("DEV_BUNDLED").is_some_and(|value| value == "1")
}

/// A set of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packages {
    /// What every stack runs on.
    Tools,
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
    /// What tries the API against its document.
    Contract,
}

impl Packages {
    fn name(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Contract => "contract",
        }
    }
}

/// Makes sure that the packages are installed. When they are, that takes no time.
///
/// # Errors
/// When there is no suitable Python, or the installation fails.
pub async fn install(home: &Home, packages: Packages) -> Result<()> {
    // Several stacks start concurrently in one process, and all share the environment.
    static INSTALLING: Mutex<()> = Mutex::const_new(());
    let _installing = INSTALLING.lock().await;
    let name = packages.name();
    let list = home.root().join(format!("dev/stack/python/{name}.txt"));
    let wanted = fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
    let stamp = home.python().join(format!("{name}.installed"));
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    progress::step("install", async {
        let python = find_python().await?;
        let log = home.folder("logs")?.join(format!("install-{name}.log"));
        let pip = environment(home, &python, &log).await?;
        let options = [
            "install",
            "--no-deps",
            "--no-input",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
            "-r",
        ];
        // A machine's own settings may say to install for the user, which an environment refuses.
        let install = pip.args(options).args([&list]).env([("PIP_USER", "0")]);
        run::logged(&install, &log)
            .await
            .with_context(|| format!("installing the packages in {}", list.display()))?;
        fs::write(&stamp, &wanted).with_context(|| format!("writing {}", stamp.display()))?;
        Ok(format!("{} from dev/stack/python/{name}.txt", name_of_set(packages)))
    })
    .await?;
    Ok(())
}

fn name_of_set(packages: Packages) -> &'static str {
    match packages {
        Packages::Tools => "cargo-lambda and the AWS emulator",
        Packages::Postgres => "PostgreSQL",
        Packages::Redis => "Valkey (Redis)",
        Packages::Contract => "schemathesis",
    }
}

/// Makes the environment if there is none that works, and answers the pip that installs into it.
async fn environment(home: &Home, python: &Path, log: &Path) -> Result<Launch> {
    let folder = home.python();
    let inner = folder.join("bin/python");
    let outer_pip = pip_version(python).await.is_some_and(|version| version >= PIP_WITH_PYTHON);
    if !run::try_output(&Launch::new(&inner).args(["--version"]))
        .await
        .is_ok_and(|output| output.status.success())
    {
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("removing {}, which is broken", folder.display()))?;
        }
        // Without a pip of its own the environment is there at once, and Debian needs no further package for it.
        let options: &[&str] = if outer_pip { &["--without-pip"] } else { &[] };
        let make = Launch::new(python).args(["-m", "venv"]).args(options).args([&folder]);
        run::logged(&make, log)
            .await
            .context("making a Python environment (on Debian: apt-get install python3-venv)")?;
    }
    if outer_pip {
        return Ok(Launch::new(python).args(["-m", "pip", "--python"]).args([&inner]));
    }
    Ok(Launch::new(inner).args(["-m", "pip"]))
}

/// The first Python on the PATH that is new enough.
async fn find_python() -> Result<PathBuf> {
    let mut seen = Vec::new();
    for name in ["python3", "python3.14", "python3.13", "python3.12", "python3.11"] {
        let Some(path) = on_path(name) else { continue };
        let ask = Launch::new(&path).args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
        let Ok(version) = run::output(&ask).await else { continue };
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
    let said = run::output(&Launch::new(python).args(["-m", "pip", "--version"])).await.ok()?;
    parse_version(said.strip_prefix("pip ")?)
}

/// Reads `23.2.1 from ...` as `(23, 2)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// A program on the PATH.
#[must_use]
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// A folder of an installed package.
///
/// # Errors
/// When it is not there.
pub fn package(home: &Home, name: &str) -> Result<PathBuf> {
    let library = home.python().join("lib");
    let versions = fs::read_dir(&library).with_context(|| format!("reading {}", library.display()))?;
    let mut candidates = versions.flatten().map(|version| version.path().join("site-packages").join(name));
    candidates.find(|folder| folder.is_dir()).with_context(|| {
        format!(
            "the Python package {name} is not in {}: remove {} and try again",
            library.display(),
            home.python().display()
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

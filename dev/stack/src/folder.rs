//! The folders of one stack, and the locks that keep two commands from changing it at once.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The folder of one stack: state, data and logs. Each suite has its own, so that tests never see a
/// developer's data.
#[derive(Debug, Clone)]
pub struct StackFolder {
    root: PathBuf,
    dir: PathBuf,
}

impl StackFolder {
    /// The stack of `cargo dev up`.
    pub fn of_up() -> Self {
        Self::at(&checkout().join(".dev"))
    }

    /// The stacks of `cargo dev test`, `faults` or `bench`.
    pub fn of_suite(name: &str) -> Self {
        Self::at(&checkout().join(".dev").join(name))
    }

    pub fn at(dir: &Path) -> Self {
        Self { root: checkout(), dir: dir.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The Python environment, which all stacks of a checkout share.
    pub fn python(&self) -> PathBuf {
        self.root.join(".dev/python")
    }

    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// Creates a folder inside this one, if it is missing, and returns its path.
    pub fn subfolder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.dir.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("creating the folder {}", folder.display()))?;
        Ok(folder)
    }

    /// Keeps other commands from starting or stopping this stack until the file is dropped.
    pub fn lock(&self) -> Result<File> {
        self.lock_file("lock")
    }

    /// Keeps other commands from running tests on this stack. The tests themselves may still stop
    /// and start parts of it.
    pub fn lock_for_tests(&self) -> Result<File> {
        self.lock_file("tests.lock")
    }

    fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.subfolder("")?.join(name);
        let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                bail!("another `cargo dev` uses this stack; wait until it ends (it locks {})", path.display())
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("locking {}", path.display()))
            }
        }
    }
}

/// The top folder of the checkout that this program was built in.
pub fn checkout() -> PathBuf {
    // This crate is in `dev/stack`.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

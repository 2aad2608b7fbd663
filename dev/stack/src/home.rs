//! Where things are: the checkout, what belongs to it alone, and what belongs to one stack.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

/// The folders of one stack. There are two, that of `cargo dev up` and that of `cargo dev test`, so that tests never
/// see what a developer has in the other.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
    dir: PathBuf,
}

impl Home {
    /// The stack of `cargo dev up`, in `.dev`.
    #[must_use]
    pub fn of_developer() -> Self {
        let root = checkout();
        Self { dir: root.join(".dev"), root }
    }

    /// The stack of `cargo dev test`, in `.dev/test`.
    #[must_use]
    pub fn of_tests() -> Self {
        let root = checkout();
        Self { dir: root.join(".dev/test"), root }
    }

    /// What `cargo dev faults` starts, in `.dev/faults`.
    #[must_use]
    pub fn of_faults() -> Self {
        let root = checkout();
        Self { dir: root.join(".dev/faults"), root }
    }

    /// What `cargo dev bench` starts, in `.dev/bench`.
    #[must_use]
    pub fn of_bench() -> Self {
        let root = checkout();
        Self { dir: root.join(".dev/bench"), root }
    }

    /// The stack with its files in `dir`.
    #[must_use]
    pub fn in_folder(dir: &Path) -> Self {
        Self { root: checkout(), dir: dir.to_owned() }
    }

    /// The checkout's top folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The stack's own folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The Python environment, shared by all stacks of a checkout.
    #[must_use]
    pub fn python(&self) -> PathBuf {
        self.root.join(".dev/python")
    }

    /// Where logs are.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// The log of the service called `name`.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// Makes a folder of the stack's own, and answers where it is.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.dir.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
        Ok(folder)
    }

    /// Makes sure that only one command starts or stops this stack at a time; the lock ends with the answer's life.
    ///
    /// # Errors
    /// When another command is at it.
    pub fn lock(&self) -> Result<File> {
        self.lock_file("lock")
    }

    /// Makes sure that only one command runs tests on this stack at a time, while these may stop and start parts of it.
    ///
    /// # Errors
    /// When another command is at it.
    pub fn lock_for_tests(&self) -> Result<File> {
        self.lock_file("tests.lock")
    }

    fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.folder("")?.join(name);
        let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => {
                bail!("another `cargo dev` is at work on this stack (it holds {})", path.display())
            }
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("locking {}", path.display()))
            }
        }
    }
}

/// The top folder of the checkout that this program was built in.
#[must_use]
pub fn checkout() -> PathBuf {
    // This crate is in `dev/stack`.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

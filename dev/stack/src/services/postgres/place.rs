//! Where a cluster's data and programs are: in the checkout, unless the user that the server must run as cannot get
//! there, as when root works in a folder of its own.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::binaries::Binaries;
use crate::home::Home;
use crate::process::{Launch, Unprivileged, run};

/// Where a cluster is, and as whom it runs.
#[derive(Debug)]
pub(super) struct Place {
    /// The data, by major version, for no other can read it.
    pub(super) data: PathBuf,
    pub(super) user: Option<Unprivileged>,
    programs: PathBuf,
}

impl Place {
    /// Chooses, and makes the folders.
    pub(super) async fn choose(home: &Home, binaries: Binaries, user: Option<Unprivileged>) -> Result<Self> {
        let folder = home.folder("postgres")?;
        let version = binaries.major.to_string();
        let Some(someone) = user else {
            private(&folder, None)?;
            return Ok(Self { data: folder.join(version), user, programs: binaries.folder });
        };
        private(&folder, user)?;
        let elsewhere = || elsewhere(home, someone);
        let folder = if may(someone, "-w", &folder).await { folder } else { elsewhere()? };
        let programs = if may(someone, "-x", &binaries.folder.join("postgres")).await {
            binaries.folder
        } else {
            copy(&binaries, &elsewhere()?).await?
        };
        Ok(Self { data: folder.join(version), user, programs })
    }

    /// One of PostgreSQL's programs, as the right user, in a folder which that user can be in.
    pub(super) fn launch(&self, program: &str) -> Launch {
        let folder = self.data.parent().unwrap_or(Path::new("/"));
        Launch::new(self.programs.join(program)).folder(folder).user(self.user)
    }
}

/// Whether `user` may write (`-w`) or execute (`-x`) what is at `path`: asked of the system, as that user.
async fn may(user: Unprivileged, what: &str, path: &Path) -> bool {
    let ask = Launch::new("/bin/sh").args(["-c", "test \"$0\" \"$1\"", what]).args([path]);
    let answer = run::try_output(&ask.folder(Path::new("/")).user(Some(user))).await;
    answer.is_ok_and(|output| output.status.success())
}

/// A folder outside the checkout that belongs to it all the same, by its path.
fn elsewhere(home: &Home, user: Unprivileged) -> Result<PathBuf> {
    let name = format!("cargo-dev-{:016x}", hash(home.dir().as_os_str().as_encoded_bytes()));
    let folder = Path::new("/var/tmp").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
    // The parent is everybody's: it could be a link, or somebody else's.
    let found = fs::symlink_metadata(&folder).with_context(|| format!("looking at {}", folder.display()))?;
    let ours = found.is_dir() && (found.uid() == 0 || found.uid() == user.uid);
    ensure!(ours, "{} is not ours: remove it", folder.display());
    private(&folder, Some(user))?;
    Ok(folder)
}

/// Makes a folder its owner's alone, and `user` that owner.
fn private(folder: &Path, user: Option<Unprivileged>) -> Result<()> {
    if let Some(user) = user {
        chown(folder, Some(user.uid), Some(user.gid))
            .with_context(|| format!("handing {} to the user that PostgreSQL runs as", folder.display()))?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("closing {} to others", folder.display()))
}

/// Copies a package's programs, with the libraries beside it, and answers where they are now.
async fn copy(binaries: &Binaries, to: &Path) -> Result<PathBuf> {
    let package = binaries.package.as_deref();
    let package = package.with_context(|| {
        format!("the user that PostgreSQL runs as cannot execute {}", binaries.folder.display())
    })?;
    let to = to.join(format!("programs-{}", binaries.major));
    let inside =
        binaries.folder.strip_prefix(package.parent().unwrap_or(package)).context("placing the copy")?;
    if !to.exists() {
        let draft = to.with_extension("new");
        fs::create_dir_all(&draft).with_context(|| format!("making the folder {}", draft.display()))?;
        let libraries = package.with_extension("libs");
        let sources = [package, &libraries].into_iter().filter(|source| source.exists());
        run::output(&Launch::new("cp").args(["-R"]).args(sources).args([&draft]))
            .await
            .context("copying PostgreSQL")?;
        fs::rename(&draft, &to).with_context(|| format!("moving {} into place", draft.display()))?;
    }
    Ok(to.join(inside))
}

/// FNV-1a: the same on every machine and in every version.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }
}

//! The location of a cluster's data and programs: in the checkout, or below `/var/tmp` if the user
//! that the server runs as has no access to the checkout, such as one in root's home folder.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::binaries::Binaries;
use crate::folder::StackFolder;
use crate::process::{Launch, Unprivileged};

/// The folders of a cluster and the user that it runs as.
#[derive(Debug)]
pub(super) struct Location {
    /// The data. Each major version has a folder, since no other can read it.
    pub(super) data: PathBuf,
    pub(super) user: Option<Unprivileged>,
    programs: PathBuf,
}

impl Location {
    pub(super) async fn choose(
        stack: &StackFolder,
        binaries: Binaries,
        user: Option<Unprivileged>,
    ) -> Result<Self> {
        let folder = stack.subfolder("postgres")?;
        let version = binaries.major.to_string();
        let Some(server_user) = user else {
            restrict_to(&folder, None)?;
            return Ok(Self { data: folder.join(version), user, programs: binaries.folder });
        };
        restrict_to(&folder, user)?;
        let fallback = || fallback_folder(stack, server_user);
        let folder = if has_access(server_user, "-w", &folder).await { folder } else { fallback()? };
        let programs = if has_access(server_user, "-x", &binaries.folder.join("postgres")).await {
            binaries.folder
        } else {
            copy(&binaries, &fallback()?).await?
        };
        Ok(Self { data: folder.join(version), user, programs })
    }

    /// One of PostgreSQL's programs, with the right user and a working directory that this user can
    /// enter.
    pub(super) fn launch(&self, program: &str) -> Launch {
        let folder = self.data.parent().unwrap_or(Path::new("/"));
        Launch::new(self.programs.join(program)).folder(folder).user(self.user)
    }
}

/// Whether `user` may write (`-w`) or execute (`-x`) `path`. Runs `test` as that user.
async fn has_access(user: Unprivileged, mode: &str, path: &Path) -> bool {
    let test = Launch::new("/bin/sh").args(["-c", "test \"$0\" \"$1\"", mode]).args([path]);
    let output = test.folder(Path::new("/")).user(Some(user)).try_output().await;
    output.is_ok_and(|output| output.status.success())
}

/// A folder outside the checkout, named after the checkout's path.
/// The folder of a stack whose own folder the server's user cannot enter.
pub(super) fn fallback_path(stack: &StackFolder) -> PathBuf {
    let name = format!("cargo-dev-{:016x}", hash(stack.dir().as_os_str().as_encoded_bytes()));
    Path::new("/var/tmp").join(name)
}

fn fallback_folder(stack: &StackFolder, user: Unprivileged) -> Result<PathBuf> {
    let folder = fallback_path(stack);
    fs::create_dir_all(&folder).with_context(|| format!("creating the folder {}", folder.display()))?;
    // Everyone can write to /var/tmp: the folder could be a link, or another user's.
    let found = fs::symlink_metadata(&folder)
        .with_context(|| format!("reading the metadata of {}", folder.display()))?;
    let is_own = found.is_dir() && (found.uid() == 0 || found.uid() == user.uid);
    ensure!(is_own, "{} belongs to another user: remove it", folder.display());
    restrict_to(&folder, Some(user))?;
    Ok(folder)
}

/// Makes `user` the owner of a folder, and removes the access of all others.
fn restrict_to(folder: &Path, user: Option<Unprivileged>) -> Result<()> {
    if let Some(user) = user {
        chown(folder, Some(user.uid), Some(user.gid))
            .with_context(|| format!("changing the owner of {}", folder.display()))?;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("changing the mode of {}", folder.display()))
}

/// Copies a package's programs and libraries, and returns the new folder of the programs.
async fn copy(binaries: &Binaries, to: &Path) -> Result<PathBuf> {
    let package = binaries.package.as_deref();
    let package = package.with_context(|| {
        format!("the user that PostgreSQL runs as cannot execute {}", binaries.folder.display())
    })?;
    let to = to.join(format!("programs-{}", binaries.major));
    let inside = binaries
        .folder
        .strip_prefix(package.parent().unwrap_or(package))
        .context("computing the folder of the copy")?;
    if !to.exists() {
        let draft = to.with_extension("new");
        fs::create_dir_all(&draft).with_context(|| format!("creating the folder {}", draft.display()))?;
        let libraries = package.with_extension("libs");
        let sources = [package, &libraries].into_iter().filter(|source| source.exists());
        let copy = Launch::new("cp").args(["-R"]).args(sources).args([&draft]);
        copy.output().await.context("copying PostgreSQL")?;
        fs::rename(&draft, &to).with_context(|| format!("moving {} into place", draft.display()))?;
    }
    Ok(to.join(inside))
}

/// FNV-1a, which is the same on every machine and in every version of Rust.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_fnv_1a() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }
}

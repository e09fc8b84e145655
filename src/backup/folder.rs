//! Files that nobody else may read: the folder of backups, and folders within it for what is not finished, swept up after
//! processes that were killed.

use crate::error::{Result, Stop, io_words};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How the names begin of folders with unfinished files.
const UNFINISHED: &str = ".tieout-unfinished-";

/// The file in such a folder that is locked as long as its process lives.
const ALIVE: &str = "alive";

/// Makes a folder for backups where there is none, for nobody but its owner.
pub(super) fn make(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| cannot("make the folder", dir, &e))
}

/// A folder for unfinished files, removed with what is in it.
pub(super) struct Aside {
    folder: TempDir,
    _alive: File,
}

impl Aside {
    /// Makes one in `dir`, on its file system, and removes those that killed processes left there.
    pub(super) fn within(dir: &Path) -> Result<Aside> {
        sweep(dir);
        let failed = |e: std::io::Error| cannot("write into", dir, &e);
        let folder =
            tempfile::Builder::new().prefix(UNFINISHED).permissions(Permissions::from_mode(0o700)).tempdir_in(dir).map_err(failed)?;
        // Locked before it has its name: under that it is never seen without a lock.
        let unnamed = folder.path().join("new");
        let alive = private(&unnamed).map_err(failed)?;
        alive.try_lock().map_err(|e| failed(e.into()))?;
        std::fs::rename(unnamed, folder.path().join(ALIVE)).map_err(failed)?;
        Ok(Aside { folder, _alive: alive })
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A folder whose process still runs holds its lock, and one that has no lock file yet is just being made.
fn sweep(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(UNFINISHED));
        if ours && File::open(entry.path().join(ALIVE)).is_ok_and(|alive| alive.try_lock().is_ok()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A new, empty file that only its owner may read.
pub(super) fn private(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

/// Copies a file to where there is none; gives the digest and size of what was copied.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(String, u64)> {
    let mut reader = crate::digest::Hashing::new(File::open(from).map_err(|e| cannot("read", from, &e))?);
    let mut writer = private(to).map_err(|e| cannot("write", to, &e))?;
    let mut block = vec![0; 1 << 20];
    loop {
        let n = reader.read(&mut block).map_err(|e| cannot("read", from, &e))?;
        if n == 0 {
            break;
        }
        writer.write_all(&block[..n]).map_err(|e| cannot("write", to, &e))?;
    }
    let size = reader.size;
    Ok((reader.finish().map_err(|e| cannot("read", from, &e))?, size))
}

/// The digest and size of a file.
pub(super) fn digest(path: &Path) -> Result<(String, u64)> {
    let read = File::open(path).and_then(|mut file| crate::digest::sha256_of(&mut file));
    read.map_err(|e| cannot("read", path, &e))
}

/// Waits until a file is on the disk.
pub(super) fn settle(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| cannot("write", path, &e))
}

/// Gives a finished file its name; after a power cut it is there under that name or not at all.
pub(super) fn put(from: &Path, to: &Path) -> Result<()> {
    settle(from)?;
    std::fs::rename(from, to).map_err(|e| cannot("write", to, &e))?;
    settle(&parent(to))
}

/// The folder that a file lies in.
pub(super) fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

pub(super) fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Stop {
    let hint = "look at the folder's permissions and the room on its disk, or choose another folder with --dir";
    Stop::database(format!("cannot {what} {}: {}", path.display(), io_words(error)), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_swept_up_and_what_a_living_one_has_is_not() {
        let dir = TempDir::new().unwrap();
        let living = Aside::within(dir.path()).unwrap();
        let killed = Aside::within(dir.path()).unwrap();
        let left = killed.folder.path().to_owned();
        std::fs::write(killed.join("copy"), "half").unwrap();
        // A killed process loses its lock and removes nothing.
        let Aside { folder, _alive } = killed;
        let _ = folder.keep();
        drop(_alive);
        let next = Aside::within(dir.path()).unwrap();
        assert!(!left.exists() && living.folder.path().exists() && next.folder.path().exists());
        assert_eq!(std::fs::metadata(living.folder.path()).unwrap().permissions().mode() & 0o777, 0o700);
        drop((living, next));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

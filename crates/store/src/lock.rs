//! One process per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Holds a folder for this process. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
    path: PathBuf,
}

/// Why the folder could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error(
        "`{path}` is in use by process {pid}; stop that process, or let the command reach it with `--admin`"
    )]
    Held { path: String, pid: u32 },
    #[error("`{path}` is in use by another process; stop it, or let the command reach it with `--admin`")]
    HeldByUnknown { path: String },
    #[error("cannot use the lock file `{path}`")]
    File {
        path: String,
        #[source]
        cause: std::io::Error,
    },
}

/// Longest process id that is read back.
const PID_BYTES_MAX: u64 = 20;

impl DirectoryLock {
    /// Takes `folder` by its file `lock`, which is created where it is missing; never waits.
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join("lock");
        let failed = |cause| LockError::File { path: path.display().to_string(), cause };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        crate::files::owner_only(&mut options);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&path, &mut file)),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        file.sync_data().map_err(failed)?;
        Ok(Self { file, path })
    }

    /// The lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes hold two files of one name. Unlocking is what the
        // close that follows does anyway, and its failure leaves nothing to do.
        drop(self.file.unlock());
    }
}

fn held(path: &Path, file: &mut File) -> LockError {
    let mut text = String::new();
    let read = file.take(PID_BYTES_MAX).read_to_string(&mut text);
    let path = path.display().to_string();
    match (read, text.trim().parse()) {
        (Ok(_), Ok(pid)) => LockError::Held { path, pid },
        (Ok(_) | Err(_), _) => LockError::HeldByUnknown { path },
    }
}

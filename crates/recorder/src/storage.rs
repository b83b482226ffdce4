//! Where the log's files are: a folder, or in tests a disk that forgets what was not synced.
//!
//! Small on purpose. Segments are only ever appended to and cut back; everything else is replaced whole, which
//! means written aside, synced, renamed, and the folder synced. A name without a sync may be gone after a crash.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The files of one log.
pub trait Storage: fmt::Debug + Send + Sync {
    /// The names of all files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A whole file.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// The length of a file.
    fn length(&self, name: &str) -> io::Result<u64>;
    /// `length` bytes from `offset`; fewer where the file ends before.
    fn read_range(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Opens a file for appending.
    fn append(&self, name: &str) -> io::Result<Box<dyn Append>>;
    /// Replaces a file by `bytes`: afterwards, and after any crash, it is the old one or the new one whole.
    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file, durably.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A file that grows at its end.
pub trait Append: fmt::Debug + Send {
    /// Writes all of `bytes` at the end.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes durable what was written.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `length` bytes, durably.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A folder.
#[derive(Debug)]
pub struct Disk {
    dir: PathBuf,
}

/// The right to write to a folder's log; gone when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Why a folder cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("another process is writing the log in `{dir}`")]
    Held { dir: String },
    #[error("cannot lock the log in `{dir}`")]
    Io {
        dir: String,
        #[source]
        cause: io::Error,
    },
}

impl Disk {
    /// The folder `dir`, which need not exist for reading an empty log.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Makes the folder where it is missing and takes its lock.
    pub fn lock(&self) -> Result<Lock, LockError> {
        let name = || self.dir.display().to_string();
        let refused = |cause| LockError::Io { dir: name(), cause };
        private_folder(&self.dir).map_err(refused)?;
        let file = private().create(true).write(true).open(self.dir.join("lock")).map_err(refused)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(LockError::Held { dir: name() }),
            Err(fs::TryLockError::Error(cause)) => Err(refused(cause)),
        }
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}

#[cfg(unix)]
fn private_folder(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn private_folder(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// Options under which a new file is its owner's alone: entries hold personal data.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl Storage for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry?.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.dir.join(name))
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        fs::metadata(self.dir.join(name)).map(|metadata| metadata.len())
    }

    fn read_range(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.dir.join(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length);
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let file = OpenOptions::new().append(true).open(self.dir.join(name))?;
        Ok(Box::new(DiskFile { file }))
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let aside = self.dir.join(format!("{name}.new"));
        let mut file = private().create(true).write(true).truncate(true).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, self.dir.join(name))?;
        self.sync_names()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.dir.join(name))?;
        self.sync_names()
    }
}

#[derive(Debug)]
struct DiskFile {
    file: File,
}

impl Append for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }
}

//! The committed inputs that mutation begins with, one file each under `fuzz/corpus/TARGET/`.

use std::path::{Path, PathBuf};

/// Why a corpus could not be read.
#[derive(Debug)]
pub enum CorpusError {
    /// The folder of the target has no file.
    Empty { folder: PathBuf },
    /// The folder or a file in it could not be read.
    Read { path: PathBuf, cause: std::io::Error },
}

impl std::fmt::Display for CorpusError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty { folder } => {
                write!(f, "no input in `{}`; put one file there for each kind of input", folder.display())
            }
            Self::Read { path, .. } => write!(f, "cannot read `{}`", path.display()),
        }
    }
}

impl std::error::Error for CorpusError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Empty { .. } => None,
            Self::Read { cause, .. } => Some(cause),
        }
    }
}

/// The inputs of one target, in the order of their names.
#[derive(Debug)]
pub struct Corpus {
    inputs: Vec<Vec<u8>>,
}

impl Corpus {
    /// Reads the corpus of a target below `root`, the folder of the workspace.
    ///
    /// # Errors
    ///
    /// The folder is not there, is empty, or a file in it cannot be read.
    pub fn read(root: &Path, target: &str) -> Result<Self, CorpusError> {
        let folder = Self::folder(root).join(target);
        let read = |path: &Path, cause| CorpusError::Read { path: path.into(), cause };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(|cause| read(&folder, cause))? {
            paths.push(entry.map_err(|cause| read(&folder, cause))?.path());
        }
        paths.sort();
        let inputs = paths.iter().map(|path| std::fs::read(path).map_err(|cause| read(path, cause)));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        if inputs.is_empty() { Err(CorpusError::Empty { folder }) } else { Ok(Self { inputs }) }
    }

    /// Where all corpora lie.
    #[must_use]
    pub fn folder(root: &Path) -> PathBuf {
        root.join("fuzz/corpus")
    }

    /// The inputs.
    #[must_use]
    pub fn inputs(&self) -> &[Vec<u8>] {
        &self.inputs
    }
}

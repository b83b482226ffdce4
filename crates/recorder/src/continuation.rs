//! A log that does not go on from what is known of it, removed or rolled back: it is set aside as it is, and another
//! one under a new origin names its last known checkpoint. Two trees of one origin are never signed.
//!
//! The origins of a line are `base`, `base/2`, `base/3` and so on. Which one is in use stands in the checkpoint that is
//! known; if the new one was begun and nobody got to know, the folder says so, and it is gone on with.

use std::io;
use std::path::{Path, PathBuf};

use record::{Checkpoint, Verifier};

use crate::layout;
use crate::open::OpenLogError;
use crate::storage::Storage;

/// How many logs of one generation can be set aside.
const ASIDE_MAX: u32 = 100;
/// The file of the folder's lock.
const LOCK: &str = "lock";

/// The origin of a log and the one that would continue it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    generation: u64,
    pub(crate) next: String,
}

impl Line {
    /// Where the log of `known` stands in the line that begins with `base`.
    pub(crate) fn of(base: &str, known: &Checkpoint) -> Result<Self, OpenLogError> {
        let generation = generation(base, &known.origin).ok_or_else(|| OpenLogError::OtherLine {
            origin: base.to_owned(),
            found: known.origin.clone(),
        })?;
        Ok(Self { generation, next: format!("{base}/{}", generation.saturating_add(1)) })
    }

    /// Whether the folder holds the log that continues the one known.
    pub(crate) fn is_continued(&self, storage: &dyn Storage) -> bool {
        let found = storage.read(layout::VERIFIER).unwrap_or_default();
        Verifier::parse(String::from_utf8_lossy(&found).trim()).is_ok_and(|found| found.name() == self.next)
    }

    /// Moves the folder of a log that nobody writes beside itself and says where to; `None` where there was nothing.
    pub(crate) fn set_aside(
        &self,
        dir: &Path,
        storage: &dyn Storage,
    ) -> Result<Option<PathBuf>, OpenLogError> {
        let error = |cause| OpenLogError::SetAside { dir: dir.display().to_string(), cause };
        if storage.list().map_err(error)?.iter().all(|name| name == LOCK) {
            return Ok(None);
        }
        let place = self.place(dir).ok_or_else(|| error(io::ErrorKind::AlreadyExists.into()))?;
        std::fs::rename(dir, &place).map_err(error)?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(error)?;
        }
        Ok(Some(place))
    }

    /// A name beside the folder that is free: `log.1`, then `log.1-2` and so on.
    fn place(&self, dir: &Path) -> Option<PathBuf> {
        let name = dir.file_name()?.to_str()?;
        let generation = self.generation;
        let numbered = (2..ASIDE_MAX).map(|number| format!("{name}.{generation}-{number}"));
        std::iter::once(format!("{name}.{generation}"))
            .chain(numbered)
            .map(|name| dir.with_file_name(name))
            .find(|place| std::fs::symlink_metadata(place).is_err())
    }
}

fn generation(base: &str, origin: &str) -> Option<u64> {
    let rest = origin.strip_prefix(base)?;
    if rest.is_empty() {
        return Some(1);
    }
    let text = rest.strip_prefix('/')?;
    text.parse().ok().filter(|generation: &u64| 2 <= *generation && generation.to_string() == text)
}

#[cfg(test)]
mod tests {
    use record::tree::empty_root;

    use super::*;

    #[test]
    fn a_line_of_origins_has_one_spelling() {
        let line = |origin: &str| {
            let known = Checkpoint { origin: origin.into(), size: 1, root: empty_root() };
            Line::of("example.com/7", &known).ok().map(|line| line.next)
        };
        assert_eq!(line("example.com/7").as_deref(), Some("example.com/7/2"));
        assert_eq!(line("example.com/7/2").as_deref(), Some("example.com/7/3"));
        for other in [
            "example.com/7/1",
            "example.com/7/02",
            "example.com/7/+2",
            "example.com/72",
            "example.com/7/",
            "example.com/8",
            "x",
        ] {
            assert_eq!(line(other), None, "{other}");
        }
    }
}

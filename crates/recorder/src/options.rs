//! How a log is opened.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use record::{Checkpoint, Signer};

use crate::OpenLogError;

/// Where the sequencer gets the time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a recorder needs to know.
#[derive(Clone)]
pub struct Options {
    /// The folder of the log; made where it is missing.
    pub dir: PathBuf,
    /// The log's name in checkpoints: a host and path without scheme, space or `+`. Logs that continue it are called
    /// `origin/2` and so on.
    pub origin: String,
    /// The 32-byte seed of the Ed25519 key that signs checkpoints.
    pub signing_seed: [u8; 32],
    /// How many [`crate::WorkerLog`]s to make.
    pub workers: NonZeroUsize,
    /// How long content is kept; hashes stay. `None` keeps it forever.
    pub keep: Option<Duration>,
    /// The size at which a segment is sealed and the next one begun, in bytes.
    pub segment_bytes: u64,
    /// The size of each worker's ring, in bytes.
    pub ring_bytes: usize,
    /// How much of all workers' entries is kept in memory while a disk is waited for, in bytes. What comes on top stays in
    /// the rings, and is lost and counted when these are full.
    pub set_aside_bytes: usize,
    /// The last checkpoint of the log that a new one continues: after a change of key, or after a backup was
    /// restored. Recorded in the first entry of the new log.
    pub continues: Option<Checkpoint>,
    /// The last checkpoint of this log, or of one that continues it, that was kept elsewhere. A log that does not
    /// go on from it, such as a restored backup, is not signed on, which would fork it: it is set aside, and
    /// another one continues it.
    pub known: Option<Checkpoint>,
    pub clock: Clock,
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("dir", &self.dir)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// 16 MiB: at a few hundred bytes an entry, some 50,000 of them.
    pub const SEGMENT_BYTES: u64 = 16 << 20;
    /// 8 MiB: at 20,000 requests a second and worker, a second. The sequencer comes every few milliseconds; this is for when
    /// it gets no processor.
    pub const RING_BYTES: usize = 8 << 20;
    /// 64 MiB: at 20,000 requests a second, a sync of eight seconds.
    pub const SET_ASIDE_BYTES: usize = 64 << 20;

    /// With the signed note that was kept elsewhere as [`Self::known`]. Refused is what this key did not sign.
    pub fn with_known(self, note: &[u8]) -> Result<Self, OpenLogError> {
        let origin = note.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let origin = String::from_utf8_lossy(origin).into_owned();
        let signer = Signer::from_seed(&origin, &self.signing_seed)
            .map_err(|cause| OpenLogError::Signer { origin, cause })?;
        let known = Checkpoint::verify(note, signer.verifier()).map_err(OpenLogError::Known)?;
        Ok(Self { known: Some(known), ..self })
    }

    /// The usual sizes.
    #[must_use]
    pub fn new(
        dir: PathBuf,
        origin: String,
        signing_seed: [u8; 32],
        workers: NonZeroUsize,
        clock: Clock,
    ) -> Self {
        Self {
            dir,
            origin,
            signing_seed,
            workers,
            keep: None,
            segment_bytes: Self::SEGMENT_BYTES,
            ring_bytes: Self::RING_BYTES,
            set_aside_bytes: Self::SET_ASIDE_BYTES,
            continues: None,
            known: None,
            clock,
        }
    }
}

//! Opens a repository: takes its lock, its store, its secrets and its log, and brings the last good revision into force.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use config::Repository;
use identity::{MasterKey, Stops};
use model::Timestamp;
use policy::ValidationCache;
use recorder::{LogReader, OpenLogError, Options, Recorder, WorkerLog};
use store::{DirectoryLock, LockError, Store};

use crate::actor::Actor;
use crate::blocks::KnownBlocks;
use crate::files;
use crate::inventory::Watched;
use crate::known_log;
use crate::live::Live;
use crate::owed::Owed;
use crate::rollups;
use crate::secrets;
use crate::state::State;
use crate::tls::{Material, Pointers};
use crate::upkeep::KEEP;
use crate::upstream_secrets;
use crate::usage::Book;
use crate::{Control, ControlError};

/// What only the program itself can give: time, chance, and the master key.
#[derive(Clone)]
pub struct Outside {
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Fills with bytes of the operating system's generator.
    pub random: fn(&mut [u8]) -> Result<(), ControlError>,
    pub master: MasterKey,
}

impl fmt::Debug for Outside {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Outside")
    }
}

/// How a repository is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    pub folder: PathBuf,
    /// The folder of state; `.state` inside the repository.
    pub state: PathBuf,
    /// Logs to make, one per worker thread.
    pub workers: NonZeroUsize,
}

/// An open repository.
#[derive(Debug)]
pub struct Opened {
    pub control: Control,
    pub logs: Vec<WorkerLog>,
    /// Why the files are not in force, where they are not.
    pub refused: Option<ControlError>,
}

impl Control {
    /// Opens a repository. Files that do not load are no failure here: the last good revision is used, or, without
    /// one, everything is denied.
    pub fn open(options: OpenOptions, outside: Outside) -> Result<Opened, ControlError> {
        let OpenOptions { folder, state: state_folder, workers } = options;
        store::private_folder(&state_folder).map_err(|cause| refused_folder(&state_folder, cause))?;
        let lock = DirectoryLock::acquire(&state_folder).map_err(refused_lock)?;
        let (mut store, _) = Store::open(&state_folder.join("store.db"))?;
        let now = (outside.clock)();
        let secrets = secrets::open(&mut store, &outside.master, &outside.random, now)?;
        let seed = seed_of(&secrets)?;
        let read = files::read_all(&folder)?;
        let log_folder = state_folder.join("log");
        let mut log =
            Options::new(log_folder.clone(), origin(&store)?, seed, workers, Arc::clone(&outside.clock));
        log.keep = Some(keep(&read));
        let log = known_log::with_known(log, &store)?;
        let (recorder, logs) = Recorder::open(log).map_err(|error| refused_log(&error, &log_folder))?;
        known_log::keep(&mut store, &recorder.checkpoint(), now)?;
        let unstored =
            rollups::rebuild(&mut store, &recorder, &LogReader::open(&log_folder), &secrets.blocks, now)?;
        let mut blocks = KnownBlocks::load(&store, &secrets.blocks, now)?;
        let mut owed = Owed::default();
        for (block, act) in unstored {
            blocks.add(block.clone(), act.clone(), now)?;
            owed.add_recorded(block, act);
        }
        let known = ValidationCache::from_hashes(store.validated()?);
        let jwks = ArcSwap::from_pointee(secrets.signing.jwks());
        let state = State {
            store,
            loaded: None,
            refused: Vec::new(),
            api_limits: BTreeMap::new(),
            caller_limits: BTreeMap::new(),
            usage_flushed: Timestamp::MIN,
            signing_due: secrets.signing.due,
            removed_on: None,
            endings: BTreeMap::new(),
            fingerprint: secrets.fingerprint.clone(),
            flushed: BTreeMap::new(),
            owed,
            blocks,
            block_key: secrets.blocks,
            tls: Material::default(),
        };
        let mut signers = secrets.signing.signers.into_iter();
        let live = Live::new(signers.next().map(Arc::new));
        live.set_keys(state.key_table()?);
        live.set_stops(state.blocks.stops(&Stops::none(), now).at_sequence(state.store.versions()?.stops));
        live.set_secrets(upstream_secrets::open_all(&state.store, &outside.master)?);
        state.refresh_applications(&live)?;
        let control = Self {
            folder,
            log_folder,
            outside,
            live,
            files: Mutex::new(known),
            state: Mutex::new(state),
            recorder,
            watched: Mutex::new(Watched::open(&state_folder, now)),
            jwks: Arc::new(jwks),
            claimed: Arc::default(),
            tls: Pointers::default(),
            usage: Mutex::new(Book::open(&state_folder.join("store.db"))?),
            readiness: Mutex::new(None),
            fingerprint: secrets.fingerprint,
            _lock: lock,
        };
        let refused = control.start(&Actor::gateway(), &read).err();
        Ok(Opened { control, logs, refused })
    }
}

/// What the key of the log's checkpoints is made of.
fn seed_of(secrets: &secrets::Secrets) -> Result<[u8; 32], ControlError> {
    let wrong = |_| ControlError::Secret { what: "`log-checkpoint` is not 32 bytes long".to_owned() };
    secrets.log_seed.expose().try_into().map_err(wrong)
}

fn refused_folder(path: &Path, cause: std::io::Error) -> ControlError {
    ControlError::Folder(files::FilesError::Write { path: path.to_owned(), cause })
}

fn refused_lock(error: LockError) -> ControlError {
    match error {
        LockError::Held { .. } | LockError::HeldByUnknown { .. } => {
            ControlError::invalid(error.to_string(), "or wait until it has ended")
        }
        LockError::File { path, cause } => {
            ControlError::Folder(files::FilesError::Write { path: path.into(), cause })
        }
    }
}

/// Why the log is not opened, and for a damaged one how to go on.
fn refused_log(error: &OpenLogError, folder: &Path) -> ControlError {
    let what = crate::chain(error);
    if error.is_damage() {
        return ControlError::DamagedLog { what, folder: folder.display().to_string() };
    }
    ControlError::Log { what }
}

/// The log's name in checkpoints: stable for a store, and no two stores share it.
fn origin(store: &Store) -> Result<String, ControlError> {
    let made =
        store.secret_names()?.into_iter().find(|(name, _)| name == "log-checkpoint").map(|(_, made)| made);
    Ok(format!("sallyport.local/log/{}", made.map_or(0, Timestamp::as_micros)))
}

/// For how long records are kept: as the files say, or 90 days where they cannot be read.
fn keep(read: &files::Files) -> Duration {
    match Repository::load(read) {
        Ok(repository) => repository.gateway.record.keep,
        Err(_) => KEEP,
    }
}

/// A master key from its bytes, for those that may not know how keys are sealed.
#[must_use]
pub fn master_key_of(bytes: [u8; 32]) -> MasterKey {
    MasterKey::from_bytes(bytes)
}

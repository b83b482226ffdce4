//! The operating system: the only place that reads the clock, the environment and random bytes.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use identity::MasterKey;
use model::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the one clock of the program")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A variable of the environment.
#[expect(clippy::disallowed_methods, reason = "this is the one reader of the environment")]
pub(crate) fn variable(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name)
}

/// Fills with bytes from the operating system's generator.
pub(crate) fn random(bytes: &mut [u8]) -> Result<(), control::ControlError> {
    SystemRandom::new().fill(bytes).map_err(|_| control::ControlError::Secret {
        what: "the operating system gave no random bytes".to_owned(),
    })
}

/// The person at the keyboard, as the log names them.
pub(crate) fn user() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .filter_map(variable)
        .filter_map(|name| name.into_string().ok())
        .find(|name| model::PersonName::parse(name).is_ok());
    named.unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()))
}

/// Keeps what is in memory, keys among it, out of core files and away from other processes of the same user.
pub(crate) fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }) {
        tracing::warn!(%error, "core files could not be switched off");
    }
    // Core files that go to a program do not heed the limit.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "the process could not be made undumpable");
    }
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let temporary = path.with_extension("new");
    // A leftover of a crash may have another mode.
    drop(fs::remove_file(&temporary));
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).with_context(context)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(context)?;
    fs::rename(&temporary, path).with_context(context)?;
    if let Some(folder) = path.parent() {
        // A name alone is in the folder of the moment.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(context)?;
    }
    Ok(())
}

/// The master key: from the file that `SALLYPORT_MASTER_KEY_FILE` names, else from the user's configuration folder,
/// where it is made at the first start. Never beside the database.
pub(crate) fn master_key() -> anyhow::Result<MasterKey> {
    if let Some(path) = variable("SALLYPORT_MASTER_KEY_FILE") {
        let path = PathBuf::from(path);
        return read_master_key(&path)?.with_context(|| {
            format!("SALLYPORT_MASTER_KEY_FILE names {}, which does not exist", path.display())
        });
    }
    let folder = match (variable("XDG_CONFIG_HOME"), variable("HOME")) {
        (Some(folder), _) if !folder.is_empty() => PathBuf::from(folder),
        (_, Some(home)) if !home.is_empty() => PathBuf::from(home).join(".config"),
        _ => anyhow::bail!("there is no HOME to keep the master key in; set SALLYPORT_MASTER_KEY_FILE"),
    };
    let folder = folder.join("sallyport");
    let path = folder.join("master.key");
    if let Some(key) = read_master_key(&path)? {
        return Ok(key);
    }
    store::private_folder(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let key = MasterKey::generate()?;
    write_private(&path, key.to_text().expose())?;
    Ok(key)
}

fn read_master_key(path: &Path) -> anyhow::Result<Option<MasterKey>> {
    use std::os::unix::fs::PermissionsExt;
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the master key {}", path.display()));
        }
    };
    let mode = fs::metadata(path).map(|metadata| metadata.permissions().mode()).unwrap_or(0);
    if mode & 0o077 != 0 {
        anyhow::bail!("the master key {} can be read by others; run `chmod 600` on it", path.display());
    }
    MasterKey::parse(&text).map(Some).with_context(|| format!("{} holds no master key", path.display()))
}

/// Lets go of a result whose failure leaves nothing to do: the other side is gone, which is what was wanted.
pub(crate) fn unheeded<T, E>(_result: Result<T, E>) {}

/// A new folder for this process alone, removed when the value is dropped.
#[derive(Debug)]
pub(crate) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut bytes = [0_u8; 8];
        random(&mut bytes)?;
        let name = format!("sallyport-{:016x}", u64::from_be_bytes(bytes));
        let path = std::env::temp_dir().join(name);
        store::private_folder(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // What cannot be removed now cannot be removed by anything that follows.
        drop(fs::remove_dir_all(&self.0));
    }
}

//! The store as a file: modes, locks, damage, versions, crashes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;

use super::*;

/// A folder that is removed with the value.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sallyport-store-{}-{number}", std::process::id()));
        private_folder(&path).unwrap();
        Self(path)
    }

    pub(super) fn store(&self) -> PathBuf {
        self.0.join("sallyport.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

pub(super) fn open(path: &Path) -> Store {
    Store::open(path).unwrap().0
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let folder = Folder::new();
    let (mut store, opened) = Store::open(&folder.store()).unwrap();
    assert_eq!(opened, Opened::Created);
    store.add_application(&application("shop")).unwrap();
    store.add_keys(&[key(1)]).unwrap();
    drop(store);
    let (store, opened) = Store::open(&folder.store()).unwrap();
    assert_eq!(opened, Opened::Current);
    assert_eq!(store.keys().unwrap().len(), 1);
    store.check().unwrap();
}

#[cfg(unix)]
#[test]
fn files_belong_to_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    private_folder(&folder.0).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.0), 0o700);
    // A file that was made readable by others is narrowed.
    fs::write(folder.store(), b"").unwrap();
    fs::set_permissions(folder.store(), fs::Permissions::from_mode(0o644)).unwrap();
    let mut store = open(&folder.store());
    store.add_application(&application("shop")).unwrap();
    let _lock = DirectoryLock::acquire(&folder.0).unwrap();
    store.back_up(&folder.0.join("copy.db")).unwrap();
    let mut seen = Vec::new();
    for entry in fs::read_dir(&folder.0).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        seen.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    seen.sort();
    assert_eq!(seen, ["copy.db", "lock", "sallyport.db", "sallyport.db-shm", "sallyport.db-wal"]);
}

#[test]
fn a_backup_is_whole_and_never_written_over() {
    let folder = Folder::new();
    let mut store = open(&folder.store());
    store.add_application(&application("shop")).unwrap();
    let copy = folder.0.join("copy.db");
    store.back_up(&copy).unwrap();
    assert!(matches!(store.back_up(&copy), Err(StoreError::Exists { .. })));
    assert_eq!(open(&copy).applications().unwrap(), store.applications().unwrap());
}

#[test]
fn a_second_holder_is_told_who_the_first_is() {
    let folder = Folder::new();
    let lock = DirectoryLock::acquire(&folder.0).unwrap();
    // The system's locks are per open file, so that a second one within the process is a second holder.
    let error = DirectoryLock::acquire(&folder.0).unwrap_err();
    assert!(matches!(error, LockError::Held { pid, .. } if pid == std::process::id()), "{error}");
    fs::write(lock.path(), b"no number").unwrap();
    assert!(matches!(DirectoryLock::acquire(&folder.0), Err(LockError::HeldByUnknown { .. })));
    drop(lock);
    DirectoryLock::acquire(&folder.0).unwrap();
    assert!(matches!(DirectoryLock::acquire(&folder.0.join("absent")), Err(LockError::File { .. })));
}

#[test]
fn a_newer_schema_is_refused_and_not_touched() {
    let folder = Folder::new();
    drop(open(&folder.store()));
    let newer = SCHEMA_KNOWN + 1;
    Connection::open(folder.store()).unwrap().pragma_update(None, "user_version", newer).unwrap();
    let before = fs::read(folder.store()).unwrap();
    let error = Store::open(&folder.store()).unwrap_err();
    assert!(
        matches!(error, StoreError::NewerSchema { found, known } if found == newer && known == SCHEMA_KNOWN)
    );
    let text = error.to_string();
    assert!(text.contains(&newer.to_string()) && text.contains(&SCHEMA_KNOWN.to_string()), "{text}");
    assert_eq!(fs::read(folder.store()).unwrap(), before);
}

#[test]
fn an_older_schema_is_copied_then_migrated_whole_or_not_at_all() {
    const GOOD: &str = "ALTER TABLE applications ADD COLUMN note TEXT;";
    const BAD: &str = "CREATE TABLE half (done TEXT) STRICT; ALTER TABLE absent ADD COLUMN note TEXT;";
    let folder = Folder::new();
    let path = folder.store();
    let mut store = open(&path);
    store.add_application(&application("shop")).unwrap();
    let before = store.applications().unwrap();
    drop(store);
    let known = schema::MIGRATIONS;
    assert!(Store::open_with(&path, &[known, &[GOOD, BAD]].concat()).is_err());
    let (store, opened) = Store::open(&path).unwrap();
    assert_eq!((opened, store.applications().unwrap()), (Opened::Current, before.clone()));
    drop(store);
    // The copy that the failed attempt left is kept; this attempt makes its own.
    let (store, opened) = Store::open_with(&path, &[known, &[GOOD]].concat()).unwrap();
    let Opened::Migrated { from: SCHEMA_KNOWN, backup } = opened else { panic!("{opened:?}") };
    assert!(backup.to_str().unwrap().ends_with(".backup-2"), "{}", backup.display());
    assert_eq!(store.applications().unwrap(), before);
    drop(store);
    assert!(matches!(Store::open(&path), Err(StoreError::NewerSchema { .. })));
    // What the message advises works: the program of before opens the copy.
    assert_eq!(open(&backup).applications().unwrap(), before);
}

#[test]
fn a_store_of_before_counts_had_a_place_keeps_them_and_does_not_know_it() {
    let folder = Folder::new();
    let path = folder.store();
    let (store, _) = Store::open_with(&path, &schema::MIGRATIONS[..1]).unwrap();
    store
        .connection
        .execute_batch("INSERT INTO rollups VALUES (7, 'orders', 'allowed', '', '', '', 5, 1)")
        .unwrap();
    drop(store);
    let (store, opened) = Store::open(&path).unwrap();
    assert!(matches!(opened, Opened::Migrated { from: 1, .. }), "{opened:?}");
    assert_eq!(store.rollups_since(0).unwrap().iter().map(|row| row.count).collect::<Vec<_>>(), [5]);
    assert_eq!(store.counted().unwrap(), None);
}

#[test]
fn refuses_a_file_that_is_not_a_sound_store() {
    let folder = Folder::new();
    let foreign = folder.0.join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE cats (name TEXT)").unwrap();
    let noise = folder.0.join("noise.db");
    fs::write(&noise, vec![0x5a; 8_192]).unwrap();
    for path in [&foreign, &noise] {
        let before = fs::read(path).unwrap();
        let error = Store::open(path).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert_eq!(fs::read(path).unwrap(), before);
    }
}

#[test]
fn damaged_pages_are_an_error_and_never_other_rows() {
    let folder = Folder::new();
    let mut store = open(&folder.store());
    store.add_application(&application("shop")).unwrap();
    let keys: Vec<NewKey> = (0..2_000).map(key).collect();
    store.add_keys(&keys).unwrap();
    drop(store);
    let mut bytes = fs::read(folder.store()).unwrap();
    // All pages but the first, which holds the schema.
    for byte in bytes.iter_mut().skip(4_096) {
        *byte ^= 0xa5;
    }
    fs::write(folder.store(), &bytes).unwrap();
    let error = match Store::open(&folder.store()) {
        Ok((store, _)) => {
            assert!(matches!(store.check(), Err(StoreError::Corrupt { .. })));
            store.keys().unwrap_err()
        }
        Err(error) => error,
    };
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[test]
fn a_row_that_does_not_parse_is_reported() {
    let mut store = with_shop();
    store.add_keys(&[key(1)]).unwrap();
    for (change, sound) in [
        ("UPDATE keys SET scopes = '{'", "UPDATE keys SET scopes = '[]'"),
        (
            "UPDATE applications SET attributes = '{\"a\":{\"Long\":\"x\"}}'",
            "UPDATE applications SET attributes = '{}'",
        ),
        ("UPDATE applications SET team = 'a team'", "UPDATE applications SET team = 'team'"),
        ("UPDATE applications SET version = -1", "UPDATE applications SET version = 1"),
    ] {
        store.connection.execute_batch(change).unwrap();
        let error = store.keys().err().or_else(|| store.applications().err()).expect(change);
        assert!(matches!(error, StoreError::Corrupt { .. }), "{change}: {error}");
        store.connection.execute_batch(sound).unwrap();
        assert!(store.keys().is_ok() && store.applications().is_ok());
    }
    // The tables themselves refuse what has no meaning.
    for change in [
        "UPDATE keys SET state = 'blessed'",
        "UPDATE keys SET digest = x'00'",
        "UPDATE keys SET expires = 'never'",
        "DELETE FROM applications",
        "UPDATE administrators SET role = 'root'; INSERT INTO administrators VALUES ('a', 'root', zeroblob(32), 'active', 1, '')",
    ] {
        assert!(store.connection.execute_batch(change).is_err(), "{change}");
    }
}

#[test]
fn what_was_not_committed_did_not_happen() {
    let folder = Folder::new();
    let mut store = open(&folder.store());
    store.add_application(&application("shop")).unwrap();
    store.add_keys(&[key(1)]).unwrap();
    // The process dies between two statements: the transaction is begun, written to, and never ended.
    store.connection.execute_batch("BEGIN IMMEDIATE; UPDATE keys SET state = 'revoked';").unwrap();
    let images =
        ["sallyport.db", "sallyport.db-wal"].map(|name| (name, fs::read(folder.0.join(name)).unwrap()));
    let after = Folder::new();
    for (name, bytes) in images {
        fs::write(after.0.join(name), bytes).unwrap();
    }
    let survivor = open(&after.store());
    assert_eq!(survivor.key(key_id(1)).unwrap().unwrap().state, KeyState::Active);
    survivor.check().unwrap();
    store.connection.execute_batch("ROLLBACK").unwrap();
    // A step that fails in the middle takes its predecessors along.
    let failed: Result<(), StoreError> = store.change(|transaction| {
        transaction.execute("UPDATE keys SET state = 'revoked'", ())?;
        transaction.execute("UPDATE keys SET state = 'nonsense'", ())?;
        Ok(())
    });
    assert!(failed.is_err());
    assert_eq!(store.key(key_id(1)).unwrap().unwrap().state, KeyState::Active);
}

#[test]
fn a_torn_write_ahead_log_loses_the_last_change_and_nothing_else() {
    let folder = Folder::new();
    let mut store = open(&folder.store());
    store.add_application(&application("shop")).unwrap();
    store.add_keys(&[key(1)]).unwrap();
    let database = fs::read(folder.store()).unwrap();
    let log = fs::read(folder.0.join("sallyport.db-wal")).unwrap();
    store.add_keys(&[key(2)]).unwrap();
    let longer = fs::read(folder.0.join("sallyport.db-wal")).unwrap();
    assert!(log.len() < longer.len());
    let after = Folder::new();
    fs::write(after.store(), database).unwrap();
    fs::write(after.0.join("sallyport.db-wal"), &longer[..longer.len() - 100]).unwrap();
    let survivor = open(&after.store());
    assert!(survivor.key(key_id(1)).unwrap().is_some());
    assert_eq!(survivor.key(key_id(2)).unwrap(), None);
    survivor.check().unwrap();
}

#[test]
fn a_writer_elsewhere_is_busy_and_not_a_fault() {
    let folder = Folder::new();
    let mut store = open(&folder.store());
    store.connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    let other = Connection::open(folder.store()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(matches!(store.add_application(&application("shop")), Err(StoreError::Busy)));
    other.execute_batch("COMMIT").unwrap();
    store.add_application(&application("shop")).unwrap();
}

#[test]
fn read_only_and_full_are_errors_of_their_own() {
    let mut store = with_shop();
    store.connection.pragma_update(None, "query_only", true).unwrap();
    let error = store.add_keys(&[key(1)]).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly), "{error:?}");
    store.connection.pragma_update(None, "query_only", false).unwrap();
    store.connection.pragma_update_and_check(None, "max_page_count", 1, |_| Ok(())).unwrap();
    let keys: Vec<NewKey> = (0..5_000).map(key).collect();
    let error = store.add_keys(&keys).unwrap_err();
    assert!(matches!(error, StoreError::Full), "{error:?}");
    assert_eq!(store.keys().unwrap(), []);
}

#[test]
fn a_place_that_cannot_hold_a_store_is_named() {
    let folder = Folder::new();
    for path in [folder.0.join("absent/sallyport.db"), folder.0.clone()] {
        let error = Store::open(&path).unwrap_err();
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_store_without_access_refuses_every_change_and_reads_on() {
    let mut store = Store::in_memory().unwrap();
    store.add_application(&application("shop")).unwrap();
    store.set_access(Access::ReadOnly).unwrap();
    assert!(matches!(store.add_application(&application("till")), Err(StoreError::ReadOnly)));
    assert_eq!(store.applications().unwrap().len(), 1);
    store.set_access(Access::ReadWrite).unwrap();
    store.add_application(&application("till")).unwrap();
}

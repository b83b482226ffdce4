//! The repository's folder: reading it whole, and writing single files so that a crash leaves the old or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use config::{FILES_MAX, byte_limit, role_of};

/// Folders that hold files of ours, and how deep below the root they are looked for.
const DEPTH_MAX: usize = 3;

/// The files of a repository as they were at one moment.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Why the folder could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("cannot read `{path}`")]
    Read {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("`{path}` holds more than {FILES_MAX} files; is it a policy repository?")]
    TooMany { path: PathBuf },
    #[error("`{path}` is no regular file; remove it, or put a file there")]
    NotAFile { path: PathBuf },
    #[error("cannot write `{path}`")]
    Write {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("`{path}` exists already; nothing was changed")]
    Exists { path: PathBuf },
}

/// Reads every file that has a role in a repository; symbolic links are followed, other files are left alone.
pub fn read_all(root: &Path) -> Result<Files, FilesError> {
    let mut files = Files::new();
    read_folder(root, "", 1, &mut files)?;
    Ok(files)
}

fn read_folder(root: &Path, prefix: &str, depth: usize, files: &mut Files) -> Result<(), FilesError> {
    let folder = if prefix.is_empty() { root.to_owned() } else { root.join(prefix) };
    let failed = |cause| FilesError::Read { path: folder.clone(), cause };
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        // A file may vanish between listing and reading, as editors replace files: the next change event reads again.
        let Ok(metadata) = fs::metadata(entry.path()) else {
            continue;
        };
        if metadata.is_dir() {
            let ours = depth == 1 && matches!(name, "apis" | "policies" | "tests");
            if ours || (1 < depth && depth < DEPTH_MAX) {
                read_folder(root, &path, depth + 1, files)?;
            }
            continue;
        }
        let Some(role) = role_of(&path) else {
            continue;
        };
        // Opening a pipe waits for a writer, and everything else would wait with it.
        if !metadata.is_file() {
            return Err(FilesError::NotAFile { path: entry.path() });
        }
        if FILES_MAX <= files.len() {
            return Err(FilesError::TooMany { path: root.to_owned() });
        }
        // One byte more than allowed is enough for the reader to see that the file is too long.
        let limit = u64::try_from(byte_limit(&role)).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        let file =
            File::open(entry.path()).map_err(|cause| FilesError::Read { path: entry.path(), cause })?;
        file.take(limit)
            .read_to_end(&mut bytes)
            .map_err(|cause| FilesError::Read { path: entry.path(), cause })?;
        files.insert(path, bytes);
    }
    Ok(())
}

/// Replaces a file whole: written beside it, synced, renamed over it, and the folder synced.
pub fn replace(root: &Path, path: &str, bytes: &[u8]) -> Result<(), FilesError> {
    replace_all(root, &[(path, bytes)], &[])
}

/// Replaces files and removes others. Everything is written beside its place first, so that a full disk changes nothing; only
/// then are all renamed.
pub fn replace_all(root: &Path, files: &[(&str, &[u8])], removed: &[&str]) -> Result<(), FilesError> {
    let mut beside: Vec<(PathBuf, PathBuf)> = Vec::with_capacity(files.len());
    let written = files.iter().try_for_each(|(path, bytes)| {
        let target = root.join(path);
        let failed = |cause| FilesError::Write { path: target.clone(), cause };
        let folder = target.parent().unwrap_or(root);
        fs::create_dir_all(folder).map_err(failed)?;
        let name = target.file_name().and_then(|name| name.to_str()).unwrap_or("file");
        let temporary = folder.join(format!(".{name}.new"));
        beside.push((temporary.clone(), target.clone()));
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        written.map_err(failed)
    });
    let renamed = written.and_then(|()| {
        beside.iter().try_for_each(|(temporary, target)| {
            fs::rename(temporary, target).map_err(|cause| FilesError::Write { path: target.clone(), cause })
        })
    });
    if renamed.is_err() {
        // Best effort: the failure that matters is the one reported.
        beside.iter().for_each(|(temporary, _)| drop(fs::remove_file(temporary)));
    }
    renamed?;
    for path in removed {
        let target = root.join(path);
        fs::remove_file(&target).map_err(|cause| FilesError::Write { path: target.clone(), cause })?;
    }
    let paths = files.iter().map(|(path, _)| *path).chain(removed.iter().copied());
    let folders: BTreeSet<PathBuf> =
        paths.map(|path| root.join(path).parent().unwrap_or(root).to_owned()).collect();
    folders.into_iter().try_for_each(|folder| {
        let synced = File::open(&folder).and_then(|opened| opened.sync_all());
        synced.map_err(|cause| FilesError::Write { path: folder.clone(), cause })
    })
}

/// Writes files that must not exist yet; all are checked before the first is written.
pub fn create_all(root: &Path, files: &[(String, Vec<u8>)]) -> Result<(), FilesError> {
    for (path, _) in files {
        let target = root.join(path);
        if target.exists() {
            return Err(FilesError::Exists { path: target });
        }
    }
    for (path, bytes) in files {
        replace(root, path, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("sallyport-control-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn reads_what_has_a_role_and_nothing_else() {
        let root = folder("reads");
        for (path, text) in [
            ("sallyport.yaml", "version: 1"),
            ("apis/orders/api.yaml", "x"),
            ("apis/orders/notes.md", "x"),
            ("policies/a.cedar", "x"),
            ("README.md", "x"),
            (".state/store", "x"),
            ("policies/.hidden.cedar", "x"),
        ] {
            replace(&root, path, text.as_bytes()).unwrap();
        }
        let read: Vec<_> = read_all(&root).unwrap().into_keys().collect();
        assert_eq!(read, ["apis/orders/api.yaml", "policies/a.cedar", "sallyport.yaml"]);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_socket_in_place_of_a_file_is_refused_and_not_opened() {
        let root = folder("socket");
        fs::create_dir_all(root.join("policies")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(root.join("policies/x.cedar")).unwrap();
        assert!(matches!(read_all(&root), Err(FilesError::NotAFile { .. })));
        drop(socket);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn never_overwrites_what_it_is_told_to_create() {
        let root = folder("creates");
        replace(&root, "b", b"old").unwrap();
        let files = [("a".to_owned(), b"new".to_vec()), ("b".to_owned(), b"new".to_vec())];
        assert!(matches!(create_all(&root, &files), Err(FilesError::Exists { .. })));
        assert!(!root.join("a").exists(), "nothing is written when one of them exists");
        assert_eq!(fs::read(root.join("b")).unwrap(), b"old");
        fs::remove_dir_all(root).unwrap();
    }
}

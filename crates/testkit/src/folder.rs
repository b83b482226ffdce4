//! Work folders that end with their value.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A folder of this process alone, removed when the value is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder under `root`.
    #[must_use]
    pub fn new(root: &Path, name: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = root.join(format!("{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path)
            .unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
        Self(path)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, folders before it included.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text)
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }

    /// Reads a file.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        let path = self.0.join(path);
        std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
    }

    /// Replaces text that must be there.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} does not hold `{from}`:\n{text}");
        self.write(path, &text.replace(from, to));
    }

    /// Every file below, with its path from here.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.0.clone()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    open.push(entry.path());
                } else {
                    found.push(entry.path());
                }
            }
        }
        found.sort();
        found
    }

    /// Copies everything of `from` into this folder, modes included.
    pub fn copy_from(&self, from: &Self) {
        for file in from.files() {
            let to = self.0.join(file.strip_prefix(&from.0).unwrap());
            let folder = to.parent().unwrap();
            std::fs::create_dir_all(folder).unwrap();
            std::fs::copy(&file, &to).unwrap();
        }
        // Folders of state are private; the program refuses to use one that is not.
        for file in from.files() {
            let source = file.parent().unwrap();
            let to = self.0.join(source.strip_prefix(&from.0).unwrap());
            std::fs::set_permissions(&to, std::fs::metadata(source).unwrap().permissions()).unwrap();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

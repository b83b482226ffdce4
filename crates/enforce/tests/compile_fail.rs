//! A permit cannot be made, cloned, used twice, used for another request, or forwarded with effects unredeemed:
//! each attempt is a file that must not compile, beside the errors that say why. One file shows the way that does
//! compile, so that the others cannot fail for another reason.
//!
//! The compiler is run directly on the library that this test was built with. A crate that does it through a
//! cargo project of its own would check every dependency anew, Cedar and the cryptographic library among them.

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::time::SystemTime;

    use expect_test::expect_file;

    /// The folder of this test's program, which holds the libraries as well.
    fn libraries() -> PathBuf {
        std::env::current_exe().unwrap().parent().unwrap().to_owned()
    }

    /// The library under test: the one built last, should there be several.
    fn enforce() -> PathBuf {
        let is_enforce = |path: &PathBuf| {
            let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
            name.starts_with("libenforce-") && path.extension() == Some(OsStr::new("rlib"))
        };
        let built = |path: &PathBuf| -> SystemTime { fs::metadata(path).unwrap().modified().unwrap() };
        let found = fs::read_dir(libraries()).unwrap().map(|entry| entry.unwrap().path());
        found.filter(is_enforce).max_by_key(built).expect("cargo builds the library before its tests")
    }

    /// What the compiler says about a file: each error with its place in that file.
    fn errors(file: &Path) -> String {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
        fs::create_dir_all(&scratch).unwrap();
        let output = Command::new("rustc")
            .current_dir(file.parent().unwrap())
            .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--color=never"])
            .arg(format!("--extern=enforce={}", enforce().display()))
            .arg(format!("-Ldependency={}", libraries().display()))
            .arg("--out-dir")
            .arg(scratch)
            .arg(file.file_name().unwrap())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let told = text.lines().filter(|line| {
            line.starts_with("error[") || line.starts_with("error:") || line.trim_start().starts_with("--> a")
        });
        let mut errors: Vec<_> = told.filter(|line| !line.contains("aborting due to")).collect();
        errors.dedup();
        assert_eq!(output.status.success(), errors.is_empty(), "{text}");
        errors.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn what_must_not_compile_does_not() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension() == Some(OsStr::new("rs")));
        assert_eq!(files.len(), 8);
        for file in files {
            let found = errors(&file);
            assert_eq!(found.is_empty(), file.ends_with("the_one_way_compiles.rs"), "{file:?}");
            expect_file![file.with_extension("stderr")].assert_eq(&found);
        }
    }
}

//! Where the program under test is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A variable of the environment.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where programs are")]
#[must_use]
pub fn environment(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.into_string().expect("variables of tests are UTF-8"))
}

/// The program: what `SALLYPORT_BIN` names, else what stands beside the running test, brought up to date once.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match environment("SALLYPORT_BIN") {
        Some(path) => PathBuf::from(path),
        None => build(),
    })
}

/// A test has no say in whether the program of another package is built, so it asks for that itself. Where nothing has
/// changed that takes a moment.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    // target/PROFILE/deps/TEST
    let folder = test.parent().and_then(Path::parent).expect("tests are built into a target folder");
    let profile =
        folder.file_name().and_then(|name| name.to_str()).expect("the folder is named by its profile");
    let profile = if profile == "debug" { "dev" } else { profile };
    let cargo = environment("CARGO").unwrap_or_else(|| "cargo".to_owned());
    let status = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "sallyport",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(folder.parent().expect("the target folder"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "the program could not be built");
    folder.join("sallyport")
}

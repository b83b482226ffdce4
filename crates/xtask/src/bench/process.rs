//! Child processes and the temporary folder they live in. Both end with the value that owns them.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use crate::{clock, shell};

/// How long a process may take to end after it was asked to.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A temporary folder, deleted with everything in it.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        let unique = clock::unique();
        let path = std::env::temp_dir().join(format!("sallyport-{name}-{}-{unique}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, with the folders above it, and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.0.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot make `{}`", parent.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that cannot be deleted is left to the system's own cleaning of temporary folders.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A process that runs until it is stopped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; its standard error goes into `log`, its standard output too unless it is piped already.
    pub(crate) fn start(command: &mut Command, log: &Path, output: Stdout) -> anyhow::Result<Self> {
        let open = || File::options().create(true).append(true).open(log);
        let file = || open().with_context(|| format!("cannot write `{}`", log.display()));
        let stdout = match output {
            Stdout::Log => Stdio::from(file()?),
            Stdout::Piped => Stdio::piped(),
        };
        command.stdin(Stdio::null()).stdout(stdout).stderr(file()?);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child, log: log.into() })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Fails, with the end of the log, if the process is not running any more.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait().context("cannot ask for a child's state")? {
            anyhow::bail!("process {} ended with {status}:\n{}", self.pid(), self.tail());
        }
        Ok(())
    }

    /// Waits until something listens.
    pub(crate) fn wait_for(&mut self, address: SocketAddr, limit: Duration) -> anyhow::Result<()> {
        let what = format!("nothing listens on {address}");
        clock::wait_for(&what, limit, || {
            self.check()?;
            Ok(TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok())
        })
        .map(drop)
        .with_context(|| self.tail())
    }

    /// The end of what the process wrote.
    pub(crate) fn tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(15)).map(|line| format!("  | {line}\n")).collect()
    }

    pub(crate) fn signal(&self, signal: &str) -> anyhow::Result<()> {
        shell::run(Command::new("kill").args([&format!("-{signal}"), &self.pid().to_string()]))
    }

    /// Asks the process to end, and waits until it has.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait().context("cannot ask for a child's state")?.is_none() {
            self.signal("TERM")?;
            let what = format!("process {} does not end", self.pid());
            clock::wait_for(&what, END_LIMIT, || self.child.try_wait().context("cannot wait for a child"))?;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.stop().is_err() {
            // Nothing is left to do for one that cannot be killed either.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Where standard output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdout {
    Log,
    Piped,
}

/// A port nobody listens on, for programs that cannot choose one themselves.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on loopback")?;
    listener.local_addr().context("a listener without an address")
}

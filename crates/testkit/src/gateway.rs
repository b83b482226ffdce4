//! The gateway as a process: started, addressed, ended.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;

use serde_json::Value;

use crate::{Cli, WAIT, until};

/// A running process that says in its first line where it is. Ends with the value.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    /// The first line.
    pub first: Value,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    log: PathBuf,
}

impl Gateway {
    /// Starts `up` on free ports, with two workers; its log goes to the file `log`.
    #[must_use]
    pub fn up(cli: &Cli, log: &Path) -> Self {
        Self::start(Self::up_command(cli), log)
    }

    /// The command that [`Gateway::up`] starts.
    #[must_use]
    pub fn up_command(cli: &Cli) -> Command {
        let mut command = cli.command();
        command.args([
            "--json",
            "up",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--workers",
            "2",
        ]);
        command
    }

    /// Starts a command whose first line is JSON with `gateway` and `admin`.
    #[must_use]
    pub fn start(mut command: Command, log: &Path) -> Self {
        let errors = File::options().create(true).append(true).open(log).unwrap();
        let mut child =
            command.stdout(Stdio::piped()).stderr(errors).spawn().expect("the program can be started");
        let stdout = child.stdout.take().unwrap();
        let (sender, receiver) = sync_channel(1);
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = String::new();
            drop(reader.read_line(&mut line));
            drop(sender.send(line));
            // What follows is read, so that the process never waits for this test.
            drop(reader.read_to_end(&mut Vec::new()));
        });
        let line = receiver.recv_timeout(WAIT).unwrap_or_default();
        let Ok(first) = serde_json::from_str::<Value>(&line) else {
            drop(child.kill());
            drop(child.wait());
            panic!("the gateway did not start: `{line}`\n{}", read(log));
        };
        let address = |name: &str| {
            let url = first[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {first}"));
            let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
            rest.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{url}"))
        };
        let (gateway, admin) = (address("gateway"), address("admin"));
        Self { child, first, address: gateway, admin, log: log.to_owned() }
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.log)
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill -{name}");
    }

    /// Ends it as an operator would, and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended()
    }

    /// Ends it as a power failure would.
    pub fn kill(mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Waits for its end and gives its exit code; `None` where a signal ended it.
    pub fn ended(&mut self) -> Option<i32> {
        let child = &mut self.child;
        until("the end of the gateway", || child.try_wait().unwrap()).code()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read(log: &Path) -> String {
    std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

//! The program's commands, run as a person or a script would.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::program;
use crate::wait::{LOOKS_MAX, PAUSE};

/// What a command gave.
#[derive(Clone, Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Every line of the result as JSON.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let read =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in `{line}`: {self:?}"));
        self.stdout.lines().map(read).collect()
    }

    /// The one line of the result.
    #[must_use]
    pub fn line(&self) -> Value {
        let mut lines = self.lines();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines.remove(0)
    }
}

/// Commands against one repository.
#[derive(Clone, Debug)]
pub struct Cli {
    dir: PathBuf,
    home: PathBuf,
}

impl Cli {
    /// Commands with `--dir dir`; everything of the user is under `home`.
    #[must_use]
    pub fn new(dir: &Path, home: &Path) -> Self {
        Self { dir: dir.to_owned(), home: home.to_owned() }
    }

    /// The program with this repository and home, and nothing else of the environment that it reads.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        for name in ["SALLYPORT_DIR", "SALLYPORT_MASTER_KEY_FILE", "SALLYPORT_LOG", "SUDO_USER", "NO_COLOR"] {
            command.env_remove(name);
        }
        command
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", self.home.join("config"))
            .env("USER", "tester")
            .stdin(Stdio::null())
            .arg("--dir")
            .arg(&self.dir);
        command
    }

    /// Runs a command with `--json` and gives whatever it said.
    #[must_use]
    pub fn try_run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command();
        command.arg("--json").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        let (stdout, stderr) = (read(child.stdout.take()), read(child.stderr.take()));
        let ended = (0..LOOKS_MAX).find_map(|_| {
            let ended = child.try_wait().unwrap();
            if ended.is_none() {
                std::thread::park_timeout(PAUSE);
            }
            ended
        });
        if ended.is_none() {
            drop(child.kill());
            drop(child.wait());
        }
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        let Some(status) = ended else { panic!("{arguments:?} does not end: {stdout}{stderr}") };
        Ran { code: status.code().unwrap_or(-1), stdout, stderr }
    }

    /// Runs a command that must succeed.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        let ran = self.try_run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:#?}");
        ran
    }

    /// Registers an application.
    pub fn app(&self, name: &str, team: &str, attributes: &[&str]) {
        let mut arguments = vec!["app", "create", name, "--team", team];
        arguments.extend(attributes.iter().flat_map(|attribute| ["--attr", attribute]));
        self.run(&arguments);
    }

    /// Makes a key and gives its text.
    #[must_use]
    pub fn key(&self, app: &str, scopes: &[&str]) -> String {
        let mut arguments = vec!["key", "create", "--app", app];
        arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
        self.run(&arguments).line()["key"].as_str().expect("a new key is shown").to_owned()
    }
}

/// Reads all that a command says while it runs.
fn read(source: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            drop(source.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

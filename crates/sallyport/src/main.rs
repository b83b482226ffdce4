//! The `sallyport` program: reads the command line, runs one command, and turns its outcome into an exit code.
//!
//! Start reading at [`cli`] for what can be typed, [`up`] for how a gateway is put together, and `commands` for
//! the rest. The clock, the environment and random bytes are read in [`system`] and nowhere else.

mod cli;
mod client;
mod commands;
mod demo;
mod discover;
mod offline;
mod output;
mod reach;
mod system;
mod up;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Cli, Command};
use commands::Verdict;
use output::{Format, Output, Tone, printable};

/// Allocates for all workers; glibc's allocator costs more per request (`docs/performance.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The answer is no.
const NO: u8 = 1;
/// Usage or configuration.
const MISTAKE: u8 = 2;

/// A mistake in usage or configuration that has been reported already, line by line.
#[derive(Debug)]
pub(crate) struct UsageError(pub String);

impl std::fmt::Display for UsageError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Something was stopped and is not kept as it should be: neither done nor a mistake.
#[derive(Debug)]
pub(crate) struct NotKept(pub String);

impl std::fmt::Display for NotKept {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NotKept {}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results; everything else is a mistake in usage. Nothing to do if printing fails.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(MISTAKE) } else { ExitCode::SUCCESS };
        }
    };
    log(&cli);
    system::keep_memory_private();
    let output = Output::new(cli.global.json, system::variable("NO_COLOR").as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&cli, output)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(NO),
        Err(error) => {
            match output.format {
                Format::Json => output.note(&explain_json(&error).to_string()),
                Format::Human => {
                    output.note(&format!(
                        "{} {}",
                        output.tone(Tone::Bad, "error:"),
                        printable(&explain(&error))
                    ));
                }
            }
            ExitCode::from(if error.is::<NotKept>() { NO } else { MISTAKE })
        }
    }
}

async fn run(cli: &Cli, output: Output) -> anyhow::Result<Verdict> {
    match &cli.command {
        Command::Up(arguments) => up::run(&cli.global, arguments, output).await,
        Command::Demo(arguments) => demo::run(arguments, output).await,
        _ => commands::run(cli, output).await,
    }
}

/// The whole chain of causes, each on its line; findings in files one by one.
fn explain(error: &anyhow::Error) -> String {
    if let Some(control::ControlError::Files(errors)) = error.downcast_ref() {
        let lines: Vec<String> = errors.iter().map(|error| format!("  {error}")).collect();
        return format!("the files do not load\n{}", lines.join("\n"));
    }
    let mut lines = vec![error.to_string()];
    lines.extend(error.chain().skip(1).map(|cause| format!("  because {cause}")));
    lines.join("\n")
}

/// The same for programs: `{"error", "causes", "errors"}`, the last with what `config check` prints.
fn explain_json(error: &anyhow::Error) -> serde_json::Value {
    let errors = match error.downcast_ref() {
        Some(control::ControlError::Files(errors)) => errors.iter().map(control::error_json).collect(),
        _ => Vec::new(),
    };
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    serde_json::json!({ "error": error.to_string(), "causes": causes, "errors": errors })
}

/// Structured logs on standard error: text for people on a terminal, JSON where `SALLYPORT_LOG_FORMAT=json`.
fn log(cli: &Cli) {
    let quiet = !matches!(cli.command, Command::Up(_));
    let level = system::variable("SALLYPORT_LOG").and_then(|level| level.into_string().ok());
    let level = level.unwrap_or_else(|| if quiet { "warn" } else { "info" }.to_owned());
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(level);
    // Without a word about lines that cannot be written: it would go to standard error as well, where failing to
    // write it ends the thread. Standard error is often a file on the disk that is full.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .log_internal_errors(false);
    if system::variable("SALLYPORT_LOG_FORMAT").is_some_and(|format| format == "json") {
        builder.json().init();
    } else {
        builder.with_ansi(false).init();
    }
}

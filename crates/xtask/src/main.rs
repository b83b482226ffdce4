//! The developer's program, called as `cargo xtask COMMAND`.
//!
//! `test` is all that CI runs. The other commands are its parts, or take longer than CI may: they can be
//! run alone. This crate depends on nothing of ours, so that it can judge a workspace that does not build,
//! and on few foreign crates, so that it is there quickly.
//!
//! It never changes a tracked file unless the command line says so (`tidy --update`, `bench gate --record`,
//! `bench report`).

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of the command line; its output is its purpose"
)]

mod args;
mod bench;
mod clock;
mod fuzz;
mod mutants;
mod shell;
mod soak;
mod system;
mod test;
mod tidy;

use std::process::ExitCode;

use args::Args;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test                       everything CI runs, in order; stops at the first failure
  tidy [--update]            house rules that a program can check; --update rewrites the ratchet
  bench gate [--record]      instructions and system calls per request, against bench/recorded.json
             [--scenario S]  one of pass-through, pass-through-browser-head, whole-path
             [--small]       a small directory instead of the full one; neither judged nor recorded
  bench report [--only P]    the tables of docs/performance.md, measured and rewritten, or one of them:
                             counts, cpu, decisions, memory, start, publish, growth
  bench peers                nginx alone, to see that the rig works
  bench discovery --rig DIR [--requests N] [--seed X]
                             figures of discovery by the benchmark's own generator and scorer
  soak [--minutes M] [--percent P] [--small]
                             the release gateway under a share of full load: flat memory, no loss, log verified
  soak --flips [--seconds S] revisions that allow and deny in turn under load; each answer as its record says
  soak --peers [--count N] [--seed X]
                             bad clients and upstreams, and generated requests, far more than the tests send
  soak --stream [--gigabytes N]
                             a long stream each way past somebody who does not read; little is held
  fuzz [--target T] [--seconds S | --count N] [--seed X]
                             the fuzz functions over the committed corpus, mutated
  mutants [--only WORDS]     breaks named lines in a copy of the tree; a named test must fail for each
  ensure                     install the system programs that the commands above use
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut args = Args::new(std::env::args().skip(1));
    match args.word().as_deref() {
        Some("test") => test::run(args),
        Some("tidy") => tidy::run(args),
        Some("bench") => bench::run(args),
        Some("soak") => soak::run(args),
        Some("fuzz") => fuzz::run(args),
        Some("mutants") => mutants::run(args),
        Some("ensure") => {
            args.finish()?;
            system::ensure_all()
        }
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            Ok(())
        }
        Some(other) => anyhow::bail!("unknown command `{other}`\n\n{USAGE}"),
        None => anyhow::bail!("no command\n\n{USAGE}"),
    }
}

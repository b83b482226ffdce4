//! `publish` and `revision`: what is in force, what was, and the way back.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct PublishArguments {
    /// Why; kept with the revision and in the log
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub(crate) reason: Option<String>,
    /// Say what would change for whom, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RevisionCommand {
    /// List revisions, the newest first
    #[command(after_help = "Example:\n  sallyport revision list")]
    List,
    /// Show one revision: who made it and why, what it changed, which files it holds
    #[command(after_help = "Example:\n  sallyport revision show 7")]
    Show { number: u64 },
    /// How the second revision differs from the first: files, policies, who can do more and who less
    #[command(after_help = "Example:\n  sallyport revision diff 6 7")]
    Diff { from: u64, to: u64 },
    /// Make the files of an earlier revision the next one, and write them into the folder
    #[command(after_help = "\
Examples:
  sallyport revision rollback 6 --dry-run
  sallyport revision rollback 6 --reason \"partners are denied since 7\"

The files in the folder are replaced, so that neither a change of them nor the next publish brings back what was rolled back. Where
they are not those of the revision in force nothing is done without --force, which keeps what they are now under .state/replaced.
Exit code 1 when a case of tests/ comes out otherwise afterwards, or when the files could not be written.")]
    Rollback(RollbackArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    pub(crate) number: u64,
    /// Why; kept with the revision and in the log
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub(crate) reason: Option<String>,
    /// Replace files that are in no revision as well; a copy of them is kept
    #[arg(long)]
    pub(crate) force: bool,
    /// Say what would change for whom, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

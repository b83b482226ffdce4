//! `sallyport audit …`: reading the log, offline.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check every entry, hash and signature; exit code 1 with the first fault
    #[command(after_help = "\
Examples:
  sallyport audit verify
  sallyport audit verify --checkpoint yesterday.checkpoint

With an older checkpoint it also finds entries that were cut off since.")]
    Verify {
        /// A checkpoint kept elsewhere
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// The last entries
    #[command(after_help = "Examples:\n  sallyport audit tail\n  sallyport audit tail --lines 100 --follow")]
    Tail {
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
        lines: usize,
        /// Go on as entries arrive
        #[arg(long, short)]
        follow: bool,
    },
    /// Find entries, newest first
    #[command(after_help = "\
Examples:
  sallyport audit search --caller app:web --verdict denied
  sallyport audit search --operation \"orders:GET /orders/{id}\" --since 2026-11-01 --limit 500")]
    Search(SearchFilter),
    /// A proof that an entry is in the log, as a file that verifies without it
    #[command(after_help = "\
Examples:
  sallyport audit prove 01jdz8k3v2c5m7q9r1s3t5v7w9 > decision.tlog-proof
  sallyport audit prove 01jdz8k3v2c5m7q9r1s3t5v7w9 --check decision.tlog-proof")]
    Prove {
        id: String,
        /// Check this proof against the log's key instead of making one
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
    /// Write entries out, oldest first, one JSON object per line
    #[command(after_help = "Example:\n  sallyport audit export --since 2026-11-01 > november.jsonl")]
    Export(SearchFilter),
    /// Remove a subject's personal data; every proof stays valid
    #[command(after_help = "Example:\n  sallyport audit erase --subject app:web --reason \"request 4711\"")]
    Erase {
        /// app:NAME, workload:NAME, user:ISSUER/NAME or ip:ADDRESS
        #[arg(long, value_name = "SUBJECT")]
        subject: String,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Which entries; all conditions must hold.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SearchFilter {
    /// app:NAME, workload:NAME or anonymous
    #[arg(long, value_name = "CALLER")]
    pub(crate) caller: Option<String>,
    /// An action id, for example "orders:GET /orders/{id}"
    #[arg(long, value_name = "OPERATION")]
    pub(crate) operation: Option<String>,
    #[arg(long, value_name = "NAME")]
    pub(crate) api: Option<String>,
    #[arg(long, value_parser = ["allowed", "denied", "stepped_up", "would_deny", "would_step_up"])]
    pub(crate) verdict: Option<String>,
    /// A reason's code, for example no_grant
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: Option<String>,
    /// A decision id
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// A date or an RFC 3339 time
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// A date or an RFC 3339 time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

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

With an older checkpoint it also finds entries that were cut off since; `audit checkpoint` prints the one of now.")]
    Verify {
        /// A checkpoint kept elsewhere
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The log's public key, kept elsewhere; that beside the log when absent
        #[arg(long, value_name = "FILE")]
        verifier: Option<PathBuf>,
    },
    /// The log's public key, by which others verify proofs and checkpoints
    #[command(after_help = "Example:\n  sallyport audit verifier > orders-gateway.verifier")]
    Verifier,
    /// The signed checkpoint over the log as it is now; keep it elsewhere
    #[command(after_help = "Example:\n  sallyport audit checkpoint > 2026-11-28.checkpoint")]
    Checkpoint,
    /// The last entries
    #[command(after_help = "\
Examples:
  sallyport audit tail
  sallyport audit tail --lines 100 --follow
  sallyport audit tail --follow --key l41N3Xzhytop")]
    Tail {
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
        lines: usize,
        /// Go on as entries arrive
        #[arg(long, short)]
        follow: bool,
        #[command(flatten)]
        conditions: Conditions,
    },
    /// Find entries, newest first
    #[command(after_help = "\
A line ends with the key that was presented, valid or not, the address of the client and the status of the answer, as far as they
are recorded. Callers, operations, verdicts, ids and times are indexed; whatever else is asked is read, so give --since with it.

Examples:
  sallyport audit search --caller app:web --verdict denied
  sallyport audit search --key l41N3Xzhytop --since 40m
  sallyport audit search --network 203.0.113.0/24 --since 2h --until 1h
  sallyport audit search --param orderId=77 --operation \"orders:GET /orders/{orderId}\"
  sallyport audit search --operation \"orders:GET /orders/{id}\" --since 2026-11-01 --limit 500")]
    Search(SearchArguments),
    /// Proofs that entries are in the log, as a file that verifies without it
    #[command(after_help = "\
One id gives one proof. Several ids, or conditions, give one proof behind another in one file, of whatever is recorded under the
ids or matches the conditions. docs/evidence.md says what to hand over and what it proves.

Examples:
  sallyport audit prove 01jdz8k3v2c5m7q9r1s3t5v7w9 > decision.tlog-proof
  sallyport audit prove --key l41N3Xzhytop --since 2h > stolen-key.tlog-proofs
  sallyport audit prove --check stolen-key.tlog-proofs --verifier orders-gateway.verifier
  sallyport audit prove 01jdz8k3v2c5m7q9r1s3t5v7w9 --check decision.tlog-proof")]
    Prove(ProveArguments),
    /// Write entries out, oldest first, one JSON object per line
    #[command(after_help = "\
Lines are not signed. `audit prove` with the same conditions makes evidence for others, which `audit verifier` verifies.

Example:
  sallyport audit export --since 2026-11-01 > november.jsonl")]
    Export {
        #[command(flatten)]
        filter: SearchFilter,
        /// At most so many, the oldest; all when absent
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
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

/// Which decisions; all conditions must hold.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Conditions {
    /// app:NAME, workload:NAME or anonymous
    #[arg(long, value_name = "CALLER")]
    pub(crate) caller: Option<String>,
    /// The team that answers for the caller
    #[arg(long, value_name = "TEAM")]
    pub(crate) team: Option<String>,
    /// The user on whose behalf the caller acted: ISSUER/NAME
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// The id of the key that was presented, valid or not
    #[arg(long, value_name = "ID")]
    pub(crate) key: Option<String>,
    /// The client's address, or the network that it is in, as 203.0.113.0/24
    #[arg(long, value_name = "CIDR")]
    pub(crate) network: Option<String>,
    /// An action id, for example "orders:GET /orders/{id}"
    #[arg(long, value_name = "OPERATION")]
    pub(crate) operation: Option<String>,
    #[arg(long, value_name = "NAME")]
    pub(crate) api: Option<String>,
    #[arg(long, value_parser = ["allowed", "denied", "stepped_up", "would_deny", "would_step_up"])]
    pub(crate) verdict: Option<String>,
    /// A reason, for example no_grant, or the finer code that a line shows, for example key_checksum
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: Option<String>,
}

/// Which entries; all conditions must hold.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SearchFilter {
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    /// A decision id
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// From then on: a date, an RFC 3339 time, or how long ago (40m, 2h, 7d)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before then: a date, an RFC 3339 time, or how long ago (40m, 2h, 7d)
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SearchArguments {
    #[command(flatten)]
    pub(crate) filter: SearchFilter,
    /// A path parameter's value; the log holds a keyed hash of it, so the gateway is asked, or the repository opened
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) param: Option<String>,
    /// Go on below the entry of this number, which the search before names
    #[arg(long, value_name = "INDEX")]
    pub(crate) before: Option<u64>,
    /// The most lines; with --json the most entries, of which a call mostly has two; up to 10000
    #[arg(long, value_name = "N", default_value_t = control::SEARCH_LIMIT)]
    pub(crate) limit: usize,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ProveArguments {
    /// Decision ids; with --check each of them has to be proven
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    /// From then on: a date, an RFC 3339 time, or how long ago (40m, 2h, 7d)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Before then: a date, an RFC 3339 time, or how long ago (40m, 2h, 7d)
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Check the proofs of this file instead of making some; exit code 1 when one does not hold
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
    /// The log's public key, with which proofs are checked without the log
    #[arg(long, value_name = "FILE", requires = "check")]
    pub(crate) verifier: Option<PathBuf>,
}

impl ProveArguments {
    /// The conditions that were given, by name.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let others = [("since", &self.since), ("until", &self.until)];
        let others = others.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        self.conditions.given().chain(others)
    }
}

impl Conditions {
    /// Those that were given, by name.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("caller", &self.caller),
            ("team", &self.team),
            ("user", &self.user),
            ("key", &self.key),
            ("network", &self.network),
            ("operation", &self.operation),
            ("api", &self.api),
            ("verdict", &self.verdict),
            ("reason", &self.reason),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

impl SearchFilter {
    /// Those that were given, by name.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let others = [("id", &self.id), ("since", &self.since), ("until", &self.until)];
        let others = others.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        self.conditions.given().chain(others)
    }
}

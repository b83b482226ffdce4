//! What can be typed after `block`.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum BlockCommand {
    /// Refuse something from the next request on, and end within a second what is under way
    #[command(after_help = "\
Examples:
  sallyport block add --app web --for 2h --reason \"floods the warehouse, OPS-7\"
  sallyport block add --network 203.0.113.0/24 --for 1d --reason \"spray of keys\"
  sallyport block add --operation 'orders:DELETE /orders/{id}' --for 30m --reason \"incident 118\"

It ends by itself after --for, 30 days at most; to go on is another block. Who is blocked is not told why.")]
    Add {
        #[command(flatten)]
        target: Box<Target>,
        /// For how long, for example 30m, 2h or 7d
        #[arg(long = "for", value_name = "D")]
        lasts: String,
        /// Why; kept in the log, never told to who is blocked
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List the blocks that are in force
    #[command(after_help = "Example:\n  sallyport block list")]
    List,
    /// Show one block
    #[command(after_help = "Example:\n  sallyport block show 7h2k9m4p1q8r")]
    Show { id: String },
    /// End a block before its time
    #[command(after_help = "Example:\n  sallyport block remove 7h2k9m4p1q8r --reason \"fixed in release 9\"")]
    Remove {
        id: String,
        /// Why; kept in the log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take the list as it can be read for the whole list, after somebody wrote to the store
    #[command(
        after_help = "Example:\n  sallyport block repair --reason \"restored from backup, nothing missing\""
    )]
    Repair {
        /// Why; kept in the log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// Exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Target {
    /// Every credential of an application
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// One key
    #[arg(long, value_name = "ID")]
    pub(crate) key: Option<String>,
    /// A user of an issuer, whatever client acts for it
    #[arg(long, value_name = "ISSUER/NAME")]
    pub(crate) user: Option<String>,
    /// One access token, by the fingerprint that `audit search` shows
    #[arg(long, value_name = "ID")]
    pub(crate) token: Option<String>,
    /// A workload, by its SPIFFE id or name
    #[arg(long, value_name = "NAME")]
    pub(crate) workload: Option<String>,
    /// Addresses of clients
    #[arg(long, value_name = "CIDR")]
    pub(crate) network: Option<String>,
    /// One operation, whoever calls it
    #[arg(long, value_name = "API:METHOD /PATH")]
    pub(crate) operation: Option<String>,
    /// A whole API
    #[arg(long, value_name = "NAME")]
    pub(crate) api: Option<String>,
}

impl Target {
    /// The kind and the name of what was given.
    pub(crate) fn named(&self) -> (&'static str, &str) {
        let given = [
            ("app", &self.app),
            ("key", &self.key),
            ("user", &self.user),
            ("token", &self.token),
            ("workload", &self.workload),
            ("network", &self.network),
            ("operation", &self.operation),
            ("api", &self.api),
        ];
        let found = given.into_iter().find_map(|(kind, name)| Some((kind, name.as_deref()?)));
        // The parser asks for one; without any, the admin API refuses it once more.
        found.unwrap_or(("", ""))
    }
}

//! `sallyport inventory`.

use clap::{Args, Subcommand};

use super::Why;

#[derive(Debug, Subcommand)]
pub(crate) enum InventoryCommand {
    /// List operations, what needs attention first
    #[command(after_help = "\
Examples:
  sallyport inventory list
  sallyport inventory list --state shadow --api orders --json")]
    List {
        #[arg(long, value_name = "NAME")]
        api: Option<String>,
        #[arg(long, value_name = "HOST")]
        host: Option<String>,
        #[arg(long, value_name = "STATE", value_parser = ["documented", "shadow", "zombie", "orphan"])]
        state: Option<String>,
        /// Those that are ignored as well
        #[arg(long)]
        ignored: bool,
    },
    /// Show one operation with its evidence
    #[command(after_help = "Example:\n  sallyport inventory show 'GET shop.example.com/orders/{orderId}'")]
    Show {
        #[command(flatten)]
        operation: NamedOperation,
    },
    /// Write an operation into its API's document, in no group and granted to nobody
    #[command(after_help = "\
Examples:
  sallyport inventory adopt 'GET /orders/{orderId}/notes' --dry-run
  sallyport inventory adopt 'GET /orders/{orderId}/notes' --reason \"used by the shop, OPS-12\"")]
    Adopt {
        #[command(flatten)]
        operation: NamedOperation,
        /// Print only
        #[arg(long)]
        dry_run: bool,
        /// Write it although a policy reaches it at once
        #[arg(long)]
        accept_gains: bool,
        #[command(flatten)]
        why: Why,
    },
    /// List an operation no longer; it is counted all the same
    #[command(after_help = "Example:\n  sallyport inventory ignore 'GET /ping' --reason \"health checks\"")]
    Ignore {
        #[command(flatten)]
        operation: NamedOperation,
        /// Why; kept in the log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List an operation that was ignored again
    #[command(after_help = "Example:\n  sallyport inventory unignore 'GET /ping'")]
    Unignore {
        #[command(flatten)]
        operation: NamedOperation,
        #[command(flatten)]
        why: Why,
    },
    /// Say that the last part of a path is a name, whatever it looks like; it outweighs what is inferred, and stays
    #[command(after_help = "\
Examples:
  sallyport inventory literal '/users/{}/me'
  sallyport inventory literal shop.example.com/2024 --undo")]
    Literal {
        #[command(flatten)]
        place: NamedPlace,
    },
    /// Say that what stands in the place of the last part of a path is a parameter
    #[command(after_help = "\
Examples:
  sallyport inventory parameter '/tags/{}'
  sallyport inventory parameter '/tags/{}' --undo")]
    Parameter {
        #[command(flatten)]
        place: NamedPlace,
    },
    /// List what was said with `literal` and `parameter`
    #[command(after_help = "Example:\n  sallyport inventory places --json")]
    Places,
}

/// A part of a path.
#[derive(Debug, Args)]
pub(crate) struct NamedPlace {
    /// The path up to and with the part; `{}` stands for any value; for all hosts without one
    #[arg(value_name = "[HOST]/PATH")]
    pub(crate) place: String,
    /// Take it back: what is inferred holds again
    #[arg(long)]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) why: Why,
}

/// An operation of the inventory.
#[derive(Debug, Args)]
pub(crate) struct NamedOperation {
    /// 'METHOD /path' or 'METHOD HOST/path', as `inventory list` shows it
    pub(crate) operation: String,
    /// The host, where several have the same
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
}

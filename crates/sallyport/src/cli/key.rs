//! The command line of keys, ours and those of before, and of the upstreams' own credentials.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{Why, parse_duration};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; it is shown this once
    #[command(after_help = "\
Examples:
  sallyport key create --app web --scope orders:read
  sallyport key create --app web --scope \"orders:GET /orders/{id}\" --expires 30d

A scope is an operation or a group. Without --expires a key lives 90 days.")]
    Create {
        #[arg(long, value_name = "NAME")]
        app: String,
        /// An operation or a group; may be repeated
        #[arg(long = "scope", value_name = "S", required = true)]
        scopes: Vec<String>,
        /// A lifetime such as 30d, a date or an RFC 3339 time; 366 days at most
        #[arg(long, value_name = "D")]
        expires: Option<String>,
        /// Make this many
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        count: u32,
        #[command(flatten)]
        why: Why,
    },
    /// List keys; secrets are never shown
    #[command(after_help = "Example:\n  sallyport key list --app web")]
    List {
        #[arg(long, value_name = "NAME")]
        app: Option<String>,
    },
    /// Show one key
    #[command(after_help = "Example:\n  sallyport key show 7Q2mX9aBcD3f")]
    Show { id: String },
    /// Refuse a key from the next request on, for good
    #[command(
        after_help = "Examples:\n  sallyport key revoke 7Q2mX9aBcD3f --reason \"found in a repository\"\n  sallyport key revoke 7Q2mX9aBcD3f --cause replaced --reason \"yearly change of keys\"\n\nWhat a key called that leaked is no evidence for `policy suggest`; of one that was replaced or whose use ended it is."
    )]
    Revoke {
        id: String,
        /// `leaked`, `replaced` by another key, or its use has `ended`; taken for leaked where nobody says, unless `key rotate`
        /// replaced it
        #[arg(long, value_name = "CAUSE", value_parser = ["leaked", "replaced", "ended"])]
        cause: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Make a successor; the old key still works for the overlap
    #[command(after_help = "Example:\n  sallyport key rotate 7Q2mX9aBcD3f --overlap 24h")]
    Rotate {
        id: String,
        /// How long the old key still works, for example 24h or 0s
        #[arg(long, value_name = "D", default_value = "24h", value_parser = parse_duration)]
        overlap: Duration,
        #[command(flatten)]
        why: Why,
    },
    /// What each key may do and never does, and the command that takes it away
    #[command(after_help = "\
Examples:
  sallyport key advise
  sallyport key advise --app web --since 60d --json

Nothing is called unused before the key has had its scopes, and calls were recorded, for the whole window.")]
    Advise {
        /// Only keys of this application
        #[arg(long, value_name = "NAME")]
        app: Option<String>,
        /// The window: 30d, a date or an RFC 3339 time; 30 days when absent
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
    },
    /// Take scopes away from a key, from the next request on
    #[command(
        after_help = "Example:\n  sallyport key narrow 7Q2mX9aBcD3f --scope \"orders:GET /orders/{id}\""
    )]
    Narrow {
        id: String,
        /// What is left: scopes that the key has, or operations that they cover; may be repeated
        #[arg(long = "scope", value_name = "S", required = true)]
        scopes: Vec<String>,
        #[command(flatten)]
        why: Why,
    },
    /// Give an existing key another end, counted from now; one of ours is rotated
    #[command(
        after_help = "Example:\n  sallyport key extend 7Q2mX9aBcD3f --expires 180d --reason \"they move in spring\""
    )]
    Extend {
        id: String,
        /// A date, an RFC 3339 time or a lifetime such as 180d; 366 days at most
        #[arg(long, value_name = "TIME", required = true)]
        expires: String,
        #[command(flatten)]
        why: Why,
    },
    /// Refuse a key from the next request on, until it is released
    #[command(
        after_help = "Example:\n  sallyport key quarantine 7Q2mX9aBcD3f --reason \"calls from a new country\""
    )]
    Quarantine {
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// Accept a key again that was quarantined
    #[command(
        after_help = "Example:\n  sallyport key release 7Q2mX9aBcD3f --reason \"it was the new office\""
    )]
    Release {
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// Import keys that an API gave out before: all of a list, or none of it
    #[command(after_help = "\
Examples:
  sallyport key import --api orders --app web --scope orders:read keys.csv --dry-run
  sallyport key import --api orders --scope orders keys.jsonl --expires 180d
  export-keys | sallyport key import --api orders --app web --scope orders -

A list is CSV with the header line name,key and any of team,scopes,expires,app, or JSON lines with these fields. A key is written in
clear, or as sha256: and the SHA-256 of the whole key. Keys do not leave this process: it hashes them.")]
    Import(ImportArguments),
    /// Existing keys that were seen and that nobody has vouched for
    #[command(after_help = "Example:\n  sallyport key seen --api orders")]
    Seen {
        #[arg(long, value_name = "NAME")]
        api: Option<String>,
    },
    /// Make a key that was seen one of an application's, with scopes and an expiry
    #[command(
        after_help = "Example:\n  sallyport key promote 3f2a9c0011223344 --app web --scope orders:read --expires 180d"
    )]
    Promote(PromoteArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The list; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The API that gave the keys out
    #[arg(long, value_name = "NAME")]
    pub(crate) api: String,
    /// The application of keys whose line names none
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// An operation or a group, for keys whose line names none; may be repeated
    #[arg(long = "scope", value_name = "S")]
    pub(crate) scopes: Vec<String>,
    /// When keys expire whose line does not say: 30d, a date or an RFC 3339 time; 90 days if absent, 366 at most
    #[arg(long, value_name = "D")]
    pub(crate) expires: Option<String>,
    /// Say what would be imported, and import nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct PromoteArguments {
    /// The digits that `key seen` shows, 8 at least, or the caller's name
    #[arg(value_name = "FINGERPRINT")]
    pub(crate) fingerprint: String,
    /// The application that it is from now on
    #[arg(long, value_name = "NAME")]
    pub(crate) app: String,
    /// An operation or a group; may be repeated
    #[arg(long = "scope", value_name = "S", required = true)]
    pub(crate) scopes: Vec<String>,
    /// A lifetime such as 30d, a date or an RFC 3339 time; 90 days if absent, 366 at most
    #[arg(long, value_name = "D")]
    pub(crate) expires: Option<String>,
    /// The API, where the digits mean several keys
    #[arg(long, value_name = "NAME")]
    pub(crate) api: Option<String>,
    /// What you call the key
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) label: String,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Keep a credential; its value comes from a file or from standard input, never from the command line
    #[command(after_help = "\
Examples:
  sallyport secret set upstream --api orders < credential.txt
  sallyport secret set upstream --api orders --file credential.txt")]
    Set {
        #[command(flatten)]
        secret: SecretName,
        /// Read the value from this file instead of standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Replace its value; the next request has the new one
    #[command(after_help = "Example:\n  sallyport secret rotate upstream --api orders < new.txt")]
    Rotate {
        #[command(flatten)]
        secret: SecretName,
        /// Read the value from this file instead of standard input
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// List what is kept; values are never shown
    #[command(after_help = "Example:\n  sallyport secret list --api orders")]
    List {
        #[arg(long, value_name = "NAME")]
        api: Option<String>,
    },
    /// Forget a credential; an API that needs it answers 503 from the next request on
    #[command(after_help = "Example:\n  sallyport secret remove upstream --api orders")]
    Remove {
        #[command(flatten)]
        secret: SecretName,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SecretName {
    /// The name in `exchange: { secret: NAME }`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The API whose credential it is
    #[arg(long, value_name = "NAME")]
    pub(crate) api: String,
    #[command(flatten)]
    pub(crate) why: Why,
}

//! What can be typed after `discover`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// A log, or several, and what to make of them.
#[derive(Debug, Args)]
pub(crate) struct DiscoverArguments {
    #[command(subcommand)]
    pub(crate) command: Option<DiscoverCommand>,
    /// A log, compressed or not; `HOST=FILE` for one without host names, `-` for standard input
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<String>,
    /// The format of all inputs; otherwise each is told by how it begins: combined, alb, cloudfront, envoy, haproxy,
    /// jsonl, har, otlp
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub(crate) format: String,
    /// Where the fields of JSON lines are, before the usual names: method=verb,path=req.url
    #[arg(long, value_name = "PART=FIELD,…", default_value = "")]
    pub(crate) fields: String,
    /// The host of lines that name none
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// Keep what was seen in this file, for `discover merge`
    #[arg(long, value_name = "FILE")]
    pub(crate) save_state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selection: Selection,
}

/// How what was found is compared and shown.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// An OpenAPI document, or a folder of them; `HOST=FILE` says what it is about
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) openapi: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) output: DiscoverFormat,
    /// Write the documents of `--output openapi` into this folder, one YAML file per host
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Whom a host is exposed to, which outweighs what addresses show: internal, partner, public, third-party; `*.HOST` for all below it
    #[arg(long, value_name = "HOST=EXPOSURE")]
    pub(crate) exposure: Vec<String>,
    /// The last part of this path is a name, whatever it looks like: /users/{}/me; `HOST/path` for one host
    #[arg(long, value_name = "[HOST]/PATH")]
    pub(crate) literal: Vec<String>,
    /// What stands in the place of the last part of this path is a parameter: /users/{}
    #[arg(long, value_name = "[HOST]/PATH")]
    pub(crate) parameter: Vec<String>,
    /// Exit with 1 where an operation is one of these: shadow, zombie, orphan
    #[arg(long, value_name = "STATE,…", value_delimiter = ',', value_parser = ["shadow", "zombie", "orphan"])]
    pub(crate) fail_on: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DiscoverCommand {
    /// Join states that were saved, in any order
    #[command(after_help = "\
Example:
  sallyport discover merge monday.state tuesday.state --openapi openapi.yaml")]
    Merge(MergeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// States that `--save-state` wrote
    #[arg(value_name = "STATE", required = true)]
    pub(crate) states: Vec<PathBuf>,
    /// Keep the joined state in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) save_state: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selection: Selection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiscoverFormat {
    /// For people, of at most 100 columns, what needs attention first
    Table,
    /// One object per operation
    Jsonl,
    /// The same
    Json,
    /// An OpenAPI 3.1 document per host
    Openapi,
    /// One page for people that loads nothing, to be forwarded
    Html,
}

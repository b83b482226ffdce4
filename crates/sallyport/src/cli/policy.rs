//! `policy`: what the policies say, and what recorded use says of them; `usage`. `test` needs no gateway and no store.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Run the cases of tests/*.yaml against the policies beside them
    #[command(after_help = "\
Examples:
  sallyport --dir shop policy test
  sallyport --dir shop policy test --only refunds --all
  sallyport --dir shop policy test --junit report.xml --sarif report.sarif --complete

It needs the files alone: no gateway, no store, no clock. A case says who calls, what, and what must come of it:

  version: 1
  now: 2026-06-15T12:00:00Z
  applications:
    shop: { team: partners, customer: '42' }
  cases:
    - { caller: app:shop, request: GET https://shop.example.com/orders, expect: allow }
    - caller: app:shop
      operation: 'shop:GET /customers/{id}'
      params: { id: 43 }
      expect: deny
      reason: no_grant

With --update it asks the gateway's roll-ups what was called, and proposes a case for each caller and operation that has none.

Exit code 1 when a case fails, and with --complete when a rule or an operation is in no case.")]
    Test(TestArguments),
    /// Propose grants for what verified callers did with success
    #[command(after_help = "\
Examples:
  sallyport --dir shop policy suggest
  sallyport --dir shop policy suggest --api orders --since 30d --write
  sallyport --dir shop policy suggest --accept called_once --write --reason 'agreed with the orders team'

It prints a diff and changes nothing without --write. What somebody has to say a word about stands in comments: calls that came
once, callers that have just appeared, use from new networks, writes of sensitive data. Remove the slashes, or give the word with
--accept.")]
    Suggest(SuggestArguments),
    /// Judge recorded calls by other policies, and tell who would lose and who would gain
    #[command(after_help = "\
Examples:
  sallyport --dir shop policy replay                        # the files as they are now, as if enforced
  sallyport --dir shop policy replay --against 12           # a revision
  sallyport --dir shop policy replay --against ./branch --since 7d --json

Exit code 1 when more calls would be lost than --max-lost (0), or gained than --max-gained. A call of which too little is kept
is not judged; exit code 1 as well when more of them may be lost than --max-unjudged (0).")]
    Replay(ReplayArguments),
    /// Callers by operations: what is granted, what is used, and both
    #[command(after_help = "\
Examples:
  sallyport --dir shop policy matrix --api orders
  sallyport --dir shop policy matrix --since 7d --html matrix.html")]
    Matrix(MatrixArguments),
    /// What one policy in force says and does, and what would be otherwise without it
    #[command(after_help = "\
Examples:
  sallyport policy explain partners.read
  sallyport policy explain orders.cedar#3

A policy without `@id` is called by its file and its place in it.")]
    Explain { rule: String },
    /// Who can call an operation: always or under conditions, and by which grants
    #[command(after_help = "\
Examples:
  sallyport policy who-can 'orders:GET /orders/{id}'
  sallyport policy who-can GET https://orders.example.com/orders/7

Limits and blocks are not looked at; `sallyport explain` judges one call with all of them.")]
    WhoCan {
        /// An operation by its id, or the method of a call
        #[arg(value_name = "OPERATION|METHOD")]
        operation: String,
        /// The URL of the call
        #[arg(value_name = "URL")]
        url: Option<String>,
    },
    /// What a caller can call: always or under conditions, and by which grants
    #[command(after_help = "\
Examples:
  sallyport policy what-can app:shop
  sallyport policy what-can team:partners
  sallyport policy what-can key:4f0c9vq2m1xz
  sallyport policy what-can anonymous

Limits and blocks are not looked at; `sallyport explain` judges one call with all of them.")]
    WhatCan {
        /// app:NAME, workload:NAME, anonymous, team:NAME or key:ID
        caller: String,
    },
}

/// For which time and which API.
#[derive(Debug, Args)]
pub(crate) struct SpanArguments {
    /// From when on: 30d, 2026-12-31, or RFC 3339; 30 days when absent
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Up to and including the day of this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only this API
    #[arg(long, value_name = "NAME")]
    pub(crate) api: Option<String>,
}

impl SpanArguments {
    fn given(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let all = [("since", &self.since), ("until", &self.until), ("api", &self.api)];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// As parts of a query.
    pub(crate) fn query(&self) -> Vec<String> {
        self.given().map(|(name, value)| format!("{name}={}", crate::commands::escape(value))).collect()
    }

    /// As part of a body.
    pub(crate) fn body(&self) -> serde_json::Value {
        self.given().map(|(name, value)| (name.to_owned(), serde_json::Value::from(value.clone()))).collect()
    }
}

#[derive(Debug, Args)]
pub(crate) struct UsageArguments {
    #[command(flatten)]
    pub(crate) span: SpanArguments,
    /// Only this caller: app:NAME, workload:NAME or anonymous
    #[arg(long, value_name = "CALLER")]
    pub(crate) caller: Option<String>,
    /// Only calls that this key proved, by its id
    #[arg(long, value_name = "ID")]
    pub(crate) key: Option<String>,
    /// Only calls from this address, or network as 203.0.113.0/24
    #[arg(long, value_name = "CIDR")]
    pub(crate) network: Option<String>,
    /// What to add up by: day, api, team, caller, key, user, network, operation, verdict, strength
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_values = ["caller", "operation"])]
    pub(crate) by: Vec<String>,
    /// Print CSV (RFC 4180)
    #[arg(long)]
    pub(crate) csv: bool,
}

#[derive(Debug, Args)]
pub(crate) struct MatrixArguments {
    #[command(flatten)]
    pub(crate) span: SpanArguments,
    /// Write one page that loads nothing
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SuggestArguments {
    #[command(flatten)]
    pub(crate) span: SpanArguments,
    /// Put the proposals under policies/
    #[arg(long)]
    pub(crate) write: bool,
    /// Give the owner's word for a proposal, by its id, or for a concern, by its code
    #[arg(long, value_name = "WORD")]
    pub(crate) accept: Vec<String>,
    #[command(flatten)]
    pub(crate) why: super::Why,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    pub(crate) span: SpanArguments,
    /// What to try: the number of a revision, or the folder of a repository; the files of --dir when absent
    #[arg(long, value_name = "REV|DIR")]
    pub(crate) against: Option<String>,
    /// Let APIs observe where the candidate's files say so
    #[arg(long)]
    pub(crate) as_configured: bool,
    /// Up to how many calls may be lost
    #[arg(long, value_name = "CALLS", default_value_t = 0)]
    pub(crate) max_lost: u64,
    /// Up to how many calls may be gained
    #[arg(long, value_name = "CALLS")]
    pub(crate) max_gained: Option<u64>,
    /// Up to how many calls may be lost of those that cannot be judged
    #[arg(long, value_name = "CALLS", default_value_t = 0)]
    pub(crate) max_unjudged: u64,
}

#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// Only cases whose name or file holds this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// Show the cases that pass as well
    #[arg(long)]
    pub(crate) all: bool,
    /// Every rule must hold in some case, and every operation be asked about
    #[arg(long, conflicts_with = "only")]
    pub(crate) complete: bool,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write what failed as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    pub(crate) sarif: Option<PathBuf>,
    /// Propose cases for recorded calls that no case asks about, instead of running cases
    #[arg(long, conflicts_with_all = ["only", "all", "complete", "junit", "sarif"])]
    pub(crate) update: bool,
    /// With --update: write them under tests/
    #[arg(long, requires = "update")]
    pub(crate) write: bool,
    /// With --update: for which time and which API
    #[command(flatten)]
    pub(crate) span: SpanArguments,
}

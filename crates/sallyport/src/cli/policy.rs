//! `policy`: what the policies say. `test` needs no gateway and no store; the others ask what is in force.

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

Exit code 1 when a case fails, and with --complete when a rule or an operation is in no case.")]
    Test(TestArguments),
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
}

//! `cargo xtask soak --peers`: the end-to-end tests that count, with counts that take an hour.
//!
//! They are the tests of every day. Only how many requests, servers' requests and bad peers there are comes from here,
//! and the seed, so that another run is another one.

use crate::args::Args;
use crate::{shell, system};

/// Bad peers of one run.
const PEERS: u64 = 100_000;
/// Generated requests, to our own upstream and to each of the servers of others.
const REQUESTS: u64 = 300_000;
const REQUESTS_EACH: u64 = 100_000;

const TESTS: [&str; 3] = ["bad_peers", "real_upstreams", "same_request"];

/// The command.
pub(super) fn run(mut args: Args) -> anyhow::Result<()> {
    let seed = args.value::<u64>("--seed")?.unwrap_or(1);
    let peers = args.value::<u64>("--count")?.unwrap_or(PEERS);
    args.finish()?;
    system::ensure_programs()?;
    let partners = system::ensure_partners()?;
    let mut command = shell::cargo(&["test", "--profile", "ci", "--locked", "--package", "e2e", "--"])?;
    command.args(TESTS).args(["--nocapture", "--test-threads", "1"]).env("SALLYPORT_PARTNERS", partners);
    for (name, value) in [
        ("SALLYPORT_PEERS", peers),
        ("SALLYPORT_CASES", REQUESTS),
        ("SALLYPORT_SERVER_CASES", REQUESTS_EACH),
        ("SALLYPORT_SEED", seed),
    ] {
        command.env(name, value.to_string());
    }
    shell::run(&mut command)
}

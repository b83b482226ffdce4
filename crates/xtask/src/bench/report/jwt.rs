//! What an access token costs: one that was never seen, judged by one of 1,000 rules, and one that was.

use super::{median, table};
use crate::bench::directory::Directory;
use crate::bench::envoy::Work;
use crate::bench::load::Request;
use crate::bench::nginx::Upstream;
use crate::bench::process::Folder;
use crate::bench::subject::{Subject, Under};
use crate::bench::tokens::Tokens;
use crate::bench::wrk;

const ROUNDS: usize = 7;
const SECONDS: u32 = 3;
/// More than a worker keeps, in turn: when one comes again it has been forgotten. So every signature is verified.
const NEW_TOKENS: usize = 12_000;
/// One of each user, all of which are kept.
const KEPT_TOKENS: usize = 500;

struct Rig {
    folder: Folder,
    upstream: Upstream,
    directory: Directory,
    tokens: Tokens,
}

pub(super) fn measure() -> anyhow::Result<String> {
    let (upstream, folder) = (Upstream::start()?, Folder::new("report")?);
    let tokens = Tokens::make(&folder, NEW_TOKENS)?;
    let directory = Directory::with_rules(&crate::bench::binary()?, &folder, upstream.address, &tokens)?;
    let rig = Rig { folder, upstream, directory, tokens };
    let (new, kept) = (rig.tokens.requests(NEW_TOKENS), rig.tokens.requests(KEPT_TOKENS));
    // The first start validates every policy and remembers it.
    drop(rig.gateway()?);
    let mut rounds: Vec<[f64; 6]> = Vec::new();
    for _ in 0..ROUNDS {
        let round = [
            rig.cpu(rig.gateway()?, &new)?,
            rig.cpu(rig.envoy(&Work::Routes(&rig.tokens))?, &new)?,
            rig.cpu(rig.envoy(&Work::Conditions(&rig.tokens))?, &new)?,
            rig.cpu(Subject::haproxy(&rig.folder, rig.upstream.address, Some(&rig.tokens), None)?, &new)?,
            rig.cpu(rig.gateway()?, &kept)?,
            rig.cpu(rig.envoy(&Work::KeptTokens(&rig.tokens))?, &kept)?,
        ];
        rounds.push(round);
    }
    let of = |subject: usize| median(rounds.iter().filter_map(|round| round.get(subject).copied()).collect());
    let ratio = |ours: usize, peer: usize| {
        let ratio = |round: &[f64; 6]| Some(round.get(ours)? / round.get(peer)?);
        median(rounds.iter().filter_map(ratio).collect())
    };
    let rows = [
        vec![
            "ES256, not seen before, 1,000 rules".to_owned(),
            format!("{:.1}", of(0)),
            format!("Envoy, routes {:.1}; Envoy, CEL {:.1}; HAProxy, prefixes {:.1}", of(1), of(2), of(3)),
            format!("**{:.2} x** Envoy's better", ratio(0, 1).max(ratio(0, 2))),
            "0.35 / 0.27".to_owned(),
            format!("{:.2} x", ratio(0, 3)),
        ],
        vec![
            "seen before; ours with the 1,000 rules, Envoy with none".to_owned(),
            format!("{:.1}", of(4)),
            format!("Envoy {:.1}", of(5)),
            format!("**{:.2} x**", ratio(4, 5)),
            "0.5 / 0.4".to_owned(),
            String::new(),
        ],
    ];
    let head = ["a token", "us of CPU", "peers, us", "to Envoy", "must / aim", "to HAProxy"];
    Ok(format!(
        "{}\nMedians of the ratios of {ROUNDS} rounds of {SECONDS} s each, 32 connections. {NEW_TOKENS} tokens of 500 users in turn, of which a worker keeps \
         8,192 at most; the rule asks for a role of the user's, and ours writes its record as well.\n",
        table(&head, &rows)
    ))
}

impl Rig {
    fn gateway(&self) -> anyhow::Result<Subject> {
        Subject::gateway(&crate::bench::binary()?, &self.directory, self.folder.path(), Under::Nothing)
    }

    fn envoy(&self, work: &Work<'_>) -> anyhow::Result<Subject> {
        Subject::envoy_as(&self.folder, work, self.upstream.address, None)
    }

    fn cpu(&self, mut subject: Subject, requests: &[Request]) -> anyhow::Result<f64> {
        wrk::cpu(&mut subject, &self.folder, requests, SECONDS)
    }
}

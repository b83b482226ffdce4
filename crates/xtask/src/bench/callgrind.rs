//! Instructions of a program that runs under callgrind, by function.
//!
//! Valgrind knows no SHA extensions, so a hash costs there what it costs nowhere else. The functions of hashes,
//! checksums and signatures, and what they alone call, are therefore left out of the instructions and the calls
//! into them counted instead.
//!
//! Upkeep is left out as well: a thread of its own does it every few seconds, whatever the number of requests, so that
//! it falls into the short run or into the long one. Divided by their requests, either way it would be a figure of the
//! clock.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::{clock, shell, system};

/// Callgrind counts each byte of a `rep movsb` as an instruction, and glibc uses those for long copies. With
/// these thresholds it copies with vector registers, as an instruction each.
pub(super) const GLIBC_TUNABLES: &str =
    "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000";

/// What is counted by calls rather than by instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Family {
    Checksum,
    Hash,
    Signature,
    /// What a gateway does from time to time beside its requests.
    Upkeep,
}

/// Parts of the names of functions of a family. They are names of libraries, never of ours.
const FAMILIES: &[(Family, &[&str])] = &[
    (Family::Checksum, &["crc32fast", "crc32_"]),
    (
        Family::Hash,
        &[
            "sha2::",
            "digest::FixedOutput",
            "block_buffer::",
            "sha256",
            "SHA256",
            "aws_lc_rs::digest",
            "EVP_Digest",
            "EVP_MD",
        ],
    ),
    (
        Family::Signature,
        &[
            "ed25519",
            "ED25519",
            "curve25519",
            "edwards25519",
            "ecdsa",
            "ECDSA",
            "p256_",
            "p384_",
            "ec_GFp",
            "EC_",
            "bignum_",
            "BN_",
            "fiat_",
            "nistz256",
            "x25519_",
            "sha512_",
            "SHA512",
            "aws_lc_rs::ec::",
            "aws_lc_rs::signature",
            "EVP_PKEY",
        ],
    ),
];

/// The module of ours that is no part of any request: carrying counts and last uses into the store.
const UPKEEP: &str = "control::upkeep::";

/// Crates of ours: their work is never left out, whatever its name, but for the upkeep.
const OURS: &[&str] =
    &["identity::", "record::", "recorder::", "enforce::", "proxy::", "model::", "control::", "http1::"];

/// What was counted between two dumps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Instructions outside the families.
    pub(super) instructions: u64,
    /// Calls from outside a family into it.
    pub(super) calls: HashMap<Family, u64>,
    /// Self cost by function, all of them.
    pub(super) functions: HashMap<String, u64>,
}

/// Whether the threads of a program are counted in one sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    Together,
    Apart,
}

/// A running program under callgrind.
#[derive(Debug)]
pub(super) struct Callgrind {
    folder: PathBuf,
    pid: u32,
    dumps: u32,
}

impl Callgrind {
    /// The command that runs `program` under callgrind, its files in `folder`.
    pub(super) fn command(program: &Path, folder: &Path, threads: Threads) -> anyhow::Result<Command> {
        let mut command = Command::new(system::path_of("valgrind")?);
        command
            .arg("--tool=callgrind")
            .arg(format!("--callgrind-out-file={}", folder.join("callgrind.out").display()))
            .arg(format!("--vgdb-prefix={}", folder.join("vgdb").display()))
            .args(match threads {
                Threads::Together => None,
                Threads::Apart => Some("--separate-threads=yes"),
            })
            .arg(program)
            .env("GLIBC_TUNABLES", GLIBC_TUNABLES);
        Ok(command)
    }

    pub(super) fn new(folder: &Path, pid: u32) -> Self {
        Self { folder: folder.into(), pid, dumps: 0 }
    }

    /// What was counted since the last call, or since the start.
    pub(super) fn take(&mut self) -> anyhow::Result<Counts> {
        self.dump()?;
        self.read("")
    }

    /// The same of the thread that parses heads, where threads are counted apart.
    pub(super) fn take_worker(&mut self) -> anyhow::Result<Counts> {
        self.dump()?;
        let parsing = |counts: &Counts| -> u64 {
            let ours = counts.functions.iter().filter(|(name, _)| name.contains("http1::"));
            ours.map(|(_, cost)| *cost).sum()
        };
        let begin = format!("callgrind.out.{}-", self.dumps);
        let mut threads = Vec::new();
        for entry in std::fs::read_dir(&self.folder).context("cannot read callgrind's folder")? {
            let name = entry.context("cannot read a folder")?.file_name().to_string_lossy().into_owned();
            if let Some(thread) = name.strip_prefix(&begin) {
                threads.push(self.read(&format!("-{thread}"))?);
            }
        }
        threads.into_iter().max_by_key(parsing).context("callgrind counted no threads apart")
    }

    fn dump(&mut self) -> anyhow::Result<()> {
        // The last answers have arrived, but what follows an answer (the entry of the log) may not be done.
        clock::pause(Duration::from_millis(500));
        self.dumps += 1;
        let prefix = format!("--vgdb-prefix={}", self.folder.join("vgdb").display());
        let mut vgdb = Command::new(system::path_of("vgdb")?);
        vgdb.args([&prefix, &format!("--pid={}", self.pid), "dump"]);
        let asked = shell::output(&mut vgdb).context("cannot ask callgrind for its counts");
        // Where the program sleeps, vgdb wakes it by attaching to it as a debugger does. On a busy machine the signal
        // for that arrives after vgdb has let go, and the program stays stopped for ever.
        shell::run(Command::new("kill").args(["-CONT", &self.pid.to_string()]))?;
        asked.map(drop)
    }

    fn read(&self, thread: &str) -> anyhow::Result<Counts> {
        let path = self.folder.join(format!("callgrind.out.{}{thread}", self.dumps));
        let text = clock::wait_for("callgrind's counts", Duration::from_secs(60), || {
            let text = std::fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            Ok(text.lines().any(|line| line.starts_with("totals:")).then_some(text))
        })?;
        parse(&text)
    }
}

/// The slope between a short and a long run: per request, without what does not depend on their number.
pub(super) fn slope(short: (u64, u64), long: (u64, u64)) -> anyhow::Result<f64> {
    let ((requests, cost), (more_requests, more_cost)) = (short, long);
    anyhow::ensure!(requests < more_requests, "the long run is not longer than the short one");
    Ok((to_f64(more_cost) - to_f64(cost)) / to_f64(more_requests - requests))
}

/// A count as a number to divide; exact below 2^53, which no run here reaches.
pub(super) fn to_f64(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & 0xffff_ffff).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

/// The family of a function.
fn family(name: &str) -> Option<Family> {
    if name.starts_with(UPKEEP) {
        return Some(Family::Upkeep);
    }
    if is_ours(name) {
        return None;
    }
    FAMILIES.iter().find(|(_, parts)| parts.iter().any(|part| name.contains(part))).map(|(family, _)| *family)
}

fn is_ours(name: &str) -> bool {
    OURS.iter().any(|ours| name.starts_with(ours) || name.starts_with(&format!("<{ours}")))
}

/// Reads one dump in callgrind's format: `fn=` opens a function, a line that begins with a position carries
/// its own cost, and the line after `calls=` carries the callee's, which is not its own.
fn parse(text: &str) -> anyhow::Result<Counts> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut functions: HashMap<&str, u64> = HashMap::new();
    let mut edges: HashMap<Edge<'_>, u64> = HashMap::new();
    let (mut current, mut callee) = ("", "");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("fn=") {
            current = name(&mut names, rest);
        } else if let Some(rest) = line.strip_prefix("cfn=") {
            callee = name(&mut names, rest);
        } else if let Some(rest) = line.strip_prefix("calls=") {
            let calls = rest.split(' ').next().and_then(|count| count.parse::<u64>().ok());
            let calls = calls.with_context(|| format!("cannot read callgrind's line `{line}`"))?;
            *edges.entry(Edge { caller: current, callee }).or_default() += calls;
            lines.next();
        } else if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
            *functions.entry(current).or_default() += cost(line)?;
        }
    }
    let families = families(&functions, &edges);
    let mut counts = Counts::default();
    for (name, cost) in functions {
        counts.instructions += if families.contains_key(name) { 0 } else { cost };
        counts.functions.insert(name.into(), cost);
    }
    for (edge, calls) in edges {
        if let (None, Some(into)) = (families.get(edge.caller), families.get(edge.callee)) {
            *counts.calls.entry(*into).or_default() += calls;
        }
    }
    Ok(counts)
}

/// One function calls another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Edge<'a> {
    caller: &'a str,
    callee: &'a str,
}

/// The functions that belong to a family: by their names, and those that nothing but the family calls, such as the
/// iterators of a hash.
fn families<'a>(
    functions: &HashMap<&'a str, u64>,
    edges: &HashMap<Edge<'a>, u64>,
) -> HashMap<&'a str, Family> {
    let mut callers: HashMap<&str, Vec<&str>> = HashMap::new();
    for edge in edges.keys().filter(|edge| edge.caller != edge.callee) {
        callers.entry(edge.callee).or_default().push(edge.caller);
    }
    let all = functions.keys().chain(callers.keys());
    let mut found: HashMap<&str, Family> =
        all.filter_map(|name| family(name).map(|family| (*name, family))).collect();
    loop {
        let more: Vec<(&str, Family)> = callers
            .iter()
            .filter(|(name, _)| !found.contains_key(**name))
            .filter_map(|(name, callers)| {
                // Of our own work only what upkeep alone does.
                let all_in = callers.iter().all(|caller| match found.get(caller) {
                    Some(Family::Upkeep) => true,
                    Some(Family::Checksum | Family::Hash | Family::Signature) => !is_ours(name),
                    None => false,
                });
                let family = callers.first().and_then(|caller| found.get(caller));
                family.filter(|_| all_in).map(|family| (*name, *family))
            })
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// The cost on a line that begins with a position.
fn cost(line: &str) -> anyhow::Result<u64> {
    let cost = line.split(' ').nth(1).map_or(Ok(0), str::parse::<u64>);
    cost.with_context(|| format!("cannot read callgrind's line `{line}`"))
}

/// Resolves `(7) name`, which defines, and `(7)`, which refers.
fn name<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(' ') {
        Some((id, name)) => {
            names.insert(id, name);
            name
        }
        None => names.get(text).copied().unwrap_or(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "\
version: 1
events: Ir

fl=(1) a.rs
fn=(1) proxy::run
16 100
+1 20
cfn=(2) sha2::sha256::digest
calls=3 5
* 17040
fn=(2)
5 9000
cfn=(3) sha2::sha256::compress
calls=6 9
+2 8000
cfn=(5) core::array::map
calls=1 9
+2 40
cfn=(6) memcpy
calls=1 9
+2 30
fn=(3)
9 8000
fn=(4) record::sha256_of
1 7
cfn=(6)
calls=1 9
+2 30
fn=(5)
1 40
fn=(6)
1 60

totals: 17227
";

    #[test]
    fn counts_instructions_without_families_and_calls_into_them() {
        let counts = parse(DUMP).unwrap();
        // What a hash alone calls is left out; what others call too is not.
        assert_eq!(counts.instructions, 127 + 60);
        assert_eq!(counts.calls, HashMap::from([(Family::Hash, 3)]));
        assert_eq!(counts.functions.get("sha2::sha256::compress"), Some(&8000));
    }

    #[test]
    fn leaves_out_upkeep_with_what_it_alone_does() {
        let dump = "\
fn=(1) proxy::run
1 100
cfn=(4) memcpy
calls=1 1
1 5
fn=(2) control::upkeep::keep_up
1 10
cfn=(3) control::rollups::flush
calls=1 1
1 1000
cfn=(4)
calls=1 1
1 5
fn=(3)
1 400
cfn=(5) sqlite3_step
calls=1 1
1 600
fn=(4)
1 10
fn=(5)
1 600
totals: 1120
";
        let counts = parse(dump).unwrap();
        assert_eq!(counts.instructions, 100 + 10);
    }

    #[test]
    fn never_leaves_out_our_own_work() {
        assert_eq!(family("record::tree::sha256_of_leaf"), None);
        assert_eq!(family("<identity::key::Ed25519 as core::fmt::Debug>::fmt"), None);
        assert_eq!(family("control::live::Live::swap"), None);
        assert_eq!(family("proxy::server::Door::poll_upkeep"), None);
        let upkeep = "control::upkeep::<impl control::Control>::flush_usage";
        assert_eq!(family(upkeep), Some(Family::Upkeep));
        assert_eq!(family("crc32fast::baseline::update"), Some(Family::Checksum));
        assert_eq!(family("aws_lc_0_42_0_ED25519_sign"), Some(Family::Signature));
        assert_eq!(family("memcpy"), None);
    }

    #[test]
    fn takes_the_slope_without_the_set_up() {
        assert!((slope((100, 51_000), (300, 151_000)).unwrap() - 500.0).abs() < 1e-9);
        assert!(slope((300, 1), (300, 2)).is_err());
    }

    #[test]
    fn refuses_a_dump_it_cannot_read() {
        assert!(parse("fn=(1) a\n1 many\n").is_err());
        assert!(parse("fn=(1) a\ncfn=(2) b\ncalls=x 1\n1 1\n").is_err());
    }
}

//! Who may depend on whom.
//!
//! The core is pure: it does no I/O, has no async, starts no thread or process, reads no clock and no
//! environment. That holds because the crates that could do so are not linked into it and because its
//! source names none of the parts of `std` that could. A new line under `[dependencies]` is a design change:
//! the table below and the reason in the commit message change with it.

use super::Violation;
use super::metadata::Metadata;
use super::source::Source;

/// What a crate may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Values in, values out.
    Pure,
    /// Owns one outside: a network, a disk, a person.
    Rim,
}

/// One row: a crate, what it is allowed to depend on, and why that is all.
struct Row {
    name: &'static str,
    kind: Kind,
    ours: &'static [&'static str],
    foreign: &'static [&'static str],
    why: &'static str,
}

const ALL: &[&str] = &[
    "admin",
    "advise",
    "catalog",
    "config",
    "control",
    "enforce",
    "fetch",
    "http1",
    "identity",
    "inventory",
    "model",
    "policy",
    "proxy",
    "record",
    "recorder",
    "store",
    "tls",
    "traffic",
];

/// The table. `foreign` lists direct dependencies; what those bring along is judged by licence and version.
const ROWS: &[Row] = &[
    Row {
        name: "model",
        kind: Kind::Pure,
        ours: &[],
        foreign: &["jiff", "smallvec", "thiserror", "zeroize"],
        why: "the words of the domain stand on nothing",
    },
    Row {
        name: "http1",
        kind: Kind::Pure,
        ours: &[],
        foreign: &["thiserror"],
        why: "the codec knows bytes, not our words",
    },
    Row {
        name: "identity",
        kind: Kind::Pure,
        ours: &["model"],
        foreign: &[
            "aws-lc-rs",
            "base64",
            "crc32fast",
            "foldhash",
            "hashbrown",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "zeroize",
        ],
        why: "credentials in, caller out; no transport",
    },
    Row {
        name: "catalog",
        kind: Kind::Pure,
        ours: &["model"],
        foreign: &["base64", "foldhash", "hashbrown", "serde", "serde-saphyr", "serde_json", "thiserror"],
        why: "documents in, matcher out; it knows OpenAPI and nothing of policy",
    },
    Row {
        name: "policy",
        kind: Kind::Pure,
        ours: &["catalog", "model"],
        foreign: &["cedar-policy", "cedar-policy-core", "foldhash", "sha2", "smallvec", "thiserror"],
        why: "the only crate that knows Cedar",
    },
    Row {
        name: "enforce",
        kind: Kind::Pure,
        ours: &["catalog", "identity", "model", "policy"],
        foreign: &["foldhash", "hashbrown", "smallvec", "thiserror"],
        why: "the request path as one function, the same for every door",
    },
    Row {
        name: "advise",
        kind: Kind::Pure,
        ours: &["catalog", "enforce", "model", "policy", "record"],
        foreign: &["serde", "serde_json", "thiserror"],
        why: "what was recorded in, proposals out; it judges by the same function as the request path and changes nothing",
    },
    Row {
        name: "record",
        kind: Kind::Pure,
        ours: &["model"],
        foreign: &[
            "aws-lc-rs",
            "base64",
            "crc32fast",
            "serde",
            "serde_json",
            "sha2",
            "siphasher",
            "thiserror",
        ],
        why: "the format of the log, so that anyone can verify it offline",
    },
    Row {
        name: "traffic",
        kind: Kind::Pure,
        ours: &[],
        foreign: &["base64", "jiff", "memchr", "rtrb", "serde", "serde_json", "thiserror"],
        why: "what is known of requests, in one form, from others' logs or through a ring from the workers; it knows formats and judges nothing",
    },
    Row {
        name: "inventory",
        kind: Kind::Pure,
        ours: &["catalog", "traffic"],
        foreign: &["base64", "foldhash", "hashbrown", "serde", "serde-saphyr", "serde_json", "thiserror"],
        why: "traffic in, operations out; it knows no format of a log and grants nothing; the documents it writes are read back in its tests",
    },
    Row {
        name: "config",
        kind: Kind::Rim,
        ours: &["model"],
        foreign: &["base64", "ipnet", "serde", "serde-saphyr", "serde_json", "thiserror"],
        why: "the files people write; errors point into them",
    },
    Row {
        name: "store",
        kind: Kind::Rim,
        ours: &["model"],
        foreign: &["rusqlite", "serde_json", "thiserror"],
        why: "the only crate that knows SQL",
    },
    Row {
        name: "recorder",
        kind: Kind::Rim,
        ours: &["model", "record"],
        foreign: &["aws-lc-rs", "rtrb", "serde", "serde_json", "thiserror", "tracing"],
        why: "takes entries from workers to disk; judges nothing",
    },
    Row {
        name: "tls",
        kind: Kind::Rim,
        ours: &[],
        foreign: &[
            "rustls",
            "rustls-native-certs",
            "rustls-webpki",
            "sha2",
            "thiserror",
            "x509-parser",
            "zeroize",
        ],
        why: "certificates and keys from files to configurations of rustls; it knows no socket",
    },
    Row {
        name: "fetch",
        kind: Kind::Rim,
        ours: &[],
        foreign: &[
            "http-body-util",
            "hyper",
            "hyper-util",
            "ipnet",
            "rustls",
            "thiserror",
            "tokio",
            "tokio-rustls",
        ],
        why: "one bounded GET from an address that was judged; it knows nothing of what it fetches",
    },
    Row {
        name: "proxy",
        kind: Kind::Rim,
        ours: &["enforce", "http1", "model", "record", "recorder", "tls", "traffic"],
        foreign: &[
            "arc-swap",
            "bytes",
            "foldhash",
            "hashbrown",
            "smallvec",
            "socket2",
            "thiserror",
            "tokio",
            "tokio-rustls",
            "tracing",
        ],
        why: "the transport: it forwards what `enforce` permitted, hands `recorder` entries of `record`, and cannot permit",
    },
    Row {
        name: "control",
        kind: Kind::Rim,
        ours: &[
            "advise",
            "catalog",
            "config",
            "enforce",
            "http1",
            "identity",
            "inventory",
            "model",
            "policy",
            "record",
            "recorder",
            "store",
            "tls",
            "traffic",
        ],
        foreign: &[
            "arc-swap",
            "aws-lc-rs",
            "ipnet",
            "jiff",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
            "tracing",
            "zeroize",
        ],
        why: "use cases: files and store become a snapshot",
    },
    Row {
        name: "admin",
        kind: Kind::Rim,
        ours: &["control", "model"],
        foreign: &["axum", "serde", "serde_json", "thiserror", "tokio", "tracing"],
        why: "HTTP over `control`; it decides nothing itself",
    },
    Row {
        name: "sallyport",
        kind: Kind::Rim,
        ours: ALL,
        foreign: &[
            "anyhow",
            "askama",
            "aws-lc-rs",
            "axum",
            "base64",
            "clap",
            "clap_complete",
            "comfy-table",
            "flate2",
            "futures-core",
            "http-body-util",
            "hyper",
            "hyper-util",
            "mimalloc",
            "notify",
            "rustix",
            "ruzstd",
            "serde",
            "serde_json",
            "tokio",
            "tokio-rustls",
            "tower",
            "tracing",
            "tracing-subscriber",
        ],
        why: "wires everything; alone reads the clock and the environment",
    },
    Row {
        name: "testkit",
        kind: Kind::Rim,
        ours: &[],
        foreign: &["aws-lc-rs", "rcgen", "serde_json"],
        why: "drives the program from outside, so it knows none of its types; nothing ships it",
    },
    Row { name: "e2e", kind: Kind::Rim, ours: &[], foreign: &[], why: "tests of the program from outside" },
    Row {
        name: "fuzzing",
        kind: Kind::Rim,
        ours: &[
            "catalog",
            "config",
            "http1",
            "identity",
            "inventory",
            "model",
            "policy",
            "record",
            "tls",
            "traffic",
        ],
        // The last two are other readers of the same bytes.
        foreign: &["crc32fast", "httparse", "hyper"],
        why: "drives the fuzz functions of the parsers",
    },
    Row {
        name: "xtask",
        kind: Kind::Rim,
        ours: &[],
        foreign: &["anyhow", "serde", "serde_json"],
        why: "judges the workspace, so it must build without it",
    },
];

/// Crates that tests may use anywhere, beside what their crate may depend on.
const FOR_TESTS: &[&str] = &["expect-test", "proptest", "serde_json", "testkit", "trybuild"];

/// Edges that only tests have, each with the crate that has it.
const TEST_EDGES: &[(&str, &str)] = &[
    // References to compare with.
    ("http1", "httparse"),
    ("http1", "hyper"),
    ("record", "ct-merkle"),
    ("record", "signed_note"),
    // Tests run the whole path, with a catalogue and policies.
    ("proxy", "catalog"),
    ("proxy", "identity"),
    ("proxy", "policy"),
    // Verifies assertions as an upstream would.
    ("e2e", "aws-lc-rs"),
    // Read what arrived at an upstream, as we and as others do.
    ("e2e", "http1"),
    ("e2e", "httparse"),
    // Routes are called without a socket, and compared with the document that describes them.
    ("admin", "http-body-util"),
    ("admin", "serde-saphyr"),
    ("admin", "tokio"),
    ("admin", "tower"),
    // Makes the certificates that tests are about, bad ones too.
    ("tls", "rcgen"),
];

/// What a pure crate is never linked with, at any depth, and why.
const NOT_IN_THE_CORE: &[(&str, &str)] = &[
    ("tokio", "async belongs to the rim"),
    ("hyper", "transport belongs to the rim"),
    ("axum", "transport belongs to the rim"),
    ("rusqlite", "only `store` knows SQL"),
    ("mio", "transport belongs to the rim"),
    ("socket2", "transport belongs to the rim"),
    ("notify", "watching files belongs to the rim"),
    ("reqwest", "transport belongs to the rim"),
];

/// Parts of `std` that a pure crate never names outside its tests.
const NOT_IN_PURE_SOURCE: &[&str] = &[
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::os",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "ToSocketAddrs",
    "SystemTime",
    "Instant",
    "async fn",
    "async move",
];

/// Dependencies that the table does not permit.
pub(super) fn check(metadata: &Metadata) -> Vec<Violation> {
    let ours: Vec<&str> = metadata.members().map(|package| package.name.as_str()).collect();
    let mut found = Vec::new();
    for package in metadata.members() {
        let path = format!("crates/{}/Cargo.toml", package.name);
        let Some(row) = ROWS.iter().find(|row| row.name == package.name) else {
            let what = format!("the crate `{}` is not in the table of permitted edges", package.name);
            found.push(violation(
                path,
                what,
                "add a row with its reason, or put the code where it belongs".into(),
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            let tests = dependency.kind.as_deref() == Some("dev");
            let listed = if ours.contains(&name) { row.ours } else { row.foreign };
            if listed.contains(&name)
                || (tests && (FOR_TESTS.contains(&name) || TEST_EDGES.contains(&(row.name, name))))
            {
                continue;
            }
            let what = format!("`{}` may not depend on `{name}` ({})", row.name, row.why);
            found.push(violation(
                path.clone(),
                what,
                "turn the edge round, or change the table with a reason".into(),
            ));
        }
        if row.kind == Kind::Pure {
            let linked = metadata.linked(package);
            for (name, why) in NOT_IN_THE_CORE.iter().filter(|(name, _)| linked.contains(name)) {
                let what = format!("the pure crate `{}` is linked with `{name}`: {why}", row.name);
                found.push(violation(
                    path.clone(),
                    what,
                    format!("`cargo tree -p {} -i {name}` shows how", row.name),
                ));
            }
        }
    }
    found
}

/// Parts of `std` that pure source names although it may not.
pub(super) fn check_source(source: &Source) -> Vec<Violation> {
    let name = source.path.split('/').nth(1).unwrap_or_default();
    // An example is a program that is run by hand over the crate, not a part of it.
    let is_example = source.path.split('/').nth(2) == Some("examples");
    if is_example || !ROWS.iter().any(|row| row.name == name && row.kind == Kind::Pure) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in source.code_lines() {
        for part in NOT_IN_PURE_SOURCE.iter().filter(|part| names(line, part)) {
            found.push(Violation {
                path: source.path.clone(),
                line: number,
                rule: "pure",
                what: format!("the pure crate `{name}` names `{part}`"),
                fix: "take the value as a parameter".into(),
            });
        }
    }
    found
}

/// Whether `line` has `part` as whole words.
fn names(line: &str, part: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(part).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + part.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}

fn violation(path: String, what: String, fix: String) -> Violation {
    Violation { path, line: 1, rule: "edges", what, fix }
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::workspace;
    use super::*;

    fn whats(crates: &[(&str, &[&str])]) -> Vec<String> {
        check(&workspace(crates)).into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn permits_what_the_table_lists() {
        assert!(whats(&[("model", &[]), ("identity", &["model", "thiserror"])]).is_empty());
    }

    #[test]
    fn refuses_an_edge_that_points_back_up() {
        let found = whats(&[("model", &["identity"]), ("identity", &["thiserror"])]);
        assert_eq!(
            found,
            ["`model` may not depend on `identity` (the words of the domain stand on nothing)"]
        );
    }

    #[test]
    fn refuses_a_foreign_crate_that_is_not_listed() {
        assert_eq!(whats(&[("http1", &["regex"])]).len(), 1);
    }

    #[test]
    fn refuses_a_crate_without_a_row() {
        assert_eq!(whats(&[("helpers", &[])]).len(), 1);
    }

    #[test]
    fn refuses_async_in_the_core_even_where_another_crate_brings_it() {
        let found = whats(&[("model", &["smallvec"]), ("proxy", &["tokio"])]);
        assert!(found.is_empty(), "{found:?}");
        let mut metadata = workspace(&[("model", &["smallvec"]), ("proxy", &["tokio"])]);
        let tokio = super::super::metadata::Edge {
            pkg: "tokio".into(),
            dep_kinds: vec![super::super::metadata::Kind { kind: None }],
        };
        metadata.resolve.nodes.iter_mut().find(|node| node.id == "smallvec").unwrap().deps.push(tokio);
        let found: Vec<String> = check(&metadata).into_iter().map(|violation| violation.what).collect();
        assert_eq!(found, ["the pure crate `model` is linked with `tokio`: async belongs to the rim"]);
    }

    #[test]
    fn refuses_the_outside_in_pure_source_but_not_in_its_tests_comments_or_names() {
        let check = |path: &str, text: &str| check_source(&Source::new(path, text)).len();
        assert_eq!(check("crates/model/src/a.rs", "use std::fs;\nfn now() -> SystemTime {}\n"), 2);
        assert_eq!(check("crates/proxy/src/a.rs", "use std::fs;\n"), 0);
        assert_eq!(check("crates/model/examples/a.rs", "use std::fs;\n"), 0);
        assert_eq!(check("crates/model/src/examples/a.rs", "use std::fs;\n"), 1);
        assert_eq!(
            check("crates/model/src/a.rs", "// std::fs\nstruct InstantOf;\nuse std::net::IpAddr;\n"),
            0
        );
        assert_eq!(check("crates/model/src/a.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n"), 0);
        assert_eq!(check("crates/model/src/a/tests.rs", "use std::fs;\n"), 0);
        assert_eq!(check("crates/model/examples/a.rs", "use std::fs;\n"), 0);
        assert_eq!(check("crates/model/src/examples/a.rs", "use std::fs;\n"), 1);
    }
}

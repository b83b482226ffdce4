//! What was seen and is no operation.

use crate::infer::{Place, Structure};
use crate::inventory::{Host, Inventory};
use crate::sketch::{self, LeastMap};
use crate::tree::{self, Group, Node};

/// Why something is no operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoiseKind {
    /// `OPTIONS`: asked by browsers before the request proper, or by people.
    Preflight,
    /// A file of a web page: scripts, styles, icons.
    StaticFile,
    /// A path by which the host is run: a probe, metrics, what describes it to machines.
    Service,
    /// A path that scanners ask for.
    Scanner,
    /// A path of no operation that was not answered with success: misspelt, gone or guessed.
    UnknownPath,
    /// A known path with a method that it does not have.
    WrongMethod,
    /// A page that the host answers for any path.
    SoftNotFound,
    /// A method that no standard knows.
    UnknownMethod,
    /// A target that is no path.
    NoPath,
    /// The source does not say how it was answered.
    NoStatus,
    /// More hosts than `Limits::hosts`.
    TooManyHosts,
}

impl NoiseKind {
    const ALL: [Self; 11] = [
        Self::Preflight,
        Self::StaticFile,
        Self::Service,
        Self::Scanner,
        Self::UnknownPath,
        Self::WrongMethod,
        Self::SoftNotFound,
        Self::UnknownMethod,
        Self::NoPath,
        Self::NoStatus,
        Self::TooManyHosts,
    ];

    /// The kind of this name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::StaticFile => "static-file",
            Self::Service => "service",
            Self::Scanner => "scanner",
            Self::UnknownPath => "unknown-path",
            Self::WrongMethod => "wrong-method",
            Self::SoftNotFound => "soft-not-found",
            Self::UnknownMethod => "unknown-method",
            Self::NoPath => "no-path",
            Self::NoStatus => "no-status",
            Self::TooManyHosts => "too-many-hosts",
        }
    }
}

/// How much of one kind a host saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoiseReport {
    /// The host; empty where the source has none.
    pub host: String,
    /// The kind.
    pub kind: NoiseKind,
    /// Requests.
    pub count: u64,
    /// Some of the paths, with the method where that matters.
    pub samples: Vec<String>,
}

/// Samples kept of a kind.
const SAMPLES: usize = 8;
/// Bytes of a sample.
const SAMPLE_BYTES: usize = 300;

/// A count and samples by hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) count: u64,
    pub(crate) samples: LeastMap<Box<str>>,
}

impl Default for Sighting {
    fn default() -> Self {
        Self { count: 0, samples: LeastMap::new(SAMPLES) }
    }
}

impl Sighting {
    pub(crate) fn count(&mut self, count: u64, path: &str) {
        self.count = self.count.saturating_add(count);
        let short: String = path.chars().take(SAMPLE_BYTES).collect();
        self.samples.upsert(sketch::hash(short.as_bytes()), || short.into(), |_| {});
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        for (hash, text) in other.samples.into_entries() {
            self.samples.upsert(hash, || text, |_| {});
        }
    }
}

/// Whether a path is a file of a web page by name and place alone.
pub(crate) fn is_static(path: &str) -> bool {
    const ENDINGS: &[&str] = &[".js", ".mjs", ".css", ".ico", ".woff", ".woff2", ".ttf", ".eot", ".map"];
    const PLACES: &[&str] = &["/static/", "/assets/", "/dist/", "/_next/"];
    const NAMES: &[&str] =
        &["/robots.txt", "/manifest.json", "/sitemap.xml", "/site.webmanifest", "/browserconfig.xml"];
    let icon = |name: &str| path.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    if !path.contains('.') {
        return icon("/apple-touch-icon") || icon("/favicon");
    }
    let lower = path.to_ascii_lowercase();
    let file = lower.rsplit('/').next().is_some_and(|name| name.contains('.'));
    NAMES.contains(&lower.as_str())
        || lower.starts_with("/apple-touch-icon")
        || lower.starts_with("/favicon")
        || ENDINGS.iter().any(|ending| lower.ends_with(ending))
        || (file && PLACES.iter().any(|place| lower.starts_with(place)))
}

/// Parts of paths that scanners ask for and services of an API do not have.
const MARKS: &[&str] = &[
    ".php",
    ".asp",
    ".jsp",
    ".cgi",
    ".bak",
    ".env",
    ".git/",
    ".svn",
    ".aws",
    ".ssh",
    ".sql",
    ".zip",
    ".tar",
    "wp-",
    "wordpress",
    "phpmyadmin",
    "cgi-bin",
    "/etc/",
    "passwd",
    "boaform",
    "hnap1",
    "actuator",
    "vendor/phpunit",
    "owa/",
    "autodiscover",
    "solr/",
    "jenkins",
    "manager/html",
    "struts",
    "%3cscript",
    "union%20select",
    "jndi:",
    "../",
    "..%2f",
    "sleep(",
    ".ds_store",
    "xmlrpc",
    "eval-stdin",
    "/console",
    "web-inf",
];

/// Whether a path looks like one that a scanner asks for.
pub(crate) fn is_scanner(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// The reports of one host.
pub(crate) fn reports(
    inventory: &Inventory,
    name: &str,
    host: &Host,
    structure: &Structure,
) -> Vec<NoiseReport> {
    let mut seen = host.noise.clone();
    for (path, count) in &structure.soft {
        seen.entry(NoiseKind::SoftNotFound).or_default().count(*count, path);
    }
    unknown(&host.failed, &[&structure.root], &mut String::new(), &mut seen);
    seen.into_iter()
        .map(|(kind, sighting)| NoiseReport {
            host: name.into(),
            kind,
            count: sighting.count,
            samples: sighting
                .samples
                .iter()
                .take(inventory.settings.limits.examples)
                .map(|(_, text)| text.to_string())
                .collect(),
        })
        .collect()
}

type Seen = std::collections::BTreeMap<NoiseKind, Sighting>;

/// Counts what failed and belongs to no operation.
fn unknown(node: &Node, places: &[&Place], path: &mut String, seen: &mut Seen) {
    for (key, tally) in &node.ends {
        if places.iter().any(|place| place.ends.contains_key(&key.method)) {
            continue;
        }
        let shown = if path.is_empty() { "/" } else { path.as_str() };
        let kind = if places.iter().any(|place| !place.ends.is_empty()) {
            NoiseKind::WrongMethod
        } else if is_scanner(shown) {
            NoiseKind::Scanner
        } else {
            NoiseKind::UnknownPath
        };
        seen.entry(kind).or_default().count(tally.count, &format!("{} {shown}", key.method.name()));
    }
    for group in [&node.words, &node.typed] {
        group_unknown(group, places, path, seen);
    }
}

fn group_unknown(group: &Group, places: &[&Place], path: &mut String, seen: &mut Seen) {
    for kid in &group.kids {
        let inner: Vec<&Place> = places.iter().filter_map(|place| place.step(&kid.text)).collect();
        let length = path.len();
        path.push('/');
        path.push_str(&tree::written(&kid.text));
        unknown(&kid.node, &inner, path, seen);
        path.truncate(length);
    }
    if let Some(rest) = &group.rest {
        let inner: Vec<&Place> = places.iter().flat_map(|place| place.parameters()).collect();
        let length = path.len();
        path.push_str("/{}");
        unknown(rest, &inner, path, seen);
        path.truncate(length);
    }
}

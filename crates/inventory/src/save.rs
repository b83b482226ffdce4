//! The state as bytes, for merging and for keeping.
//!
//! The bytes are JSON with a format and a version. Reading checks everything that the rest of the crate relies on, so a file that somebody else wrote
//! gives an error or a state within its limits, never a panic. Saved are values of paths as they were seen: whoever may not keep those must not
//! save.

use serde::{Deserialize, Serialize};

use crate::classes::DataClass;
use crate::inventory::{Dropped, Host, Inventory};
use crate::method::Method;
use crate::noise::{NoiseKind, Sighting};
use crate::operation::DataPlace;
use crate::settings::{Force, Limits, OVERRIDES_MAX, Override, Settings};
use crate::sketch;
use crate::tally::{DataSeen, Extent, Tally};
use crate::tree::{EndKey, Kid, Node};

/// Why bytes are no state.
#[derive(Debug, thiserror::Error)]
pub enum LoadInventoryError {
    /// No JSON of this form.
    #[error("not a saved inventory")]
    Syntax(#[source] serde_json::Error),
    /// Of this form, but it cannot have been saved so.
    #[error("the saved inventory is damaged: {0}")]
    Damaged(&'static str),
    /// Written by a newer version.
    #[error("the saved inventory has format {found}; this program reads up to {VERSION}")]
    Newer {
        /// In the bytes.
        found: u32,
    },
    /// Samples of another size cannot be merged.
    #[error("the saved inventory was made with other limits")]
    OtherLimits,
}

const FORMAT: &str = "sallyport-inventory";
const VERSION: u32 = 1;
/// More hours than several merged states may have.
const HOURS_MAX: u64 = 1_000_000;

#[derive(Serialize, Deserialize)]
struct Saved {
    format: String,
    version: u32,
    limits: SavedLimits,
    /// Exchanges of hosts that were given up.
    other_hosts: u64,
    /// Successes among these, the most that one such host can have had, and some of their names.
    #[serde(default)]
    dropped: (u64, u64, Vec<String>),
    /// Runs of hours in which anything was seen: the first, and how many.
    #[serde(default)]
    hours: Vec<(i64, u32)>,
    /// Host, prefix, and whether it is a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<(Option<String>, String, bool)>,
    callers: Vec<String>,
    hosts: Vec<SavedHost>,
}

#[derive(Serialize, Deserialize, PartialEq, Eq)]
struct SavedLimits {
    words: [usize; 4],
    typed: [usize; 4],
    segments: usize,
    segment_bytes: usize,
    hosts: usize,
    callers: usize,
}

#[derive(Serialize, Deserialize)]
struct SavedHost {
    name: String,
    total: u64,
    #[serde(default)]
    start: u64,
    first: Option<i64>,
    last: Option<i64>,
    noise: Vec<(String, u64, Vec<String>)>,
    succeeded: Vec<SavedNode>,
    pages: Vec<SavedNode>,
    failed: Vec<SavedNode>,
}

/// A node with the place of its parent in the list; parents come first.
#[derive(Serialize, Deserialize)]
struct SavedNode {
    parent: usize,
    place: SavedPlace,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ends: Vec<SavedEnd>,
}

#[derive(Serialize, Deserialize)]
enum SavedPlace {
    #[serde(rename = "root")]
    Root,
    #[serde(rename = "kid")]
    Kid(String),
    #[serde(rename = "words")]
    WordsRest,
    #[serde(rename = "typed")]
    TypedRest,
}

#[derive(Serialize, Deserialize)]
struct SavedEnd {
    method: String,
    page: bool,
    count: u64,
    first: Option<i64>,
    last: Option<i64>,
    statuses: Vec<(u16, u64)>,
    callers: Vec<u64>,
    types: Vec<String>,
    routes: Vec<String>,
    sizes: Option<(i64, i64)>,
    /// Open, verified, untold.
    proofs: (u64, u64, u64),
    slashed: u64,
    #[serde(default)]
    client_side: u64,
    named: u64,
    deprecated: u64,
    sunset: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    request_types: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    queries: Vec<(String, u64)>,
    /// Class, place, field, in how many exchanges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    data: Vec<(String, String, String, u64)>,
}

impl Inventory {
    /// The state as bytes. Equal states give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let hosts = self.kept_hosts();
        let saved = Saved {
            format: FORMAT.into(),
            version: VERSION,
            limits: limits(&self.settings.limits),
            other_hosts: hosts.dropped.count,
            dropped: (
                hosts.dropped.succeeded,
                hosts.dropped.most,
                hosts.dropped.names.iter().map(|(_, name)| name.to_string()).collect(),
            ),
            hours: runs(&self.hours),
            overrides: self
                .settings
                .overrides
                .iter()
                .map(|said| (said.host.clone(), said.prefix.clone(), said.force == Force::Literal))
                .collect(),
            callers: self.callers.iter().map(|(_, text)| text.to_string()).collect(),
            hosts: hosts.iter().map(|(name, host)| save_host(name, host)).collect(),
        };
        // Writing to memory a value whose maps have text for keys cannot fail.
        serde_json::to_vec(&saved).unwrap_or_default()
    }

    /// The state from bytes, with the model, overrides and priors of `settings`.
    ///
    /// # Errors
    ///
    /// If the bytes are no state, a damaged one, one of a newer version or one with other limits.
    pub fn from_bytes(bytes: &[u8], settings: Settings) -> Result<Self, LoadInventoryError> {
        let saved: Saved = serde_json::from_slice(bytes).map_err(LoadInventoryError::Syntax)?;
        if saved.format != FORMAT {
            return Err(LoadInventoryError::Damaged("another format"));
        }
        if saved.version > VERSION {
            return Err(LoadInventoryError::Newer { found: saved.version });
        }
        if saved.limits != limits(&settings.limits) {
            return Err(LoadInventoryError::OtherLimits);
        }
        let mut inventory = Self::new(settings);
        let (succeeded, most, names) = saved.dropped;
        let dropped = Dropped { count: saved.other_hosts, succeeded, most, ..Dropped::default() };
        inventory.hosts.dropped = dropped;
        names.iter().for_each(|name| inventory.hosts.dropped.name(name));
        if saved.overrides.len() > OVERRIDES_MAX {
            return Err(LoadInventoryError::Damaged("more overrides than a person writes"));
        }
        let said = saved.overrides.into_iter().map(|(host, prefix, is_literal)| {
            let force = if is_literal { Force::Literal } else { Force::Parameter };
            Override { host, prefix, force }
        });
        inventory.add_overrides(said.collect());
        let hours: u64 = saved.hours.iter().map(|(_, count)| u64::from(*count)).sum();
        if hours > HOURS_MAX {
            return Err(LoadInventoryError::Damaged("more hours than are remembered"));
        }
        for (first, count) in saved.hours {
            inventory.hours.extend((0..i64::from(count)).filter_map(|number| first.checked_add(number)));
        }
        for text in saved.callers {
            inventory.callers.upsert(sketch::hash(text.as_bytes()), || text.into(), |_| {});
        }
        if saved.hosts.len() > inventory.settings.limits.hosts {
            return Err(LoadInventoryError::Damaged("more hosts than the limit"));
        }
        for host in saved.hosts {
            let (name, count) = (host.name.clone(), inventory.hosts.len());
            let host = load_host(host, &inventory.settings.limits)?;
            inventory.hosts.with(&name, |own| *own = host);
            if inventory.hosts.len() == count {
                return Err(LoadInventoryError::Damaged("a host twice"));
            }
        }
        Ok(inventory)
    }
}

fn limits(limits: &Limits) -> SavedLimits {
    SavedLimits {
        words: limits.words,
        typed: limits.typed,
        segments: limits.segments,
        segment_bytes: limits.segment_bytes,
        hosts: limits.hosts,
        callers: limits.callers,
    }
}

/// Consecutive numbers as runs.
fn runs(hours: &std::collections::BTreeSet<i64>) -> Vec<(i64, u32)> {
    let mut runs: Vec<(i64, u32)> = Vec::new();
    for hour in hours {
        match runs.last_mut().filter(|(first, count)| first.saturating_add(i64::from(*count)) == *hour) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => runs.push((*hour, 1)),
        }
    }
    runs
}

fn save_host(name: &str, host: &Host) -> SavedHost {
    SavedHost {
        name: name.into(),
        total: host.total,
        start: host.start,
        first: host.first,
        last: host.last,
        noise: host
            .noise
            .iter()
            .map(|(kind, sighting)| {
                let samples = sighting.samples.iter().map(|(_, text)| text.to_string()).collect();
                (kind.name().to_owned(), sighting.count, samples)
            })
            .collect(),
        succeeded: save_tree(&host.succeeded),
        pages: save_tree(&host.pages),
        failed: save_tree(&host.failed),
    }
}

fn save_tree(root: &Node) -> Vec<SavedNode> {
    let mut list = Vec::new();
    save_node(root, 0, SavedPlace::Root, &mut list);
    list
}

fn save_node(node: &Node, parent: usize, place: SavedPlace, list: &mut Vec<SavedNode>) {
    let own = list.len();
    let ends = node.ends.iter().map(|(key, tally)| save_end(*key, tally)).collect();
    list.push(SavedNode { parent, place, ends });
    for (group, rest) in [(&node.words, SavedPlace::WordsRest), (&node.typed, SavedPlace::TypedRest)] {
        for kid in &group.kids {
            save_node(&kid.node, own, SavedPlace::Kid(kid.text.to_string()), list);
        }
        if let Some(node) = &group.rest {
            save_node(node, own, rest, list);
        }
    }
}

fn save_end(key: EndKey, tally: &Tally) -> SavedEnd {
    let more = tally.more();
    SavedEnd {
        method: key.method.name().into(),
        page: key.page,
        count: tally.count,
        first: tally.time.least(),
        last: tally.time.greatest(),
        statuses: tally.marks.statuses().collect(),
        callers: tally.marks.callers().to_vec(),
        types: tally.types().map(str::to_owned).collect(),
        routes: tally.rare().routes.iter().map(|(_, text)| text.to_string()).collect(),
        sizes: tally.sizes.least().zip(tally.sizes.greatest()),
        proofs: (more.open, more.verified, tally.untold()),
        slashed: more.slashed,
        client_side: tally.rare().client_side,
        named: more.named,
        deprecated: tally.rare().deprecated,
        sunset: tally.rare().sunset,
        request_types: tally.request_types(),
        queries: more.queries.iter().map(|(_, (name, count))| (name.to_string(), *count)).collect(),
        data: tally
            .rare()
            .data
            .iter()
            .map(|(_, one)| {
                (one.class.name().to_owned(), one.place.name().to_owned(), one.field.to_string(), one.count)
            })
            .collect(),
    }
}

fn load_host(saved: SavedHost, limits: &Limits) -> Result<Host, LoadInventoryError> {
    let mut host = Host {
        succeeded: load_tree(saved.succeeded, limits)?,
        pages: load_tree(saved.pages, limits)?,
        failed: load_tree(saved.failed, &limits.of_failures())?,
        first: saved.first,
        last: saved.last,
        total: saved.total,
        start: saved.start,
        ..Host::default()
    };
    for (name, count, samples) in saved.noise {
        let kind = NoiseKind::parse(&name).ok_or(LoadInventoryError::Damaged("an unknown kind of noise"))?;
        let mut sighting = Sighting::default();
        for sample in samples {
            sighting.count(0, &sample);
        }
        sighting.count = count;
        host.noise.insert(kind, sighting);
    }
    Ok(host)
}

fn load_tree(saved: Vec<SavedNode>, limits: &Limits) -> Result<Node, LoadInventoryError> {
    // A segment may be two parts.
    let depth_max = limits.segments.saturating_mul(2);
    let mut depths: Vec<usize> = Vec::with_capacity(saved.len());
    let mut nodes: Vec<(usize, SavedPlace, Node)> = Vec::with_capacity(saved.len());
    for (own, entry) in saved.into_iter().enumerate() {
        let root = matches!(entry.place, SavedPlace::Root);
        if root != (own == 0) || (!root && entry.parent >= own) {
            return Err(LoadInventoryError::Damaged("a node without its parent"));
        }
        let depth =
            if root { 0 } else { depths.get(entry.parent).map_or(0, |depth| depth.saturating_add(1)) };
        if depth > depth_max {
            return Err(LoadInventoryError::Damaged("a path longer than the limit"));
        }
        depths.push(depth);
        let mut node = Node::default();
        for end in entry.ends {
            let (key, tally) = load_end(end)?;
            node.total = node.total.saturating_add(tally.count);
            node.add_end(key, &tally);
        }
        nodes.push((entry.parent, entry.place, node));
    }
    // From the last to the first each node is whole when it is handed to its parent.
    while let Some((parent, place, node)) = nodes.pop() {
        let Some((_, _, above)) = nodes.get_mut(parent) else {
            let mut root = node;
            root.settle(limits, 0);
            return Ok(root);
        };
        above.total = above.total.saturating_add(node.total);
        let before = match place {
            SavedPlace::Root => return Err(LoadInventoryError::Damaged("two roots")),
            SavedPlace::Kid(text) => {
                if text.len() > limits.segment_bytes.saturating_add(1) {
                    return Err(LoadInventoryError::Damaged("a segment longer than the limit"));
                }
                above.adopt(Kid { text: text.into(), node })
            }
            SavedPlace::WordsRest => above.words.group().rest.replace(Box::new(node)).is_none(),
            SavedPlace::TypedRest => above.typed.group().rest.replace(Box::new(node)).is_none(),
        };
        if !before {
            return Err(LoadInventoryError::Damaged("a node twice"));
        }
    }
    Ok(Node::default())
}

fn load_end(saved: SavedEnd) -> Result<(EndKey, Tally), LoadInventoryError> {
    let method = Method::parse(&saved.method).ok_or(LoadInventoryError::Damaged("an unknown method"))?;
    let sizes = Extent::of(saved.sizes.map(|sizes| sizes.0), saved.sizes.map(|sizes| sizes.1));
    let mut tally = Tally::of(saved.count, Extent::of(saved.first, saved.last), sizes);
    let (open, verified, _) = saved.proofs;
    if (open, verified, saved.slashed, saved.named) != (0, 0, 0, 0) {
        let more = tally.more_mut();
        (more.open, more.verified, more.slashed, more.named) = (open, verified, saved.slashed, saved.named);
    }
    if saved.client_side != 0 || saved.deprecated != 0 || saved.sunset.is_some() {
        let rare = tally.rare_mut();
        (rare.client_side, rare.deprecated, rare.sunset) =
            (saved.client_side, saved.deprecated, saved.sunset);
    }
    for (status, count) in saved.statuses {
        tally.marks.add_status(status, count);
    }
    for hash in saved.callers {
        tally.marks.add_caller(hash);
    }
    for text in saved.types {
        tally.keep_type(&text);
    }
    for text in saved.routes {
        tally.keep_route(&text);
    }
    for text in saved.request_types {
        tally.keep_request_type(&text);
    }
    for (name, count) in saved.queries {
        tally.keep_query(&name, count);
    }
    for (class, place, field, count) in saved.data {
        let known = DataClass::parse(&class).zip(DataPlace::parse(&place));
        let (class, place) = known.ok_or(LoadInventoryError::Damaged("an unknown class of data"))?;
        tally.keep_data(DataSeen { class, place, field: field.into(), count });
    }
    Ok((EndKey { method, page: saved.page }, tally))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a state with this in place of the field of the same name can be read.
    fn load(field: &str, value: serde_json::Value) -> Result<Inventory, String> {
        let empty = Inventory::new(Settings::default()).to_bytes();
        let mut saved: serde_json::Value = serde_json::from_slice(&empty).unwrap();
        // Where there are none the field is left out.
        saved[field] = value;
        let bytes = serde_json::to_vec(&saved).unwrap();
        Inventory::from_bytes(&bytes, Settings::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_state_holds_so_many_hours_and_no_more() {
        let most = u32::try_from(HOURS_MAX).unwrap();
        let inventory = load("hours", serde_json::json!([[5, most - 1], [i64::MAX, 1]])).unwrap();
        assert_eq!(inventory.hours.len(), usize::try_from(HOURS_MAX).unwrap());
        for hours in [
            serde_json::json!([[5, most], [i64::MAX, 1]]),
            serde_json::json!([[5, u32::MAX]]),
            serde_json::json!([[0, u32::MAX], [0, u32::MAX], [0, u32::MAX]]),
        ] {
            assert!(load("hours", hours).unwrap_err().contains("more hours"));
        }
    }

    #[test]
    fn a_state_holds_so_many_overrides_and_no_more() {
        let said = |count: usize| {
            let one = |number| serde_json::json!([null, format!("/{number}"), true]);
            (0..count).map(one).collect::<serde_json::Value>()
        };
        let inventory = load("overrides", said(OVERRIDES_MAX)).unwrap();
        assert_eq!(inventory.settings.overrides.len(), OVERRIDES_MAX);
        assert!(load("overrides", said(OVERRIDES_MAX + 1)).unwrap_err().contains("more overrides"));
    }
}

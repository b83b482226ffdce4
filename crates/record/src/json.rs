//! Entries as JSON, with stable field names, for commands and exports.
//!
//! Every entry has `kind`, `index` and `time`; what belongs to a request has its `id`. A request whose decision and
//! ending share a leaf renders as two entries under one index. Fields of the personal part are always there
//! and are `null` once it is gone; `personal` says `recorded` or `not recorded`.

use model::DenyReason;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use crate::bytes::{DecodeError, Texts};
use crate::decode::{AttributeView, Attributes, DecidedView, Leaf, Params, PersonalView};
use crate::segment::Stored;
use crate::{ClientRef, Completed, Ending, Outcome, ParamRef};

/// Renders an entry: one JSON object a line, without a newline behind the last.
pub fn render(index: u64, stored: &Stored<'_>) -> Result<Vec<String>, DecodeError> {
    let leaf = Leaf::decode(stored.leaf)?;
    let personal = match stored.personal {
        None => None,
        Some(part) => Some(PersonalView::decode(part.bytes)?),
    };
    Ok(match &leaf {
        Leaf::Decided(view, _) => vec![line(&decided(index, view, personal.as_ref()))],
        Leaf::Whole(view, _, ending) => {
            vec![line(&decided(index, view, personal.as_ref())), line(&completed(index, ending))]
        }
        Leaf::Completed(ending) => vec![line(&completed(index, ending))],
        Leaf::Change(change) => vec![line(&ChangeJson {
            kind: "change",
            index,
            time: change.time.to_string(),
            actor: change.actor,
            action: change.action,
            object: change.object,
            reason: change.reason,
            revision: change.revision.0,
        })],
        Leaf::Loss(loss) => vec![line(&LossJson {
            kind: "loss",
            index,
            time: loss.time.to_string(),
            cause: loss.cause.as_str(),
            count: loss.count,
        })],
        Leaf::Opened(opened) => vec![line(&OpenedJson {
            kind: "opened",
            index,
            time: opened.time.to_string(),
            origin: opened.origin,
            software: opened.software,
            before: match opened.before {
                Ending::New => "new",
                Ending::Closed => "closed",
                Ending::Torn { .. } => "torn",
            },
            torn_bytes: match opened.before {
                Ending::New | Ending::Closed => 0,
                Ending::Torn { bytes } => bytes,
            },
            continues: opened.continues.map(|other| ContinuedJson {
                origin: other.origin,
                size: other.size,
                root: format!("{:?}", crate::tree::Hash(other.root)),
            }),
        })],
        Leaf::Pruned(pruned) => vec![line(&PrunedJson {
            kind: "pruned",
            index,
            time: pruned.time.to_string(),
            before: pruned.before,
            segments: pruned.segments,
        })],
        Leaf::Closed(closed) => {
            vec![line(&ClosedJson { kind: "closed", index, time: closed.time.to_string() })]
        }
    })
}

fn line(entry: &impl Serialize) -> String {
    // Everything here serialises: there are no maps with keys that are no texts, and no floats.
    serde_json::to_string(entry).unwrap_or_default()
}

#[derive(Serialize)]
struct DecidedJson<'a> {
    kind: &'static str,
    index: u64,
    id: String,
    time: String,
    verdict: &'static str,
    reason: Option<&'static str>,
    code: Option<&'a str>,
    api: Option<&'a str>,
    operation: Option<&'a str>,
    mode: &'static str,
    policies: List<'a>,
    observed: List<'a>,
    strength: &'static str,
    revision: u64,
    keys: u64,
    stops: u64,
    personal: &'static str,
    caller: Option<String>,
    team: Option<&'a str>,
    user: Option<&'a str>,
    key: Option<String>,
    source_ip: Option<String>,
    method: Option<&'a str>,
    trace_id: Option<String>,
    params: Option<ParamsJson<'a>>,
    attributes: Option<AttributesJson<'a>>,
}

fn decided<'a>(index: u64, view: &DecidedView<'a>, personal: Option<&PersonalView<'a>>) -> DecidedJson<'a> {
    let present = |text: &'a str| (!text.is_empty()).then_some(text);
    DecidedJson {
        kind: "decided",
        index,
        id: view.id.to_string(),
        time: view.time.to_string(),
        verdict: view.verdict.as_str(),
        reason: view.reason.map(DenyReason::code),
        code: present(view.code).or_else(|| view.reason.map(DenyReason::code)),
        api: present(view.api),
        operation: present(view.operation),
        mode: view.mode.as_str(),
        policies: List(view.policies.clone()),
        observed: List(view.observed.clone()),
        strength: view.strength.as_str(),
        revision: view.snapshots.revision.0,
        keys: view.snapshots.keys,
        stops: view.snapshots.stops,
        personal: if personal.is_some() { "recorded" } else { "not recorded" },
        caller: personal.map(|personal| caller(&personal.client)),
        team: personal.and_then(|personal| personal.team),
        user: personal.and_then(|personal| personal.user),
        key: personal.and_then(|personal| personal.key).map(|key| key.to_string()),
        source_ip: personal.and_then(|personal| personal.source_ip).map(|address| address.to_string()),
        method: personal.and_then(|personal| personal.method),
        trace_id: personal
            .and_then(|personal| personal.trace_id)
            .map(|id| format!("{:032x}", u128::from_be_bytes(id))),
        params: personal.map(|personal| ParamsJson(personal.params.clone())),
        attributes: personal.map(|personal| AttributesJson(personal.attributes.clone())),
    }
}

/// The caller as commands name it.
#[must_use]
pub fn caller(client: &ClientRef<'_>) -> String {
    let (kind, name) = client.parts();
    kind.label(name)
}

#[derive(Serialize)]
struct CompletedJson {
    kind: &'static str,
    index: u64,
    id: String,
    time: String,
    status: u16,
    outcome: &'static str,
    /// Why a request that was under way was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<&'static str>,
    request_bytes: u64,
    response_bytes: u64,
    time_to_decision_us: u64,
    upstream_us: u64,
    total_us: u64,
}

fn completed(index: u64, ending: &Completed) -> CompletedJson {
    CompletedJson {
        kind: "completed",
        index,
        id: ending.id.to_string(),
        time: ending.time.to_string(),
        status: ending.status,
        outcome: match ending.outcome {
            Outcome::Done => "done",
            Outcome::Failed(failure) => failure.code(),
            Outcome::Stopped(_) => "stopped",
        },
        stopped: match ending.outcome {
            Outcome::Done | Outcome::Failed(_) => None,
            Outcome::Stopped(reason) => Some(reason.code()),
        },
        request_bytes: ending.request_bytes,
        response_bytes: ending.response_bytes,
        time_to_decision_us: ending.time_to_decision_us,
        upstream_us: ending.upstream_us,
        total_us: ending.total_us,
    }
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    kind: &'static str,
    index: u64,
    time: String,
    actor: &'a str,
    action: &'a str,
    object: &'a str,
    reason: &'a str,
    revision: u64,
}

#[derive(Serialize)]
struct LossJson {
    kind: &'static str,
    index: u64,
    time: String,
    cause: &'static str,
    count: u64,
}

#[derive(Serialize)]
struct OpenedJson<'a> {
    kind: &'static str,
    index: u64,
    time: String,
    origin: &'a str,
    software: &'a str,
    before: &'static str,
    torn_bytes: u64,
    continues: Option<ContinuedJson<'a>>,
}

#[derive(Serialize)]
struct ContinuedJson<'a> {
    origin: &'a str,
    size: u64,
    root: String,
}

#[derive(Serialize)]
struct PrunedJson {
    kind: &'static str,
    index: u64,
    time: String,
    before: u64,
    segments: u64,
}

#[derive(Serialize)]
struct ClosedJson {
    kind: &'static str,
    index: u64,
    time: String,
}

struct List<'a>(Texts<'a>);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

struct ParamsJson<'a>(Params<'a>);

impl Serialize for ParamsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.clone() {
            match value {
                ParamRef::Hashed(hash) => map.serialize_entry(name, &format!("hash:{hash}"))?,
                ParamRef::Text(text) => map.serialize_entry(name, text)?,
            }
        }
        map.end()
    }
}

struct AttributesJson<'a>(Attributes<'a>);

impl Serialize for AttributesJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.clone() {
            map.serialize_entry(name, &AttributeJson(value))?;
        }
        map.end()
    }
}

struct AttributeJson<'a>(AttributeView<'a>);

impl Serialize for AttributeJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            AttributeView::Bool(value) => serializer.serialize_bool(*value),
            AttributeView::Long(value) => serializer.serialize_i64(*value),
            AttributeView::Text(text) => serializer.serialize_str(text),
            AttributeView::TextSet(texts) => {
                let mut list = serializer.serialize_seq(None)?;
                for text in texts.clone() {
                    list.serialize_element(text)?;
                }
                list.end()
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Entries to bytes.
//!
//! A worker writes the public part and the personal part of a decision one after the other; the sequencer, which
//! alone knows the salt, makes the leaf out of them. So a worker hashes nothing and copies once.

use std::net::IpAddr;

use crate::bytes::{LIST_ITEMS_MAX, cut, put_optional_text, put_signed, put_text, put_texts, put_varint};
use crate::entry::WORKLOAD_MARK;
use crate::tree::Hash;
use crate::{
    AttributeRef, Change, ClientRef, Closed, Completed, Decided, Ending, Loss, Opened, ParamRef, Personal,
    Pruned, code,
};

/// The version of the entry format; the first byte of every leaf.
pub const ENTRY_VERSION: u8 = 1;

/// The kinds of leaves; the second byte.
pub(crate) mod kind {
    pub(crate) const DECIDED: u8 = 1;
    pub(crate) const COMPLETED: u8 = 2;
    pub(crate) const WHOLE: u8 = 3;
    pub(crate) const CHANGE: u8 = 4;
    pub(crate) const LOSS: u8 = 5;
    pub(crate) const OPENED: u8 = 6;
    pub(crate) const CLOSED: u8 = 7;
    pub(crate) const PRUNED: u8 = 8;
}

/// Writes what of a decision is public; it begins with the 16 bytes of the id.
pub fn put_decided(out: &mut Vec<u8>, decided: &Decided<'_>) {
    out.extend_from_slice(&decided.id.to_bytes());
    out.extend_from_slice(&decided.time.as_micros().to_be_bytes());
    put_varint(out, decided.snapshots.revision.0);
    put_varint(out, decided.snapshots.keys);
    put_varint(out, decided.snapshots.stops);
    out.extend_from_slice(&[
        code::of_verdict(decided.verdict),
        code::of_reason(decided.reason),
        code::of_mode(decided.mode),
        code::of_strength(decided.strength),
    ]);
    put_text(out, decided.code);
    put_text(out, decided.api);
    put_text(out, decided.operation);
    put_texts(out, decided.policies);
    put_texts(out, decided.observed);
}

/// Writes what of a decision names a person, or could.
pub fn put_personal(out: &mut Vec<u8>, personal: &Personal<'_>) {
    match personal.client {
        ClientRef::Anonymous => put_optional_text(out, None),
        ClientRef::Application(name) => put_optional_text(out, Some(name)),
        ClientRef::Workload(name) => put_optional_text(out, Some(&format!("{WORKLOAD_MARK}{name}"))),
    }
    put_optional_text(out, personal.team);
    put_optional_text(out, personal.user);
    match &personal.key {
        None => out.push(0),
        Some(key) => {
            // As a text is written; its characters need not be looked at once more.
            put_varint(out, key.as_bytes().len() as u64 + 1);
            out.extend_from_slice(key.as_bytes());
        }
    }
    match personal.source_ip {
        None => out.push(0),
        Some(IpAddr::V4(address)) => {
            out.push(4);
            out.extend_from_slice(&address.octets());
        }
        Some(IpAddr::V6(address)) => {
            out.push(6);
            out.extend_from_slice(&address.octets());
        }
    }
    put_optional_text(out, personal.method);
    match personal.trace_id {
        None => out.push(0),
        Some(id) => {
            out.push(1);
            out.extend_from_slice(&id);
        }
    }
    let count = personal.params.len().min(LIST_ITEMS_MAX);
    put_varint(out, count as u64);
    for (name, value) in personal.params.iter().take(count) {
        put_text(out, name);
        match value {
            ParamRef::Hashed(hash) => {
                out.push(0);
                out.extend_from_slice(&hash.0.to_be_bytes());
            }
            ParamRef::Text(text) => {
                out.push(1);
                put_text(out, cut(text));
            }
        }
    }
    put_attributes(out, personal.attributes);
}

fn put_attributes(out: &mut Vec<u8>, attributes: &[(&str, AttributeRef<'_>)]) {
    let count = attributes.len().min(LIST_ITEMS_MAX);
    put_varint(out, count as u64);
    for (name, value) in attributes.iter().take(count) {
        put_text(out, name);
        match value {
            AttributeRef::Bool(false) => out.push(0),
            AttributeRef::Bool(true) => out.push(1),
            AttributeRef::Long(value) => {
                out.push(2);
                put_signed(out, *value);
            }
            AttributeRef::Text(text) => {
                out.push(3);
                put_text(out, text);
            }
            AttributeRef::TextSet(texts) => {
                out.push(4);
                put_texts(out, texts);
            }
        }
    }
}

/// Writes how a request ended; it begins with the 16 bytes of the id.
pub fn put_completed(out: &mut Vec<u8>, completed: &Completed) {
    out.extend_from_slice(&completed.id.to_bytes());
    put_ending(out, completed);
}

fn put_ending(out: &mut Vec<u8>, completed: &Completed) {
    out.extend_from_slice(&completed.time.as_micros().to_be_bytes());
    out.extend_from_slice(&completed.status.to_be_bytes());
    out.push(code::of_outcome(completed.outcome));
    put_varint(out, completed.request_bytes);
    put_varint(out, completed.response_bytes);
    put_varint(out, completed.time_to_decision_us);
    put_varint(out, completed.upstream_us);
    put_varint(out, completed.total_us);
}

/// Makes the leaf of a decision whose ending is not known yet.
pub fn put_decided_leaf(out: &mut Vec<u8>, decided: &[u8], commitment: &Hash) {
    out.extend_from_slice(&[ENTRY_VERSION, kind::DECIDED]);
    out.extend_from_slice(decided);
    out.extend_from_slice(&commitment.0);
}

/// Makes the leaf of an ending whose decision stands in a leaf of its own.
pub fn put_completed_leaf(out: &mut Vec<u8>, completed: &[u8]) {
    out.extend_from_slice(&[ENTRY_VERSION, kind::COMPLETED]);
    out.extend_from_slice(completed);
}

/// Makes the one leaf of a request whose decision and ending became known together. The ids must be equal.
pub fn put_whole_leaf(out: &mut Vec<u8>, decided: &[u8], commitment: &Hash, completed: &[u8]) {
    out.extend_from_slice(&[ENTRY_VERSION, kind::WHOLE]);
    out.extend_from_slice(decided);
    out.extend_from_slice(&commitment.0);
    out.extend_from_slice(completed.get(16..).unwrap_or(&[]));
}

/// Makes the leaf of a change.
pub fn put_change_leaf(out: &mut Vec<u8>, change: &Change<'_>) {
    out.extend_from_slice(&[ENTRY_VERSION, kind::CHANGE]);
    out.extend_from_slice(&change.time.as_micros().to_be_bytes());
    put_text(out, change.actor);
    put_text(out, change.action);
    put_text(out, change.object);
    put_text(out, change.reason);
    put_varint(out, change.revision.0);
}

/// Makes the leaf of a loss.
pub fn put_loss_leaf(out: &mut Vec<u8>, loss: &Loss) {
    out.extend_from_slice(&[ENTRY_VERSION, kind::LOSS]);
    out.extend_from_slice(&loss.time.as_micros().to_be_bytes());
    out.push(code::of_cause(loss.cause));
    put_varint(out, loss.count);
}

/// Makes the leaf of an opening.
pub fn put_opened_leaf(out: &mut Vec<u8>, opened: &Opened<'_>) {
    out.extend_from_slice(&[ENTRY_VERSION, kind::OPENED]);
    out.extend_from_slice(&opened.time.as_micros().to_be_bytes());
    put_text(out, opened.origin);
    put_text(out, opened.software);
    match opened.before {
        Ending::New => out.push(0),
        Ending::Closed => out.push(1),
        Ending::Torn { bytes } => {
            out.push(2);
            put_varint(out, bytes);
        }
    }
    match opened.continues {
        None => out.push(0),
        Some(other) => {
            out.push(1);
            put_text(out, other.origin);
            put_varint(out, other.size);
            out.extend_from_slice(&other.root);
        }
    }
}

/// Makes the leaf of a removal by retention.
pub fn put_pruned_leaf(out: &mut Vec<u8>, pruned: &Pruned) {
    out.extend_from_slice(&[ENTRY_VERSION, kind::PRUNED]);
    out.extend_from_slice(&pruned.time.as_micros().to_be_bytes());
    put_varint(out, pruned.before);
    put_varint(out, pruned.segments);
}

/// Makes the leaf of a closing.
pub fn put_closed_leaf(out: &mut Vec<u8>, closed: &Closed) {
    out.extend_from_slice(&[ENTRY_VERSION, kind::CLOSED]);
    out.extend_from_slice(&closed.time.as_micros().to_be_bytes());
}

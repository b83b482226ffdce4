//! What a decision leaves in the record.

use enforce::{Evidence, FactValue};
use model::{Caller, CanonicalRequest, Client, CredentialRef, KeyId, Method, Presented, TeamName};
use record::{AttributeRef, Carried, ClientRef, Decided, ParamKey, ParamRef, Personal};
use smallvec::SmallVec;

/// The longest text, and the longest set of texts, that a record keeps of a fact: what it takes uncut.
const FACT_BYTES_MAX: usize = 1_024;
/// Stands in the place of facts that are too long. A fact that is cut would be another fact.
const INCOMPLETE: &str = "incomplete";

/// Under these names a record keeps the fingerprints of credentials, beside the facts.
const CERTIFICATE: &str = "certificate";
const FOREIGN_KEY: &str = "foreign_key";
const TOKEN: &str = "token";
/// That of the connection, where it names no caller.
const TRANSPORT_CERTIFICATE: &str = "transport_certificate";

/// A fact with room for the texts of a set.
type Kept<'a> = (&'a str, FactValue<'a>, SmallVec<[&'a str; 4]>);

/// Under this name a record keeps the hash of the whole path where no operation was found. It reads like a parameter, so
/// that whoever knows a path can ask who called it.
const PATH: &str = "path";

/// Hands the entry of a decision to `write`. Path parameters go in as hashes under `key`, and so does the path where no
/// operation says what in it is a parameter.
pub(crate) fn decided<T>(
    evidence: &Evidence,
    request: Option<&CanonicalRequest>,
    key: &ParamKey,
    write: impl FnOnce(&Decided<'_>) -> T,
) -> T {
    // It stands where the policies that decided do; no policy has an id with a space in it.
    let block = evidence.block.map(|id| format!("block {id}"));
    // Filled item by item: collecting costs several times what the few items do.
    let mut policies: SmallVec<[&str; 8]> = SmallVec::new();
    for policy in evidence.policies.iter() {
        policies.push(policy.as_str());
    }
    policies.extend(block.as_deref());
    let mut observed: SmallVec<[&str; 8]> = SmallVec::new();
    for policy in evidence.observed.iter() {
        observed.push(policy.as_str());
    }
    let has_operation = !evidence.operation_id().is_empty();
    let mut params: SmallVec<[(&str, ParamRef<'_>); 8]> = SmallVec::new();
    if let Some(request) = request {
        for (name, value) in evidence.parameters(request) {
            params.push((name, ParamRef::Hashed(key.hash(name, value.text().as_bytes()))));
        }
        if !has_operation {
            params.push((PATH, ParamRef::Hashed(key.hash(PATH, request.path().as_bytes()))));
        }
    }
    // Made where it stays, because it is large.
    let facts = match request {
        Some(request) => kept_facts(evidence, request),
        None => SmallVec::new(),
    };
    let shown = shown_credentials(&evidence.caller, request);
    let mut attributes: SmallVec<[(&str, AttributeRef<'_>); 4]> = SmallVec::new();
    for (name, text) in &shown {
        attributes.push((name, AttributeRef::Text(text)));
    }
    for (name, value, texts) in &facts {
        attributes.push((name, attribute(value, texts)));
    }
    let (client, team) = client_of(&evidence.caller);
    let user = evidence.caller.user.as_ref().map(|user| user.label());
    let method = request
        .filter(|_| evidence.method == Method::Unlisted || !has_operation)
        .and_then(|request| std::str::from_utf8(request.method_token()).ok());
    let is_observed = evidence.mode.observes(evidence.time);
    write(&Decided {
        id: evidence.id,
        time: evidence.time,
        snapshots: evidence.snapshots,
        verdict: evidence.verdict,
        reason: evidence.refusal.map(|refusal| refusal.reason()),
        code: evidence.refusal.map_or(evidence.own, |refusal| refusal.code()),
        api: evidence.api_name(),
        operation: evidence.operation_id(),
        mode: if is_observed { Carried::Observed } else { Carried::Enforced },
        policies: &policies,
        observed: &observed,
        strength: evidence.caller.strength,
        personal: Personal {
            client,
            team,
            user: user.as_deref(),
            key: key_of(&evidence.caller).or(evidence.claimed_key),
            source_ip: evidence.source_ip,
            method,
            trace_id: evidence.trace.map(|trace| trace.id.to_be_bytes()),
            params: &params,
            attributes: &attributes,
        },
    })
}

/// The client and the team that answers for it.
fn client_of(caller: &Caller) -> (ClientRef<'_>, Option<&str>) {
    let client = match &caller.client {
        Client::Anonymous => ClientRef::Anonymous,
        Client::Application(application) => ClientRef::Application(application.name.as_str()),
        Client::Workload(workload) => ClientRef::Workload(workload.name.as_str()),
    };
    (client, caller.client.team().map(TeamName::as_str))
}

/// The own key by which the caller is known.
const fn key_of(caller: &Caller) -> Option<KeyId> {
    match caller.credential {
        CredentialRef::Absent
        | CredentialRef::Certificate(_)
        | CredentialRef::Foreign(_)
        | CredentialRef::Token(_) => None,
        CredentialRef::Key(key) => Some(key),
    }
}

/// The fingerprints of the credentials that are no own key, which has a field of its own.
fn shown_credentials(
    caller: &Caller,
    request: Option<&CanonicalRequest>,
) -> SmallVec<[(&'static str, String); 1]> {
    let mut shown = SmallVec::new();
    if let Some(Presented::Transport(certificate)) =
        request.and_then(CanonicalRequest::channel).map(|channel| channel.certificate())
    {
        shown.push((TRANSPORT_CERTIFICATE, certificate.fingerprint.to_string()));
    }
    match caller.credential {
        CredentialRef::Absent | CredentialRef::Key(_) | CredentialRef::Token(_) => {}
        CredentialRef::Certificate(fingerprint) => shown.push((CERTIFICATE, fingerprint.to_string())),
        CredentialRef::Foreign(fingerprint) => shown.push((FOREIGN_KEY, fingerprint.to_string())),
    }
    if let Some(fingerprint) = caller.token {
        shown.push((TOKEN, fingerprint.to_string()));
    }
    shown
}

/// What the policies of the operation read, as far as it is short enough.
fn kept_facts<'a>(evidence: &'a Evidence, request: &'a CanonicalRequest) -> SmallVec<[Kept<'a>; 2]> {
    let mut kept: SmallVec<[Kept<'a>; 2]> = SmallVec::new();
    let mut left_out = false;
    for (name, value) in evidence.facts(request) {
        let texts: SmallVec<[&str; 4]> = match &value {
            FactValue::Bool(_) | FactValue::Long(_) | FactValue::Text(_) => SmallVec::new(),
            FactValue::Scopes(scopes) => scopes.iter().map(String::as_str).collect(),
            FactValue::Texts(texts) => texts.iter().map(String::as_str).collect(),
            FactValue::Words(words) => words.clone(),
        };
        let length = match &value {
            FactValue::Text(text) => text.len(),
            FactValue::Bool(_)
            | FactValue::Long(_)
            | FactValue::Scopes(_)
            | FactValue::Texts(_)
            | FactValue::Words(_) => texts.iter().map(|text| text.len() + 4).sum(),
        };
        if FACT_BYTES_MAX < length {
            left_out = true;
        } else {
            kept.push((name, value, texts));
        }
    }
    if left_out {
        kept.push((INCOMPLETE, FactValue::Bool(true), SmallVec::new()));
    }
    kept
}

fn attribute<'a>(value: &'a FactValue<'_>, texts: &'a [&'a str]) -> AttributeRef<'a> {
    match value {
        FactValue::Bool(value) => AttributeRef::Bool(*value),
        FactValue::Long(value) => AttributeRef::Long(*value),
        FactValue::Scopes(_) | FactValue::Texts(_) | FactValue::Words(_) => AttributeRef::TextSet(texts),
        FactValue::Text(text) => AttributeRef::Text(text),
    }
}

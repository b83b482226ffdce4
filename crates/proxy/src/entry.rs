//! What a decision leaves in the record.

use enforce::Evidence;
use model::{CanonicalRequest, Client, CredentialRef, Method};
use record::{Carried, ClientRef, Decided, ParamKey, ParamRef, Personal};
use smallvec::SmallVec;

/// Hands the entry of a decision to `write`. Path parameters go in as hashes under `key`.
pub(crate) fn decided<T>(
    evidence: &Evidence,
    request: Option<&CanonicalRequest>,
    key: &ParamKey,
    write: impl FnOnce(&Decided<'_>) -> T,
) -> T {
    let policies: SmallVec<[&str; 8]> = evidence.policies.iter().map(|policy| policy.as_str()).collect();
    let observed: SmallVec<[&str; 8]> = evidence.observed.iter().map(|policy| policy.as_str()).collect();
    let params: SmallVec<[(&str, ParamRef<'_>); 8]> = request
        .into_iter()
        .flat_map(|request| evidence.parameters(request))
        .map(|(name, value)| (name, ParamRef::Hashed(key.hash(name, value.text().as_bytes()))))
        .collect();
    let (client, team) = match &evidence.caller.client {
        Client::Anonymous => (ClientRef::Anonymous, None),
        Client::Application(application) => {
            (ClientRef::Application(application.name.as_str()), Some(application.team.as_str()))
        }
    };
    let credential = match evidence.caller.credential {
        CredentialRef::Absent => None,
        CredentialRef::Key(key) => Some(key),
    };
    let method = request
        .filter(|_| evidence.method == Method::Unlisted)
        .and_then(|request| std::str::from_utf8(request.method_token()).ok());
    let is_observed = evidence.mode.observes(evidence.time);
    write(&Decided {
        id: evidence.id,
        time: evidence.time,
        snapshots: evidence.snapshots,
        verdict: evidence.verdict,
        reason: evidence.refusal.map(|refusal| refusal.reason()),
        code: evidence.refusal.map_or("", |refusal| refusal.code()),
        api: evidence.api_name(),
        operation: evidence.operation_id(),
        mode: if is_observed { Carried::Observed } else { Carried::Enforced },
        policies: &policies,
        observed: &observed,
        strength: evidence.caller.strength,
        personal: Personal {
            client,
            team,
            user: evidence.caller.user.as_ref().map(|user| user.name.as_str()),
            key: credential.or(evidence.claimed_key),
            source_ip: evidence.source_ip,
            method,
            trace_id: evidence.trace.map(|trace| trace.id.to_be_bytes()),
            params: &params,
            attributes: &[],
        },
    })
}

//! From checked files to the revision that requests are judged by.

use std::sync::Arc;

use catalog::Catalog;
use config::{ApiConfig, ConfigError, Repository};
use enforce::{
    ApiRules, Availability, Declared, Exchange, HostHeader, Networks, Revision, Timeouts, Upstream,
};
use identity::{ExistingKeys, FingerprintKey, Workloads};
use model::{Mode, RevisionNumber, Timestamp};
use policy::Policies;

use crate::ControlError;
use crate::issuers;
use crate::state::State;
use crate::tls::Material;
use identity::token::Issuer;

/// `iss` of assertions.
const ISSUER: &str = "sallyport";

/// Stores the end of each observation that is new, and refuses one that is too far off. A stored end is never
/// extended by a file or a restart, only by `api observe`.
pub(crate) fn settle_observations(
    state: &mut State,
    repository: &Repository,
    now: Timestamp,
) -> Result<Result<(), ConfigError>, ControlError> {
    for api in &repository.apis {
        let Mode::ObserveUntil(written) = api.mode else { continue };
        if state.store.observation(&api.name)?.is_none()
            && let Err(error) = api.check_observe_until(now)
        {
            return Ok(Err(error));
        }
        let stored = state.store.settle_observation(&api.name, written, now)?;
        if stored.ends < written {
            tracing::warn!(
                api = %api.name,
                ends = %stored.ends,
                "the observation ends as stored, not as the file says; `sallyport api observe` renews it"
            );
        }
    }
    Ok(Ok(()))
}

/// Builds the revision. Nothing in it can fail to resolve any more: what could was checked with the files. Without `tls` it
/// judges and calls nobody.
pub(crate) fn build(
    state: &mut State,
    number: RevisionNumber,
    repository: &Repository,
    catalog: Catalog,
    policies: Policies,
    tls: Option<&Material>,
    now: Timestamp,
) -> Result<Revision, ControlError> {
    let issuers = issuers::compile_all(&repository.gateway.issuers);
    let mut rules = Vec::with_capacity(repository.apis.len());
    // INVARIANT: the catalogue has the APIs in the repository's order, so an `ApiIndex` names the same in both.
    for api in &repository.apis {
        let mode = state.effective_mode(api, now)?;
        rules.push(Arc::new(rules_of(state, api, mode, tls, &issuers)));
    }
    let trusted = repository.gateway.trusted_proxies.iter();
    let trusted_proxies = Networks::of(trusted.map(|network| (network.addr(), network.prefix_len())))
        .map_err(|error| {
            ControlError::invalid(error.to_string(), "correct `trusted_proxies` in sallyport.yaml")
        })?;
    Ok(Revision {
        number,
        catalog,
        policies: Some(policies),
        apis: rules.into(),
        trusted_proxies,
        assertion_issuer: ISSUER.into(),
        guessing: repository.gateway.guessing,
        issuers: issuers.into(),
        workloads: Workloads::of(
            repository.gateway.workloads.iter().map(|of| (of.names.clone(), of.team.clone())),
        ),
    })
}

/// How the keys are recognised that the API had before.
fn existing_keys(state: &State, api: &ApiConfig) -> Option<ExistingKeys> {
    if api.existing_keys.is_empty() {
        return None;
    }
    let key = FingerprintKey::derive(&state.fingerprint, &api.name);
    let keys = ExistingKeys::new(api.name.clone(), api.owner.clone(), &api.existing_keys, key)?;
    Some(if api.issuers.is_empty() { keys } else { keys.beside_tokens() })
}

fn rules_of(
    state: &mut State,
    api: &ApiConfig,
    mode: Mode,
    tls: Option<&Material>,
    issuers: &[Arc<Issuer>],
) -> ApiRules {
    // What cannot be called as it is to be called is not called at all.
    let (tls, availability) = match tls.map_or(Ok(None), |tls| tls.upstream(api)) {
        Ok(tls) => (tls, Availability::Usable),
        Err(fault) => (None, Availability::Unusable(fault.into())),
    };
    ApiRules {
        name: api.name.clone(),
        mode,
        audit: api.audit,
        credential: api.credential,
        exchange: api.exchange.as_ref().map(|exchange| Exchange {
            header: exchange.header.as_str().into(),
            scheme: exchange.scheme.as_deref().map(Into::into),
            secret: exchange.secret.clone(),
        }),
        existing_keys: existing_keys(state, api),
        key_header: api.key_header.as_bytes().into(),
        underscore_headers: api.underscore_headers.iter().map(|name| name.as_bytes().into()).collect(),
        per_key: api.limits.per_key,
        per_api: api.limits.per_api,
        api_limit: state.api_limit(&api.name),
        caller_limits: state.caller_limits(&api.name),
        body_bytes_max: api.limits.body,
        upstream: Upstream {
            address: api.upstream.address().into(),
            host: api.upstream.host_field().into(),
            tls,
        },
        host_header: match api.preserve_host {
            config::HostHeader::Preserve => HostHeader::Preserve,
            config::HostHeader::Upstream => HostHeader::Upstream,
        },
        timeouts: Timeouts {
            connect: api.timeouts.connect,
            head: api.timeouts.head,
            idle: api.timeouts.idle,
        },
        declared: if api.document.is_some() { Declared::Document } else { Declared::Nothing },
        availability,
        audience: api.name.as_str().into(),
        issuers: issuers::of_api(issuers, &api.issuers),
        token_audiences: api.audience.iter().map(|audience| audience.as_str().into()).collect(),
        resource: resource_of(api, issuers),
    }
}

/// What clients know the API by: its first audience that is an address (RFC 9728 section 1.2), if any is.
fn resource_of(api: &ApiConfig, issuers: &[Arc<Issuer>]) -> Option<Box<str>> {
    let of_issuers = issuers.iter().filter(|issuer| api.issuers.contains(&issuer.name));
    let of_issuers = of_issuers.flat_map(|issuer| issuer.audiences.iter().map(|audience| &**audience));
    let own = api.audience.iter().map(String::as_str);
    let is_address = |audience: &&str| audience.starts_with("https://") || audience.starts_with("http://");
    if api.audience.is_empty() {
        of_issuers.into_iter().find(is_address)
    } else {
        own.into_iter().find(is_address)
    }
    .map(Into::into)
}

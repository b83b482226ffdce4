//! Issuers of access tokens: from the files to what requests are judged by, and the key sets that were got for them.
//!
//! Whoever fetches asks [`Control::key_sources`] what there is to fetch and hands in what came of it; only here is a
//! document read as a key set and brought into the snapshot. A document that is refused changes nothing: the last good
//! set stays until its issuer's `max_key_age`.

use std::sync::Arc;
use std::time::Duration;

use config::{ClaimType, IssuerConfig, KeySource, ScopeUse, TokenType};
use identity::token::{self, Algorithm, ClaimSource, HeldKeys, Issuer, KeySet, KeySets, Profile};
use model::{IssuerName, Timestamp};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::actor::{Actor, Needs};
use crate::{Control, ControlError};

/// The longest text about a failed attempt that is kept.
const FAULT_CHARACTERS_MAX: usize = 400;

/// One thing to fetch, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceOfKeys {
    pub config: IssuerConfig,
}

/// An issuer as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct IssuerView {
    pub issuer: String,
    /// `iss` of its tokens.
    pub identifier: String,
    /// Where its keys come from.
    pub source: String,
    /// `fresh`, `stale` (the last attempt failed and the last good keys still count), `expired` (they do not any
    /// more) or `absent`.
    pub keys: &'static str,
    /// Grows with every key set that differs from the one before.
    pub version: u64,
    pub kids: Vec<String>,
    /// When the source last gave these keys.
    pub confirmed: Option<String>,
    pub age_seconds: Option<u64>,
    /// Until when they count if the source stays away.
    pub trusted_until: Option<String>,
    pub last_error: Option<String>,
    /// The APIs that accept its tokens.
    pub apis: Vec<String>,
}

impl Control {
    /// Where the keys of every configured issuer are.
    #[must_use]
    pub fn key_sources(&self) -> Vec<SourceOfKeys> {
        let state = self.state();
        let loaded = state.loaded.iter();
        let issuers = loaded.flat_map(|loaded| loaded.repository.gateway.issuers.iter());
        issuers.map(|config| SourceOfKeys { config: config.clone() }).collect()
    }

    /// Takes what an attempt for `source` gave: the bytes of a key set, or why there are none. The next request is
    /// judged by it. Gives why nothing new is trusted, if so.
    pub fn take_keys(&self, source: &SourceOfKeys, fetched: Result<&[u8], String>) -> Option<String> {
        // Parsed without the lock: it may take a millisecond.
        let issuer = compile(&source.config);
        let read = fetched.and_then(|bytes| {
            let digest = digest_of(bytes, &issuer.algorithms);
            KeySet::parse(bytes, &issuer.algorithms)
                .map(|set| (set, digest))
                .map_err(|error| error.to_string())
        });
        let now = self.now();
        // Held so that no other writer of the snapshot comes between.
        let state = self.state();
        let is_current = state
            .loaded
            .as_ref()
            .is_some_and(|loaded| loaded.repository.gateway.issuers.contains(&source.config));
        if !is_current {
            return None;
        }
        let before = self.live.load();
        let key_sets = before.key_sets();
        let held =
            key_sets.held(&issuer).map_or_else(|| HeldKeys::none(&issuer), |held| HeldKeys::clone(held));
        let (next, fault) = held_after(held, read, now);
        self.live.set_key_sets(key_sets.with(next));
        drop(state);
        fault
    }

    /// Every issuer with the state of its keys.
    pub fn issuers(&self, actor: &Actor) -> Result<Vec<IssuerView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let now = self.now();
        let state = self.state();
        let repository = state.repository()?;
        let live = self.live.load();
        let views = repository.gateway.issuers.iter().map(|config| {
            let apis = repository.apis.iter().filter(|api| api.issuers.contains(&config.name));
            let apis = apis.map(|api| api.name.to_string()).collect();
            view(config, live.key_sets(), apis, now)
        });
        Ok(views.collect())
    }

    /// One issuer.
    pub fn issuer(&self, actor: &Actor, name: &str) -> Result<IssuerView, ControlError> {
        let found = self.issuers(actor)?.into_iter().find(|view| view.issuer == name);
        found.ok_or_else(|| ControlError::Absent { what: "issuer", name: name.to_owned() })
    }
}

/// What is held after an attempt, and why nothing new is trusted.
fn held_after(
    held: HeldKeys,
    read: Result<(KeySet, [u8; 32]), String>,
    now: Timestamp,
) -> (HeldKeys, Option<String>) {
    match read {
        // The same document as before keeps its set, so that tokens need not be verified again.
        Ok((_, digest)) if held.set.is_some() && held.digest == digest => {
            (HeldKeys { confirmed: now, attempted: Some(now), fault: None, ..held }, None)
        }
        Ok((set, digest)) => {
            let version = held.version + 1;
            let set = Some(Arc::new(set));
            (
                HeldKeys { set, digest, version, confirmed: now, attempted: Some(now), fault: None, ..held },
                None,
            )
        }
        Err(fault) => {
            let fault: String = fault.chars().take(FAULT_CHARACTERS_MAX).collect();
            let held = HeldKeys { attempted: Some(now), fault: Some(fault.clone().into()), ..held };
            (held, Some(fault))
        }
    }
}

/// Of the document and of what it was read with.
fn digest_of(bytes: &[u8], algorithms: &[Algorithm]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for algorithm in algorithms {
        digest.update(algorithm.as_str());
        digest.update([0]);
    }
    digest.update(bytes);
    digest.finalize().into()
}

fn view(config: &IssuerConfig, key_sets: &KeySets, apis: Vec<String>, now: Timestamp) -> IssuerView {
    let issuer = compile(config);
    let held = key_sets.held(&issuer);
    let set = held.and_then(|held| held.set.as_ref());
    let confirmed = held.filter(|held| held.set.is_some()).map(|held| held.confirmed);
    let fault = held.and_then(|held| held.fault.as_deref());
    let keys = match (set, fault) {
        (None, _) => "absent",
        (Some(_), _) if key_sets.usable(&issuer, now).is_none() => "expired",
        (Some(_), Some(_)) => "stale",
        (Some(_), None) => "fresh",
    };
    IssuerView {
        issuer: config.name.to_string(),
        identifier: config.issuer.clone(),
        source: match &config.source {
            KeySource::Discovery(url) => format!("discovery at {url}"),
            KeySource::File(path) => format!("file {path}"),
            KeySource::Url(url) => url.to_string(),
        },
        keys,
        version: held.map_or(0, |held| held.version),
        kids: set.into_iter().flat_map(|set| set.kids().map(str::to_owned)).collect(),
        confirmed: confirmed.map(|time| time.to_string()),
        age_seconds: confirmed.map(|time| now.since(time).as_secs()),
        trusted_until: confirmed.map(|time| time.plus(issuer.key_age_max).to_string()),
        last_error: fault.map(str::to_owned),
        apis,
    }
}

/// An issuer as requests are judged by it.
pub(crate) fn compile(config: &IssuerConfig) -> Issuer {
    let boxed = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    let kind = |kind| match kind {
        ClaimType::Email => token::ClaimType::Email,
        ClaimType::Plain(kind) => token::ClaimType::Plain(kind),
    };
    Issuer {
        name: config.name.clone(),
        issuer: config.issuer.as_str().into(),
        audiences: boxed(&config.audience),
        // INVARIANT: `config` lists only names that this reads; a test compares the two lists.
        algorithms: config.algorithms.iter().filter_map(|name| Algorithm::parse(name)).collect(),
        key_age_max: config.max_key_age,
        refetch_interval: config.refetch_interval,
        lifetime_max: config.max_lifetime,
        leeway: config.leeway,
        profile: match config.typ {
            TokenType::AccessToken => Profile::AccessToken,
            TokenType::Any => Profile::Any,
        },
        required_claims: boxed(&config.required_claims),
        client_claim: config.client_claim.as_str().into(),
        clients: config.clients.iter().map(|(id, name)| (id.as_str().into(), name.clone())).collect(),
        team: config.team.clone(),
        user_claim: config.user_claim.as_str().into(),
        teams_claim: config.teams_claim.as_deref().map(Into::into),
        scope_claim: config.scope_claim.as_str().into(),
        scope_use: match config.scopes_narrow {
            ScopeUse::Facts => token::ScopeUse::Facts,
            ScopeUse::Narrow => token::ScopeUse::Narrow,
        },
        user_attributes: config
            .user_attributes
            .iter()
            .map(|(name, from)| {
                (name.clone(), ClaimSource { claim: from.claim.as_str().into(), kind: kind(from.kind) })
            })
            .collect(),
        mfa_amr: boxed(&config.mfa_amr),
        mfa_acr: boxed(&config.mfa_acr),
    }
}

/// All issuers of a configuration, each once, so that APIs share them.
pub(crate) fn compile_all(configs: &[IssuerConfig]) -> Vec<Arc<Issuer>> {
    configs.iter().map(|config| Arc::new(compile(config))).collect()
}

/// Those of an API, in its order.
pub(crate) fn of_api(all: &[Arc<Issuer>], names: &[IssuerName]) -> Box<[Arc<Issuer>]> {
    names.iter().filter_map(|name| all.iter().find(|issuer| issuer.name == *name)).cloned().collect()
}

impl SourceOfKeys {
    /// How often keys are got anew without anybody asking.
    #[must_use]
    pub const fn refresh_interval(&self) -> Duration {
        self.config.refresh_interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algorithms_that_can_be_configured_are_those_that_verify() {
        let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.as_str()).collect();
        let mut listed: Vec<&str> = IssuerConfig::ALGORITHMS.to_vec();
        listed.sort_by_key(|name| names.iter().position(|known| known == name));
        assert_eq!(listed, names);
        let default: Vec<_> =
            IssuerConfig::ALGORITHMS_DEFAULT.iter().filter_map(|name| Algorithm::parse(name)).collect();
        assert_eq!(default, Algorithm::DEFAULT);
    }
}

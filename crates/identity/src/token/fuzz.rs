//! Entry points for fuzzing: any bytes, no panic, bounded work, and no token that nobody signed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{IssuerName, TeamName, Timestamp};

use super::{Accepted, Algorithm, HeldKeys, Issuer, KeySet, KeySets, Profile, ScopeUse, digest_of, verify};

/// A fixed point; mutation does not hit on a signature by any key.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"one","alg":"ES256",
"x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]}"#;

/// A text is no token that verifies: nobody signs here.
///
/// # Errors
///
/// It verifies all the same.
pub fn token(bytes: &[u8]) -> Result<(), &'static str> {
    let (Ok(name), Ok(team)) = (IssuerName::parse("corp"), TeamName::parse("partners")) else {
        return Err("the names of this function are none");
    };
    let issuer = Issuer {
        name,
        issuer: "https://id.example.com".into(),
        audiences: ["https://orders.example.com".into()].into(),
        algorithms: Algorithm::ALL.into(),
        key_age_max: Duration::MAX,
        refetch_interval: Duration::from_secs(30),
        lifetime_max: Duration::from_secs(86_400),
        leeway: Duration::from_secs(30),
        profile: Profile::Any,
        required_claims: Box::default(),
        client_claim: "client_id".into(),
        clients: BTreeMap::new(),
        team: Some(team),
        user_claim: "sub".into(),
        teams_claim: Some("groups".into()),
        scope_claim: "scope".into(),
        scope_use: ScopeUse::Facts,
        user_attributes: BTreeMap::new(),
        mfa_amr: Box::default(),
        mfa_acr: Box::default(),
    };
    let set = KeySet::parse(KEYS.as_bytes(), &issuer.algorithms).map_err(|_| "the key set does not load")?;
    let now = Timestamp::from_seconds(1_800_000_000);
    let held = HeldKeys { set: Some(Arc::new(set)), confirmed: now, ..HeldKeys::none(&issuer) };
    let keys = KeySets::none().with(held);
    let issuers = [Arc::new(issuer)];
    let accepted = Accepted { issuers: &issuers, audiences: &[], keys: &keys };
    match verify(&accepted, now, bytes, &digest_of(bytes)) {
        Ok(_) => Err("a token that nobody signed verifies"),
        Err(_) => Ok(()),
    }
}

/// A key set that is read has keys, each `kid` once.
///
/// # Errors
///
/// It is empty, or a `kid` stands twice.
pub fn key_set(bytes: &[u8]) -> Result<(), &'static str> {
    drop(super::metadata::keys_address(bytes, "https://id.example.com"));
    let Ok(set) = KeySet::parse(bytes, Algorithm::ALL) else {
        return Ok(());
    };
    let distinct: BTreeSet<&str> = set.kids().collect();
    if set.is_empty() || distinct.len() != set.kids().count() {
        return Err("an unsound key set was read");
    }
    Ok(())
}

//! Verified tokens that are kept: facts, for one API, by one key set, until they end (security cases 93 and 94).

use super::*;

struct World {
    corp: Corp,
    issuers: [Arc<Issuer>; 1],
    keys: KeySets,
    cache: TokenCache,
}

impl World {
    fn new() -> Self {
        let corp = Corp::new();
        let issuers = [Arc::new(corp.issuer.clone())];
        Self { keys: corp.keys(), issuers, corp, cache: TokenCache::new() }
    }

    fn ask(&mut self, api: u16, seconds: i64, token: &str) -> Result<Arc<VerifiedToken>, TokenFault> {
        let accepted = Accepted { issuers: &self.issuers, audiences: &[], keys: &self.keys };
        let now = Timestamp::from_seconds(NOW + seconds);
        self.cache.verified(&accepted, now, api, token.as_bytes()).map_err(|refused| refused.fault)
    }
}

#[test]
fn a_token_is_verified_once_and_no_longer_than_it_lives() {
    let mut world = World::new();
    let token = world.corp.key.token(&claims());
    for _ in 0..3 {
        world.ask(0, 0, &token).unwrap();
    }
    assert_eq!(world.cache.verifications(), 1);
    assert!(world.ask(0, 329, &token).is_ok());
    assert_eq!(world.cache.verifications(), 1);
    assert_eq!(world.ask(0, 330, &token).unwrap_err(), TokenFault::Expired);
}

#[test]
fn what_was_refused_is_judged_anew_each_time() {
    let mut world = World::new();
    let token = world.corp.key.token(&claims_with(json!({ "nbf": NOW + 60 })));
    assert!(world.ask(0, 0, &token).is_err());
    assert!(world.ask(0, 60, &token).is_ok());
    assert_eq!(world.cache.verifications(), 2);
}

/// Security case 93: the same token for another API, another issuer's rules, other keys.
#[test]
fn a_kept_token_answers_only_where_it_was_verified() {
    let mut world = World::new();
    let token = world.corp.key.token(&claims());
    world.ask(0, 0, &token).unwrap();
    world.ask(1, 0, &token).unwrap();
    assert_eq!(world.cache.verifications(), 2, "another API verifies by itself");

    let issuers = std::mem::replace(&mut world.issuers, [Arc::new(Corp::new().issuer)]);
    world.ask(0, 0, &token).unwrap();
    assert_eq!(world.cache.verifications(), 3, "a publish makes new rules");
    world.issuers = issuers;

    let accepted = Accepted { issuers: &[], audiences: &[], keys: &world.keys };
    let refused = world.cache.verified(&accepted, now(), 0, token.as_bytes()).unwrap_err();
    assert_eq!(refused.fault, TokenFault::Issuer, "an issuer that is not accepted any more");

    world.keys = world.corp.holding(&key_set([&TokenKey::generate("two", "ES256")]));
    assert_eq!(world.ask(0, 0, &token).unwrap_err(), TokenFault::UnknownKey, "a removed key");
}

/// Security case 63.
#[test]
fn a_kept_token_ends_with_a_key_set_that_grew_too_old() {
    let mut world = World::new();
    let token = world.corp.key.token(&claims_with(json!({ "exp": NOW + 86_400 })));
    world.ask(0, 0, &token).unwrap();
    assert!(world.ask(0, 86_399, &token).is_ok());
    assert_eq!(world.ask(0, 86_400, &token).unwrap_err(), TokenFault::KeysUnavailable);
}

#[test]
fn the_kept_tokens_have_a_limit() {
    let mut world = World::new();
    world.corp.key = TokenKey::generate("one", "EdDSA");
    world.keys = world.corp.keys();
    for number in 0..=2 * cache::GENERATION_MAX {
        let token = world.corp.key.token(&claims_with(json!({ "jti": number.to_string() })));
        world.ask(0, 0, &token).unwrap();
    }
    let (young, old) = world.cache.lengths();
    assert_eq!((young, old), (1, cache::GENERATION_MAX));
}

#[test]
fn no_part_of_a_token_is_shown_for_finding_faults() {
    let mut world = World::new();
    let token = world.corp.key.token(&claims());
    world.ask(0, 0, &token).unwrap();
    let verified = world.ask(0, 0, &token);
    let shown = format!("{:?} {verified:?}", world.cache);
    assert!(token.split('.').all(|part| !shown.contains(part)), "{shown}");
}

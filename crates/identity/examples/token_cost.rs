//! What an access token costs, in nanoseconds: verified for the first time by each algorithm, beside the bare signature as
//! the library checks it, and found again.
//!
//! `cargo run --release -p identity --example token_cost`. Prints one line per figure: a name, a tab, and the figure. Times
//! are the least of many batches, since a shared machine only ever adds.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use identity::token::{
    Accepted, Algorithm, HeldKeys, Issuer, KeySet, KeySets, Profile, ScopeUse, TokenCache, digest_of, verify,
};
use model::{IssuerName, TeamName, Timestamp};
use serde_json::json;
use testkit::{TokenKey, base64url, key_set};

const NOW: i64 = 1_800_000_000;
const BATCHES: usize = 50;

/// The least time of one call, in nanoseconds.
#[expect(clippy::disallowed_methods, reason = "a program that measures; nothing links it")]
fn least(calls: u32, mut call: impl FnMut()) -> u128 {
    let mut best = u128::MAX;
    for _ in 0..BATCHES {
        let started = Instant::now();
        for _ in 0..calls {
            call();
        }
        best = best.min(started.elapsed().as_nanos() / u128::from(calls));
    }
    best
}

fn issuer() -> Result<Issuer, Box<dyn Error>> {
    Ok(Issuer {
        name: IssuerName::parse("corp")?,
        issuer: "https://id.example.com".into(),
        audiences: ["https://orders.example.com".into()].into(),
        algorithms: Algorithm::DEFAULT.into(),
        key_age_max: Duration::from_secs(86_400),
        refetch_interval: Duration::from_secs(30),
        lifetime_max: Duration::from_secs(86_400),
        leeway: Duration::from_secs(30),
        profile: Profile::AccessToken,
        required_claims: Box::default(),
        client_claim: "client_id".into(),
        clients: BTreeMap::new(),
        team: Some(TeamName::parse("partners")?),
        user_claim: "sub".into(),
        teams_claim: Some("groups".into()),
        scope_claim: "scope".into(),
        scope_use: ScopeUse::Facts,
        user_attributes: BTreeMap::new(),
        mfa_amr: Box::default(),
        mfa_acr: Box::default(),
    })
}

#[expect(clippy::print_stdout, reason = "a program that prints figures")]
fn main() -> Result<(), Box<dyn Error>> {
    let now = Timestamp::from_seconds(NOW);
    // As long as real ones are.
    let claims = json!({
        "iss": "https://id.example.com", "aud": ["https://orders.example.com", "https://billing.example.com"],
        "sub": "8f14e45f-ceea-467f-a9d8-4c1fd1b2a3c4", "client_id": "web", "jti": "t-0123456789", "iat": NOW,
        "exp": NOW + 3_600, "auth_time": NOW - 60, "acr": "urn:example:mfa", "amr": ["pwd", "otp"],
        "scope": "openid profile orders:read orders:write", "groups": ["sales", "sales-emea", "approvers"],
    });
    for name in ["ES256", "EdDSA", "RS256", "PS256"] {
        let key = TokenKey::generate("one", name);
        let issuer = issuer()?;
        let set = KeySet::parse(key_set([&key]).as_bytes(), &issuer.algorithms)?;
        let held = HeldKeys { set: Some(Arc::new(set)), confirmed: now, ..HeldKeys::none(&issuer) };
        let keys = KeySets::none().with(held);
        let issuers = [Arc::new(issuer)];
        let accepted = Accepted { issuers: &issuers, audiences: &[], keys: &keys };
        let token = key.token(&claims);
        let token = token.as_bytes();
        verify(&accepted, now, token, &digest_of(token)).map_err(|refused| refused.fault)?;
        let first =
            least(50, || drop(black_box(verify(&accepted, now, black_box(token), &digest_of(token)))));
        println!("token.first.{name}\t{first}");
        if name == "ES256" {
            println!("token.bytes\t{}", token.len());
            println!("token.digest\t{}", least(1_000, || nothing(&black_box(digest_of(black_box(token))))));
            let mut cache = TokenCache::new();
            cache.verified(&accepted, now, 0, token).map_err(|refused| refused.fault)?;
            let again = least(1_000, || drop(black_box(cache.verified(&accepted, now, 0, black_box(token)))));
            println!("token.again\t{again}");
            println!("token.bare.ES256\t{}", bare(&key)?);
        }
    }
    Ok(())
}

/// Takes what was computed, so that it is.
const fn nothing<T>(_computed: &T) {}

/// What the library alone takes for a signature.
fn bare(key: &TokenKey) -> Result<u128, Box<dyn Error>> {
    let jwk = key.jwk();
    let coordinate =
        |name: &str| jwk.get(name).and_then(|text| text.as_str()).and_then(base64url).unwrap_or_default();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)?;
    let message = [7; 600];
    let signature = key.signature(&message);
    Ok(least(50, || nothing(&black_box(public.verify_sig(black_box(&message), &signature)))))
}

//! Issuers of access tokens: what is taken, what is refused and where.

use super::*;
use crate::{KeySource, ScopeUse, TokenType};

const CORP: &str = "issuer: https://id.example.com, audience: [https://orders.example.com], team: partners";

fn with(issuer: &str) -> String {
    gateway(&format!("issuers:\n  corp: {{ {issuer} }}\nuser_attributes: {{ customer: Long, mail: String }}"))
}

fn refused_issuer(issuer: &str) -> String {
    refused(&[("sallyport.yaml", &with(issuer))])
}

#[test]
fn an_issuer_has_strict_defaults() {
    let repository =
        loaded(&[("sallyport.yaml", &with(CORP)), ("apis/orders/api.yaml", &api("issuers: [corp]"))]);
    let issuer = &repository.gateway.issuers[0];
    assert_eq!(issuer.algorithms, ["ES256", "RS256", "EdDSA", "PS256"]);
    assert_eq!((issuer.typ, issuer.scopes_narrow), (TokenType::AccessToken, ScopeUse::Facts));
    assert_eq!((issuer.max_lifetime, issuer.leeway), (Duration::from_secs(86_400), Duration::from_secs(30)));
    assert_eq!((issuer.client_claim.as_str(), issuer.user_claim.as_str()), ("client_id", "sub"));
    assert!(issuer.allow_networks.is_empty());
    assert!(
        matches!(&issuer.source, KeySource::Discovery(url) if url.to_string() == "https://id.example.com")
    );
    assert_eq!(repository.apis[0].issuers[0].as_str(), "corp");
    assert!(loaded(&[]).apis[0].issuers.is_empty(), "nobody's tokens count unless an API says so");
}

#[test]
fn an_issuer_can_say_everything() {
    let text = with(
        "issuer: 'http://127.0.0.1:3000', audience: [a, b], jwks_url: 'http://127.0.0.1:3000/jwks', algorithms: [RS256], \
         max_lifetime: 1h, leeway: 0s, max_key_age: 2h, refresh_interval: 1m, refetch_interval: 10s, typ: any, \
         required_claims: [jti], client: azp, clients: { web: shop }, user: email, teams: groups, scopes: scp, \
         scopes_narrow: true, user_attributes: { customer: cust, mail: { claim: email, form: email } }, \
         mfa: { amr: [otp], acr: [urn:x] }, allow_networks: [127.0.0.1], ca_file: ca.pem",
    );
    let repository = loaded(&[("sallyport.yaml", &text)]);
    let issuer = &repository.gateway.issuers[0];
    assert!(matches!(&issuer.source, KeySource::Url(url) if url.path == "/jwks"));
    assert_eq!(issuer.clients["web"].as_str(), "shop");
    assert_eq!((&*issuer.mfa_amr, &*issuer.mfa_acr), (&["otp".to_owned()][..], &["urn:x".to_owned()][..]));
    assert_eq!(issuer.user_attributes.keys().collect::<Vec<_>>(), ["customer", "mail"]);
}

/// Security case 57.
#[test]
fn an_issuer_without_an_audience_is_refused() {
    let without = CORP.replace("audience: [https://orders.example.com], ", "");
    expect!["sallyport.yaml:3:9: `audience` is missing; write who its tokens for you are for, such as [https://orders.example.com]\n"]
        .assert_eq(&refused_issuer(&without));
    expect![[r#"
        sallyport.yaml:3:53: `audience` is empty: tokens for anybody else would count; write who its tokens for you are for, such as [https://orders.example.com]
    "#]]
        .assert_eq(&refused_issuer(&CORP.replace("[https://orders.example.com]", "[]")));
    expect![[r#"
        apis/orders/api.yaml:9:11: `audience` is empty: tokens for anybody else would count; write one, or leave the line out for that of the issuers
    "#]].assert_eq(&refused(&[
        ("sallyport.yaml", &with(CORP)),
        ("apis/orders/api.yaml", &(api("issuers: [corp]") + "audience: []\n")),
    ]));
}

#[test]
fn what_could_let_a_stranger_in_is_refused_with_its_place() {
    let expected = expect![[r#"
        sallyport.yaml:3:112: `HS256` cannot be verified with a published key; list the asymmetric algorithm that the issuer signs with
        sallyport.yaml:3:112: `None` cannot be verified with a published key; list the asymmetric algorithm that the issuer signs with
        sallyport.yaml:3:112: `algorithms` cannot be `ES265`; did you mean `ES256`?
        sallyport.yaml:3:111: `algorithms` is empty; list each algorithm that the issuer signs with once, such as [ES256]
        sallyport.yaml:3:111: an algorithm is listed twice; list each algorithm that the issuer signs with once, such as [ES256]
        sallyport.yaml:3:109: keys that come without TLS could be anybody's; write https://, or list the network in `allow_networks`
        sallyport.yaml:3:109: `jwks_file` and `jwks_url` are both written; keep one of them
        sallyport.yaml:3:109: `jwks_url`: it has a user or a password, which would be in a file for everybody; write an address such as https://id.example.com/jwks.json
        sallyport.yaml:3:19: keys that come without TLS could be anybody's; write https://, or list the network in `allow_networks`
        sallyport.yaml:3:19: keys cannot be discovered by `issuer`: it begins with neither https:// nor http://; write `jwks_url` or `jwks_file` beside it
        sallyport.yaml:3:9: `issuer` is missing; write `iss` of its tokens, such as https://id.example.com
        sallyport.yaml:3:9: no client of this issuer is anybody here; write `team:` for all its clients, or list them in `clients`
        sallyport.yaml:3:3: there is no team `partner`; did you mean `partners`?
        sallyport.yaml:3:116: `allow_networks`: `0.0.0.0/0` is everyone: anyone could claim any address; write networks such as 10.2.0.0/16, or single addresses
        sallyport.yaml:3:107: `leeway` is out of its range; write a time from 0s to 5m, such as 30s
        sallyport.yaml:3:113: `max_lifetime` is out of its range; write a time from 1s to 30d, such as 1h
        sallyport.yaml:3:104: `typ` cannot be `jwt`; write one of at+jwt, any
        sallyport.yaml:3:115: `clients`: `corp:x` holds ':'; a name of an application is made of letters, digits, `-`, `_` and `.`, and begins with a letter or digit; write the name of an application, such as shop
        sallyport.yaml:3:118: attribute `custmer` is not declared; did you mean `customer`?
        sallyport.yaml:3:146: an address is a String; declare the attribute as String
        sallyport.yaml:3:142: `form` cannot be `mail`; did you mean `email`?
        sallyport.yaml:3:124: `user_attributes`: it is made of 1 to 512 visible ASCII characters other than " and \; write it as the issuer does
        sallyport.yaml:3:112: `acr`: it is made of 1 to 512 visible ASCII characters other than " and \; write it as the issuer does
        sallyport.yaml:3:99: an issuer has no field `audiences`; did you mean `audience`?
    "#]];
    let mut told = String::new();
    for (from, to) in [
        ("team: partners", "team: partners, algorithms: [HS256]"),
        ("team: partners", "team: partners, algorithms: [None]"),
        ("team: partners", "team: partners, algorithms: [ES265]"),
        ("team: partners", "team: partners, algorithms: []"),
        ("team: partners", "team: partners, algorithms: [ES256, ES256]"),
        ("team: partners", "team: partners, jwks_url: 'http://id.example.com/jwks'"),
        ("team: partners", "team: partners, jwks_url: 'https://a/x', jwks_file: x"),
        ("team: partners", "team: partners, jwks_url: 'https://u:p@a/x'"),
        ("issuer: https://id.example.com", "issuer: 'http://id.example.com'"),
        ("issuer: https://id.example.com", "issuer: accounts"),
        ("issuer: https://id.example.com, ", ""),
        (", team: partners", ""),
        ("team: partners", "team: partner"),
        ("team: partners", "team: partners, allow_networks: [0.0.0.0/0]"),
        ("team: partners", "team: partners, leeway: 10m"),
        ("team: partners", "team: partners, max_lifetime: 0s"),
        ("team: partners", "team: partners, typ: jwt"),
        ("team: partners", "team: partners, clients: { web: 'corp:x' }"),
        ("team: partners", "team: partners, user_attributes: { custmer: x }"),
        ("team: partners", "team: partners, user_attributes: { customer: { claim: x, form: email } }"),
        ("team: partners", "team: partners, user_attributes: { mail: { claim: x, form: mail } }"),
        ("team: partners", "team: partners, user_attributes: { mail: 'a\"b' }"),
        ("team: partners", "team: partners, mfa: { acr: ['a\"b'] }"),
        ("team: partners", "team: partners, audiences: [x]"),
    ] {
        assert!(CORP.contains(from));
        told.push_str(&refused_issuer(&CORP.replace(from, to)));
    }
    expected.assert_eq(&told);
}

#[test]
fn issuers_fit_each_other_and_the_apis() {
    let corp = format!("{{ {CORP} }}");
    let text = |more: &str| gateway(&format!("issuers:\n  corp: {corp}\n  {more}"));
    let mut told = String::new();
    for (gateway, api_text) in [
        (text(&format!("other: {corp}")), API.to_owned()),
        (text(&format!("Other: {corp}")), API.to_owned()),
        (text(&format!("corp: {corp}")), API.to_owned()),
        (text(&format!("orders: {}", corp.replace("//id", "//di"))), API.to_owned()),
        (text(""), api("issuers: [crop]")),
        (gateway(""), api("issuers: [corp]")),
    ] {
        told.push_str(&refused(&[("sallyport.yaml", &gateway), ("apis/orders/api.yaml", &api_text)]));
    }
    expect![[r#"
        sallyport.yaml:4:3: `corp` and `other` are the same issuer; keep one of them; an API can have an `audience` of its own
        sallyport.yaml:4:3: `Other` holds 'O'; a name of an issuer is made of a-z, 0-9, `-`, `_` and `.`, and begins with a letter or digit; write a short name such as corp
        sallyport.yaml:4:3: `corp` and `corp` are the same issuer; keep one of them; an API can have an `audience` of its own
        sallyport.yaml:4:3: `corp` is written twice; first on line 3; keep one of them
        sallyport.yaml:4:3: there is an API `orders` too, and both name clients; give the issuer another name
        apis/orders/api.yaml:8:10: there is no issuer `crop`; did you mean `corp`?
        apis/orders/api.yaml:8:10: there is no issuer `corp`; describe `corp` under `issuers` in sallyport.yaml
    "#]].assert_eq(&told);
    let warned = loaded(&[("apis/orders/api.yaml", &api("audience: [x]"))]).warnings;
    expect![[r#"
        apis/orders/api.yaml:1:1: `audience` means nothing without `issuers`; write `issuers`, or remove it
    "#]]
    .assert_eq(&lines(&warned));
}

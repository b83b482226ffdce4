//! The cache is exact: it never gives one request another's answer, and it does serve.

use std::collections::HashSet;
use std::net::IpAddr;

use catalog::Catalog;
use model::{AttributeType, AttributeValue, DataClass, Exposure, Strength};
use proptest::prelude::*;

use super::world::*;
use crate::cache::{Key, StoredKey};
use crate::reads::AddressTest;
use crate::{CacheCounters, DecisionCache, Directory, ValidationCache, compile};

const READ: &str = "orders:GET /orders/{id}";

/// Decides all in order and says how often the cache served.
fn counters(text: &str, asks: &[Ask]) -> CacheCounters {
    let policies = policies(text);
    let mut cache = DecisionCache::new();
    for ask in asks {
        let cached = ask.with(|facts| policies.decide(&mut cache, facts));
        assert_eq!(cached, ask.decide(&policies), "{ask:?}");
    }
    cache.counters()
}

#[test]
fn facts_that_no_policy_reads_share_one_answer() {
    let asks = [
        Ask::new("shop", READ),
        Ask::new("backoffice", READ).param("other").from("198.51.100.1").at("2027-01-01").user("ada"),
        Ask { scopes: Vec::new(), ..Ask::new("shop", READ).mfa().signed_in(9) },
    ];
    let counters = counters("@id(\"p\") permit (principal, action, resource);", &asks);
    assert_eq!(counters, CacheCounters { hits: 2, misses: 1, uncacheable: 0 });
}

/// A hash only chooses where to look: with two questions under one hash, this comparison alone keeps them apart.
#[test]
fn a_stored_key_equals_no_other_question() {
    let policies = policies(
        r#"@id("p") @expires("2026-07-01") permit (principal, action == Action::"orders:GET /orders/{id}", resource) when {
            principal is Application && principal has customer && context.params has id && context.params.id == principal.customer &&
            2 <= context.strength && context.mfa && context.scopes.contains("orders") &&
            context has user && context.user.name == "ada" && context has authAge && context.authAge <= 900 &&
            context has sourceIp && context.sourceIp.isInRange(ip("203.0.113.0/24")) };
           @id("t") permit (principal in Team::"partners", action, resource) when { context.mfa };"#,
    );
    let plain = Ask::new("shop", READ);
    let renamed = |name: &str, team: &str, customer: &str| Ask {
        caller: caller(&application(name, team, &[("customer", AttributeValue::String(customer.into()))])),
        ..plain.clone()
    };
    let mut asks = vec![
        plain.clone(),
        plain.clone().param("43"),
        plain.clone().from("198.51.100.1"),
        plain.clone().from("none"),
        plain.clone().at("2026-07-01"),
        plain.clone().user("ada"),
        plain.clone().user("bob"),
        plain.clone().mfa(),
        plain.clone().user_of("corp", "ada", "43"),
        plain.clone().user_of("other", "ada", "42"),
        plain.clone().signed_in(900),
        plain.clone().signed_in(901),
        Ask::new("workload", READ),
        Ask { scopes: Vec::new(), ..plain.clone() },
        Ask { scopes: vec!["orders:".into(), "read".into()], ..plain.clone() },
        renamed("shop", "partners", "43"),
        renamed("shop", "staff", "42"),
        renamed("shop2", "partners", "42"),
        Ask::new("anonymous", READ),
    ];
    let mut weaker = plain;
    weaker.caller.strength = Strength::Claimed;
    asks.push(weaker);
    let key_of = |ask: &Ask, other: Option<&StoredKey>| {
        ask.with(|facts| {
            let operation = policies.operation(facts.operation).unwrap();
            let slice = policies.slice(operation, &facts.caller.client).unwrap();
            let key = Key::new(operation, &slice, facts);
            (key.store(), other.map(|other| other.equals(&key)))
        })
    };
    for (place, ask) in asks.iter().enumerate() {
        let stored = key_of(ask, None).0;
        for (other_place, other) in asks.iter().enumerate() {
            assert_eq!(key_of(other, Some(&stored)).1, Some(place == other_place), "{ask:?}\n{other:?}");
        }
    }
}

#[test]
fn addresses_and_times_share_answers_between_literals() {
    let text = r#"@id("p") @expires("2026-07-01") permit (principal, action, resource)
        when { context has sourceIp && context.sourceIp.isInRange(ip("203.0.113.0/24")) && context.now < datetime("2026-06-20") };"#;
    let asks = [
        Ask::new("shop", READ),
        Ask::new("shop", READ).from("203.0.113.200").at("2026-06-19"),
        Ask::new("shop", READ).from("198.51.100.1"),
        Ask::new("shop", READ).from("2001:db8::1"),
        Ask::new("shop", READ).at("2026-06-20"),
        Ask::new("shop", READ).at("2026-06-20T00:00:00.001Z"),
        Ask::new("shop", READ).at("2026-06-30"),
        Ask::new("shop", READ).at("2026-07-01"),
        Ask::new("shop", READ).from("nothing"),
    ];
    assert_eq!(counters(text, &asks), CacheCounters { hits: 3, misses: 6, uncacheable: 0 });
}

#[test]
fn ages_of_sign_ins_share_answers_between_literals() {
    let text = r#"@id("p") permit (principal, action, resource) when { context has authAge && context.authAge < 60 };
                  @id("q") permit (principal, action, resource) when { context has authAge && 900 == context.authAge };"#;
    let asks = [
        Ask::new("shop", READ),
        Ask::new("shop", READ).signed_in(0),
        Ask::new("shop", READ).signed_in(59),
        Ask::new("shop", READ).signed_in(60),
        Ask::new("shop", READ).signed_in(61),
        Ask::new("shop", READ).signed_in(899),
        Ask::new("shop", READ).signed_in(900),
        Ask::new("shop", READ).signed_in(901),
        Ask::new("shop", READ).signed_in(90_000),
        Ask::new("shop", READ).signed_in(-1),
    ];
    // 60 and 61 are told apart, since a comparison may be by `<` or by `<=`.
    assert_eq!(counters(text, &asks), CacheCounters { hits: 4, misses: 6, uncacheable: 0 });
}

#[test]
fn a_slice_that_reads_the_time_itself_is_judged_each_time() {
    let itself =
        r#"@id("p") permit (principal, action, resource) when { context.now.toTime() < duration("12h1m") };"#;
    let compared =
        r#"@id("q") permit (principal, action, resource) when { context.now < datetime("2020-01-01") };"#;
    let asks =
        [Ask::new("shop", READ), Ask::new("shop", READ).at("2026-06-15T12:01:00Z"), Ask::new("shop", READ)];
    for text in [itself.to_owned(), format!("{itself}{compared}"), format!("{compared}{itself}")] {
        assert_eq!(counters(&text, &asks), CacheCounters { hits: 0, misses: 0, uncacheable: 3 });
    }
}

#[test]
fn answers_outlive_a_revision_exactly_where_its_policies_did_not_change() {
    let mut cache = DecisionCache::new();
    let ask = Ask::new("shop", READ);
    let mut decide = |text: &str| word(&ask.with(|facts| policies(text).decide(&mut cache, facts)));
    let grant = "@id(\"a\") permit (principal, action, resource);";
    let other = "@id(\"z\") permit (principal == Application::\"none\", action, resource);";
    assert_eq!(decide(grant), "permit a");
    // Another policy elsewhere, and the same place in another order.
    assert_eq!(decide(&format!("{other}{grant}")), "permit a");
    assert_eq!(decide("@id(\"b\") permit (principal, action, resource);"), "permit b");
    assert_eq!(decide("@id(\"a\") forbid (principal, action, resource);"), "forbid a");
    assert_eq!(decide(""), "no_grant");
    assert_eq!(
        decide("@id(\"a\") @expires(\"2026-01-01\") permit (principal, action, resource);"),
        "no_grant"
    );
    assert_eq!(decide(grant), "permit a");
    assert_eq!(cache.counters(), CacheCounters { hits: 2, misses: 5, uncacheable: 0 });
}

#[test]
fn answers_do_not_outlive_what_they_were_about() {
    let text = r#"
        @id("data") permit (principal, action, resource == Api::"users") when { resource.dataClass == "restricted" };
        @id("out") permit (principal, action, resource == Api::"users") when { resource.exposure == "internal" };
        @id("group") permit (principal, action == Action::"orders:GET /orders", resource) when { action in Action::"orders:read" };
        @id("kind") permit (principal is Application, action == Action::"orders:POST /orders", resource) when { principal has tier };"#;
    let mut cache = DecisionCache::new();
    let mut decide = |operation: &str, catalog: &Catalog, directory: &Directory| {
        let compiled = compile(&[source(text)], catalog, directory, &mut ValidationCache::new()).unwrap();
        let index = catalog.by_id(operation).unwrap();
        let ask = Ask::new("shop", operation);
        word(&ask.with_operation(index, |facts| compiled.policies.decide(&mut cache, facts)))
    };
    let (user, list, create) = ("users:GET /users/{id}", "orders:GET /orders", "orders:POST /orders");
    assert_eq!(decide(user, &catalog(), &directory()), "permit data out");
    let mut public = directory();
    public.apis[1].data_class = DataClass::Public;
    assert_eq!(decide(user, &catalog(), &public), "permit out");
    public.apis[1].exposure = Exposure::Public;
    assert_eq!(decide(user, &catalog(), &public), "no_grant");

    assert_eq!(decide(list, &catalog(), &directory()), "permit group");
    assert_eq!(decide(list, &ungrouped_catalog(), &directory()), "no_grant");

    assert_eq!(decide(create, &catalog(), &directory()), "permit kind");
    let mut retyped = directory();
    retyped.attributes.insert("tier".to_owned(), AttributeType::Bool);
    assert_eq!(decide(create, &catalog(), &retyped), "fault kind");
}

#[test]
fn the_cache_is_bounded_and_keeps_what_is_used() {
    let policies = policies(
        "@id(\"p\") permit (principal, action in Action::\"orders:read\", resource) when { context.params has id && context.params.id == \"1\" };",
    );
    let mut cache = DecisionCache::with_capacity(64);
    let hot = Ask::new("shop", READ).param("1");
    for number in 0..2_000 {
        let cold = Ask::new("shop", READ).param(&number.to_string());
        let expected = if number == 1 { "permit p" } else { "no_grant" };
        assert_eq!(word(&cold.with(|facts| policies.decide(&mut cache, facts))), expected);
        assert_eq!(word(&hot.with(|facts| policies.decide(&mut cache, facts))), "permit p");
        assert!(cache.len() <= 64);
    }
    assert!(1_990 < cache.counters().hits, "{:?}", cache.counters());
    cache.clear();
    assert!(cache.is_empty());
    assert_eq!(DecisionCache::with_capacity(0).len(), 0);
}

/// Values that join to the same text where they are joined carelessly.
const PIECES: [&str; 10] = ["", "a", "b", "ab", "c", "bc", "a,b", "\u{0}", "\"", "a\u{0}b"];

#[test]
fn lists_and_texts_never_run_into_each_other() {
    // Security case 94: as scopes, as user with scopes, and as parameter with user.
    let policies = policies(
        r#"@id("s") permit (principal, action == Action::"orders:GET /orders/{id}", resource)
           when { context.scopes == ["a", "bc"] };
           @id("u") permit (principal, action == Action::"orders:GET /orders/{id}", resource)
           when { context has user && context.user.name == "ab" && context.params.id == "c" };"#,
    );
    let mut cache = DecisionCache::new();
    let mut seen = HashSet::new();
    let mut repeated = 0;
    for one in PIECES {
        for other in PIECES {
            for third in PIECES {
                let mut ask = Ask::new("shop", READ).param(third).user(one);
                ask.scopes = vec![one.to_owned(), other.to_owned()];
                let ruling = ask.with(|facts| policies.decide(&mut cache, facts));
                assert_eq!(ruling, ask.decide(&policies), "{ask:?}");
                seen.insert(word(&ruling));
                assert_eq!(cache.counters().hits, repeated, "each of these is another question: {ask:?}");
                ask.scopes = vec![format!("{one}{other}")];
                assert_eq!(ask.with(|facts| policies.decide(&mut cache, facts)), ask.decide(&policies));
                ask.caller.user = None;
                assert_eq!(ask.with(|facts| policies.decide(&mut cache, facts)), ask.decide(&policies));
                // Joined, some of these do say the same, and then they are the same question.
                repeated = cache.counters().hits;
            }
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn the_same_value_under_another_name_is_another_question() {
    let policies = policies(
        r#"@id("p") permit (principal, action in Action::"orders:read", resource)
           when { context.params has id && context.params == {id: "42"} };"#,
    );
    let mut cache = DecisionCache::new();
    for (operation, expected) in
        [(READ, "permit p"), ("orders:GET /customers/{customerId}/orders", "no_grant"), (READ, "permit p")]
    {
        let ask = Ask::new("shop", operation).param("42");
        assert_eq!(word(&ask.with(|facts| policies.decide(&mut cache, facts))), expected, "{operation}");
    }
}

#[test]
fn an_address_that_one_policy_looks_at_itself_is_kept_as_it_is() {
    let exact = r#"@id("e") permit (principal, action, resource) when { context has sourceIp && [ip("203.0.113.9")].contains(context.sourceIp) };"#;
    let compared = r#"@id("c") permit (principal, action, resource) when { context has sourceIp && context.sourceIp.isInRange(ip("203.0.113.0/24")) };"#;
    for text in [format!("{exact}{compared}"), format!("{compared}{exact}")] {
        let policies = policies(&text);
        let mut cache = DecisionCache::new();
        for (address, expected) in
            [("203.0.113.9", "permit c e"), ("203.0.113.8", "permit c"), ("203.0.113.9", "permit c e")]
        {
            let ask = Ask::new("shop", READ).from(address);
            assert_eq!(word(&ask.with(|facts| policies.decide(&mut cache, facts))), expected, "{address}");
        }
    }
}

#[test]
fn a_number_and_its_text_are_not_the_same_value() {
    let policies = policies(
        r#"@id("n") permit (principal, action == Action::"users:GET /users/{id}", resource) when { context.params == {id: 7} };
           @id("t") permit (principal, action in Action::"orders", resource) when { context.params has id && context.params.id == "7" };"#,
    );
    let mut cache = DecisionCache::new();
    for (operation, expected) in
        [("users:GET /users/{id}", "permit n"), (READ, "permit t"), ("users:GET /users/{id}", "permit n")]
    {
        let mut ask = Ask::new("shop", operation);
        if operation == READ {
            ask = ask.param("7");
        }
        assert_eq!(word(&ask.with(|facts| policies.decide(&mut cache, facts))), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The bits of the cache key mean what Cedar means.
    #[test]
    fn address_tests_agree_with_cedar(address in addresses(), network in addresses(), prefix in 0_u8..=128) {
        let prefix = if network.is_ipv4() { prefix % 33 } else { prefix };
        let text = match network {
            IpAddr::V4(network) => format!("{network}/{prefix}"),
            IpAddr::V6(network) => {
                let groups: Vec<_> = network.segments().iter().map(|group| format!("{group:x}")).collect();
                format!("{}/{prefix}", groups.join(":"))
            }
        };
        let policies = policies(&format!(
            "@id(\"r\") permit (principal, action in Action::\"orders\", resource)
             when {{ context has sourceIp && context.sourceIp.isInRange(ip(\"{text}\")) }};
             @id(\"v4\") permit (principal, action in Action::\"users\", resource) when {{ context has sourceIp && context.sourceIp.isIpv4() }};
             @id(\"lo\") permit (principal, action in Action::\"users\", resource) when {{ context has sourceIp && context.sourceIp.isLoopback() }};
             @id(\"mc\") permit (principal, action in Action::\"users\", resource) when {{ context has sourceIp && context.sourceIp.isMulticast() }};"
        ));
        let canonical = address.to_canonical();
        let mut ask = Ask::new("shop", READ);
        ask.source_ip = Some(address);
        let held = word(&ask.decide(&policies)) == "permit r";
        prop_assert_eq!(AddressTest::in_range(&text).unwrap().holds(canonical), held);
        let mut ask = Ask::new("shop", "users:GET /users/{id}");
        ask.source_ip = Some(address);
        let said = word(&ask.decide(&policies));
        for (test, id) in [(AddressTest::V4, "v4"), (AddressTest::Loopback, "lo"), (AddressTest::Multicast, "mc")] {
            prop_assert_eq!(test.holds(canonical), said.split(' ').any(|one| one == id), "{} {}", id, said);
        }
    }
}

fn addresses() -> impl Strategy<Value = IpAddr> {
    let near = |base: u32| (0_u32..8).prop_map(move |low| IpAddr::V4((base ^ (1 << (low * 4))).into()));
    prop_oneof![
        near(0xcb00_7107),
        near(0x7f00_0001),
        near(0xe000_0001),
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        any::<[u8; 4]>().prop_map(|bytes| IpAddr::V6(std::net::Ipv4Addr::from(bytes).to_ipv6_mapped())),
        Just("::1".parse().unwrap()),
        Just("ff02::1".parse().unwrap()),
        Just("::7f00:1".parse().unwrap()),
    ]
}

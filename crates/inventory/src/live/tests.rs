//! Traffic that goes on over restarts: counts stay, templates stay, and no value is kept.

use traffic::{Credential, Exchange};

use super::*;
use crate::states::{Contract, Declared};

fn call<'a>(method: &'a str, path: &'a str, status: u16) -> Exchange<'a> {
    Exchange {
        at: Some(1_700_000_000_000),
        host: Some("shop.example"),
        method,
        path,
        status: Some(status),
        caller: Some("checkout"),
        credential: Credential::Verified,
        ..Exchange::default()
    }
}

fn redacted(_: &Operation) -> Examples {
    Examples::Redacted
}

fn live(before: Kept) -> Live {
    Live::new(before, Settings::default())
}

/// `METHOD template count` of each operation.
fn found(live: &mut Live) -> Vec<String> {
    live.operations(&[])
        .iter()
        .map(|one| format!("{} {} {}/{}", one.method, one.path, one.succeeded, one.count))
        .collect()
}

/// Ends a run and begins the next from the bytes that it left.
fn restart(live: &mut Live) -> Live {
    let bytes = live.kept(&[], &redacted).to_bytes();
    let kept = Kept::from_bytes(&bytes).unwrap();
    assert_eq!(kept.to_bytes(), bytes);
    Live::new(kept, Settings::default())
}

#[test]
fn declared_calls_are_counted_under_their_template_and_failures_are_no_evidence() {
    let mut live = live(Kept::default());
    for status in [200, 200, 404, 500] {
        live.observe(&Alike::one(Exchange {
            route: Some("/orders/{n}"),
            ..call("GET", "/orders/{n}", status)
        }));
    }
    live.observe(&Alike::one(Exchange { route: Some("/refunds"), ..call("POST", "/refunds", 403) }));
    assert_eq!(found(&mut live), ["GET /orders/{n} 2/4"]);
    let all = live.operations(&[]);
    let statuses: Vec<(u16, u64)> = all[0].statuses.iter().map(|one| (one.status, one.count)).collect();
    assert_eq!(statuses, [(200, 2), (404, 1), (500, 1)]);
    assert_eq!((all[0].verified_successes, all[0].open_successes), (2, 0));
    assert_eq!(all[0].callers.sample, ["checkout"]);
    assert_eq!((live.hosts()[0].count, live.uncounted()), (4, 1));
}

#[test]
fn counts_and_templates_survive_restarts() {
    let mut live = live(Kept::default());
    for number in 0..40 {
        live.observe(&Alike::one(call("GET", &format!("/orders/{}", 1_000 + number), 200)));
        live.observe(&Alike::one(Exchange { route: Some("/carts/{id}"), ..call("GET", "/carts/{id}", 200) }));
    }
    let expected = ["GET /carts/{id} 40/40", "GET /orders/{orderId} 40/40"];
    assert_eq!(found(&mut live), expected);
    let mut again = restart(&mut live);
    assert_eq!(found(&mut again), expected);
    again.observe(&Alike::one(call("GET", "/orders/7", 200)));
    again.observe(&Alike::one(call("DELETE", "/orders/7", 204)));
    again.observe(&Alike::one(Exchange { route: Some("/carts/{id}"), ..call("GET", "/carts/{id}", 200) }));
    let expected = ["GET /carts/{id} 41/41", "DELETE /orders/{orderId} 1/1", "GET /orders/{orderId} 41/41"];
    assert_eq!(found(&mut again), expected);
    assert_eq!(found(&mut restart(&mut again)), expected);
    assert_eq!(restart(&mut again).hosts(), again.hosts());
}

#[test]
fn no_value_is_kept() {
    let canaries = ["zorblax", "quuxington", "4711-0815", "j.doe%40mail.example", "Xk29fQpL7", "hunter2"];
    let mut live = live(Kept::default());
    for canary in canaries {
        live.observe(&Alike::one(call("GET", &format!("/users/{canary}"), 200)));
        live.observe(&Alike::one(call("GET", &format!("/{canary}/reports"), 200)));
        live.observe(&Alike::one(call("GET", &format!("/files/{canary}.json"), 404)));
        live.observe(&Alike::one(Exchange { query: Some(canary), ..call("GET", "/search", 200) }));
        live.observe(&Alike::one(Exchange { host: Some(canary), ..call("GET", "/search", 403) }));
    }
    // A name that is seen once could be one of the interface; it is shown while it is in memory and not kept.
    let mut alone = Live::new(Kept::default(), Settings::default());
    alone.observe(&Alike::one(call("GET", "/zorblax", 200)));
    assert_eq!(alone.kept(&[], &redacted).operations().len(), 1);
    for kept in [live.kept(&[], &redacted), alone.kept(&[], &redacted)] {
        let text = String::from_utf8(kept.to_bytes()).unwrap();
        for canary in canaries {
            assert!(!text.contains(canary), "{canary}: {text}");
        }
    }
}

#[test]
fn examples_are_kept_where_they_may_be_until_they_may_not() {
    let allowed = |one: &Operation| {
        if one.path.starts_with("/open/") { Examples::Values } else { Examples::Redacted }
    };
    let mut live = live(Kept::default());
    for number in 0..9 {
        for path in ["open", "closed"] {
            let query = Some("key=canary-query");
            let path = format!("/{path}/canary{number}7");
            live.observe(&Alike::one(Exchange { query, ..call("GET", &path, 200) }));
        }
        live.observe(&Alike::one(Exchange { route: Some("/open/{n}/x"), ..call("GET", "/open/{n}/x", 200) }));
    }
    live.observe(&Alike::one(call("GET", &format!("/open/{}1", "canary9".repeat(400)), 200)));
    let bytes = live.kept(&[], &allowed).to_bytes();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(text.matches("canary").count(), EXAMPLES, "{text}");
    assert_eq!(text.matches("/open/canary").count(), EXAMPLES);
    let mut again = Live::new(Kept::from_bytes(&bytes).unwrap(), Settings::default());
    assert_eq!(again.kept(&[], &allowed).to_bytes(), bytes);
    assert!(!String::from_utf8(again.kept(&[], &redacted).to_bytes()).unwrap().contains("canary"));
    let many = text.replace("\"examples\":[", "\"examples\":[\"/1\",\"/2\",\"/3\",\"/4\",\"/5\",\"/6\",");
    assert!(Kept::from_bytes(many.as_bytes()).is_err());
}

/// How many an operation has.
const EXAMPLES: usize = 5;

#[test]
fn what_was_taken_for_a_name_joins_the_template_that_later_traffic_shows() {
    let mut live = live(Kept::default());
    live.observe(&Alike::one(call("GET", "/customers/zorblax", 200)));
    let mut again = restart(&mut live);
    for name in ["quux", "blarg", "frobz", "snork", "wibbly", "thud", "grunt", "plugh", "xyzzy", "waldo"] {
        again.observe(&Alike::one(call("GET", &format!("/customers/{name}"), 200)));
    }
    assert_eq!(found(&mut again).len(), 1, "{:?}", found(&mut again));
}

/// Everything that the inventory shows and keeps, as text.
fn all_of(live: &mut Live) -> String {
    let kept = String::from_utf8(live.kept(&[], &redacted).to_bytes()).unwrap();
    format!("{:?}{kept}", live.operations(&[]))
}

const AT: i64 = 1_700_000_000_000;

#[test]
fn a_caller_can_be_forgotten() {
    let mut live = live(Kept::default());
    live.observe(&Alike::one(call("GET", "/orders", 200)));
    let mut again = restart(&mut live);
    again.observe(&Alike::one(Exchange { route: Some("/carts"), ..call("GET", "/carts", 200) }));
    assert!(all_of(&mut again).contains("checkout"));
    again.forget_caller("checkout", AT, &[], &redacted);
    assert!(!all_of(&mut again).contains("checkout"));
    assert_eq!(found(&mut again), ["GET /carts 1/1", "GET /orders 1/1"]);
    assert!(again.operations(&[]).iter().all(|one| one.callers.estimate == 1));
}

#[test]
fn calls_from_before_that_are_counted_late_do_not_bring_a_forgotten_caller_back() {
    let mut live = live(Kept::default());
    live.observe(&Alike::one(Exchange { route: Some("/carts"), ..call("GET", "/carts", 200) }));
    live.forget_caller("checkout", AT + 1, &[], &redacted);
    let declared = Exchange { route: Some("/carts"), ..call("GET", "/carts", 200) };
    for late in [declared, call("GET", "/orders", 200), Exchange { at: None, ..declared }] {
        live.observe(&Alike::one(late));
        live.observe(&Alike { until: late.at.map(|at| at + 1), count: 2, ..Alike::one(late) });
    }
    assert!(!all_of(&mut live).contains("checkout"), "{}", all_of(&mut live));
    assert_eq!(found(&mut live), ["GET /carts 7/7", "GET /orders 3/3"]);
    // Another's calls, and its own from afterwards, are told; what it called before stays forgotten.
    live.observe(&Alike::one(Exchange { caller: Some("web"), ..call("GET", "/orders", 200) }));
    live.observe(&Alike { until: Some(AT + 2), ..Alike::one(call("GET", "/orders", 200)) });
    let samples: Vec<Vec<String>> = live.operations(&[]).into_iter().map(|one| one.callers.sample).collect();
    assert_eq!(samples, [vec![], vec!["checkout".to_owned(), "web".to_owned()]]);
}

#[test]
fn the_latest_forgotten_callers_are_remembered() {
    let mut live = live(Kept::default());
    let names: Vec<String> = (0..=FORGOTTEN_MAX).map(|number| format!("app-{number}")).collect();
    for (name, after) in names.iter().zip(0..) {
        live.forget_caller(name, AT + after, &[], &redacted);
    }
    assert_eq!(live.forgotten.len(), FORGOTTEN_MAX);
    let is_told = |name: &str| {
        !live.is_forgotten(&Alike::one(Exchange { caller: Some(name), ..call("GET", "/a", 200) }))
    };
    let told: Vec<&String> = names.iter().filter(|name| is_told(name)).collect();
    assert_eq!(told, [&names[0]]);
}

#[test]
fn so_many_declared_operations_are_told_apart_and_what_is_known_goes_on_counting() {
    let mut live = live(Kept::default());
    let on = |host: &str, live: &mut Live, status: u16| {
        live.observe(&Alike::one(Exchange {
            host: Some(host),
            route: Some("/carts"),
            ..call("GET", "/carts", status)
        }));
    };
    for number in 0..DECLARED_MAX {
        on(&format!("h{number}"), &mut live, 200);
    }
    assert_eq!((live.declared.len(), live.uncounted()), (DECLARED_MAX, 0));
    on("another", &mut live, 200);
    on("h7", &mut live, 200);
    on("h8", &mut live, 500);
    assert_eq!((live.declared.len(), live.uncounted()), (DECLARED_MAX, 1));
    let found = live.operations(&[]);
    let count = |host: &str| found.iter().find(|one| one.host == host).map(|one| (one.succeeded, one.count));
    assert_eq!((count("another"), count("h7"), count("h8")), (None, Some((2, 2)), Some((1, 2))));
}

#[test]
fn so_many_operations_are_kept_and_those_seen_last_stay() {
    let mut live = live(Kept::default());
    live.observe(&Alike::one(Exchange { route: Some("/carts"), ..call("GET", "/carts", 200) }));
    let one = live.operations(&[]).remove(0);
    let operation = |number: usize| Operation {
        path: format!("/{number}"),
        last_seen: i64::try_from(number).ok(),
        ..one.clone()
    };
    let most = crate::kept::OPERATIONS_MAX;
    let kept =
        |count: usize| Kept::of((0..count).map(operation).collect(), Vec::new(), Vec::new(), &redacted);
    assert_eq!(kept(most).operations().len(), most);
    let more = kept(most + 1);
    assert_eq!(more.operations().len(), most);
    assert_eq!(more.operations().iter().filter_map(|one| one.last_seen).min(), Some(1));
    assert!(more.operations().is_sorted_by_key(|one| one.path.as_str()));
}

#[test]
fn what_was_kept_under_many_hosts_comes_under_one() {
    let mut live = live(Kept::default());
    for host in ["a.example", "b.example", "b.example"] {
        live.observe(&Alike::one(Exchange { host: Some(host), ..call("GET", "/orders", 200) }));
    }
    let mut again = restart(&mut live);
    again.gather_hosts("*");
    let all = again.operations(&[]);
    assert_eq!((all.len(), all[0].host.as_str(), all[0].count), (1, "*", 3));
    assert_eq!((again.hosts().len(), again.hosts()[0].count), (1, 3));
    let bytes = again.kept(&[], &redacted).to_bytes();
    again.gather_hosts("*");
    assert_eq!(again.kept(&[], &redacted).to_bytes(), bytes);
}

#[test]
fn what_people_say_of_places_stays_over_restarts_and_joins_what_was_kept() {
    use crate::settings::Force;
    let said = |prefix: &str, force| Override { host: None, prefix: prefix.to_owned(), force };
    let mut live = live(Kept::default());
    let feed = |live: &mut Live| {
        for path in ["/status/open", "/status/closed", "/users/1", "/users/2", "/users/me"] {
            live.observe(&Alike::one(call("GET", path, 200)));
        }
    };
    feed(&mut live);
    let before =
        ["GET /status/closed 1/1", "GET /status/open 1/1", "GET /users/me 1/1", "GET /users/{userId} 2/2"];
    assert_eq!(found(&mut live), before);
    let mut again = restart(&mut live);
    again.set_overrides(vec![said("/status/{}", Force::Parameter), said("/users/2", Force::Literal)]);
    feed(&mut again);
    let after =
        ["GET /status/{status} 4/4", "GET /users/2 1/1", "GET /users/me 2/2", "GET /users/{userId} 3/3"];
    assert_eq!(found(&mut again), after);
    let mut third = restart(&mut again);
    assert_eq!(found(&mut third), after);
    assert_eq!(third.overrides(), again.overrides());
    feed(&mut third);
    assert_eq!(found(&mut third)[0], "GET /status/{status} 6/6");
    // Taken back, what comes is judged by what is seen alone, beside what was joined.
    third.set_overrides(Vec::new());
    assert!(restart(&mut third).overrides().is_empty());
}

#[test]
fn bytes_of_others_are_refused() {
    let good = live(Kept::default()).kept(&[], &redacted).to_bytes();
    assert!(Kept::from_bytes(&good).is_ok());
    let text = String::from_utf8(good).unwrap();
    for (bad, error) in [
        (String::new(), "not a saved inventory"),
        (text.replace("kept-inventory", "inventory"), "another format"),
        (text.replace("\"version\":1", "\"version\":2"), "reads up to"),
    ] {
        let found = Kept::from_bytes(bad.as_bytes()).unwrap_err().to_string();
        assert!(found.contains(error) || found.contains("format 2"), "{bad}: {found}");
    }
}

#[test]
fn join_is_bounded_in_time_with_many_unsure_operations() {
    let mut operations = Vec::new();
    let mut live = live(Kept::default());
    live.observe(&Alike::one(call("GET", "/customers/zorblax", 200)));
    let one = live.operations(&[]).remove(0);
    for number in 0..20_000 {
        operations.push(Operation { path: format!("/a{number}/b"), confidence: 0.3, ..one.clone() });
    }
    assert_eq!(join(Vec::new(), operations).len(), 20_000);
}

#[test]
fn adopting_a_template_of_numbers_takes_no_name_beside_it() {
    let mut live = live(Kept::default());
    for number in 1..=41 {
        live.observe(&Alike::one(call("GET", &format!("/jobs/{number}"), 200)));
        live.observe(&Alike::one(call("GET", "/jobs/export-all", 200)));
        live.observe(&Alike::one(call("POST", "/jobs/purge", 202)));
    }
    let all = ["GET /jobs/export-all 41/41", "POST /jobs/purge 41/41", "GET /jobs/{jobId} 41/41"];
    assert_eq!(found(&mut live), all);
    let prior = |numbers: &[&str]| Prior {
        method: "GET".to_owned(),
        path: "/jobs/{job}".to_owned(),
        numbers: numbers.iter().map(|name| (*name).to_owned()).collect(),
        ..Prior::default()
    };
    let contract = |prior: &Prior| Contract {
        operations: vec![Declared {
            method: prior.method.clone(),
            path: prior.path.clone(),
            numbers: prior.numbers.clone(),
            ..Declared::default()
        }],
        host: Some("shop.example".to_owned()),
        ..Contract::default()
    };
    let stated = |live: &mut Live, prior: &Prior| -> Vec<String> {
        let operations = live.operations(std::slice::from_ref(prior));
        let stated = crate::classify(operations, &[contract(prior)], None);
        stated.iter().map(|one| format!("{} {} {}", one.state.as_str(), one.method, one.path)).collect()
    };
    let number = prior(&["job"]);
    let apart = ["shadow GET /jobs/export-all", "documented GET /jobs/{job}", "shadow POST /jobs/purge"];
    for _ in 0..2 {
        assert_eq!(stated(&mut live, &number), apart);
        // From now on what fits the template is counted under it.
        live.observe(&Alike::one(Exchange { route: Some("/jobs/{job}"), ..call("GET", "/jobs/9", 200) }));
    }
    let mut again = restart(&mut live);
    assert_eq!(stated(&mut again, &number), apart);
    // A parameter that is a text may have any word for its value, but the document says nothing of other methods.
    assert_eq!(stated(&mut live, &prior(&[])), ["documented GET /jobs/{job}", "shadow POST /jobs/purge"]);
}

#[test]
fn made_up_paths_hide_nothing_that_is_used_steadily_neither_now_nor_after_a_restart() {
    let mut live = live(Kept::default());
    for number in 0..60 {
        for path in ["/admin/users/export", "/internal/config/export"] {
            live.observe(&Alike::one(call("GET", path, 200)));
        }
        live.observe(&Alike::one(call("GET", &format!("/reports/{}/rows", number * 7), 200)));
    }
    let made_up = |live: &mut Live| {
        for number in 0_u32..30 {
            let word = |salt: u32| -> String {
                (0..7_u32)
                    .map(|place| {
                        let mixed = number.wrapping_mul(31).wrapping_add(salt).wrapping_mul(2_654_435_761);
                        char::from(b'a' + u8::try_from((mixed >> (3 * place)) % 26).unwrap())
                    })
                    .collect()
            };
            let path = format!("/{}/{}/{}", word(1), word(2), word(3));
            let one = Exchange { caller: None, credential: Credential::Absent, ..call("GET", &path, 200) };
            live.observe(&Alike::one(one));
        }
    };
    made_up(&mut live);
    let steady = |live: &mut Live| {
        let all = live.operations(&[]);
        for path in ["/admin/users/export", "/internal/config/export"] {
            let one = all.iter().find(|one| one.path == path);
            assert_eq!(
                one.map(|one| (one.succeeded, one.auth())),
                Some((60, "verified only")),
                "{path} in {all:?}"
            );
        }
    };
    steady(&mut live);
    let mut again = restart(&mut live);
    made_up(&mut again);
    steady(&mut again);
}

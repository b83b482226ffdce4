//! Tests of the whole: what is fed, merged and saved, and the operations that come out.

use super::*;

use proptest::prelude::*;
use traffic::Credential;

fn small() -> Settings {
    let limits = Limits { words: [5, 3, 2, 1], typed: [3, 2, 1, 1], ..Limits::default() };
    Settings { limits, ..Settings::default() }
}

fn feed(settings: Settings, paths: &[(String, u16)]) -> Inventory {
    let mut inventory = Inventory::new(settings);
    for (path, status) in paths {
        // A query and a body that come of the path, more distinct ones than are kept.
        let query = format!("{}=1&page={status}", path.replace('/', "-"));
        let body = format!("{{\"{}\": {{\"email\": \"a@b.example\"}}}}", path.replace('/', "-"));
        inventory.observe(&Exchange {
            host: Some("a.test"),
            method: "GET",
            path,
            query: Some(&query),
            status: Some(*status),
            client: Some(path.get(..2).unwrap_or("x")),
            at: Some(i64::try_from(path.len()).unwrap() * 7_000_000),
            response_body: Some(traffic::Body { media_type: "application/json", text: &body }),
            ..Exchange::default()
        });
    }
    inventory
}

fn templates(paths: &[&str]) -> Vec<String> {
    let paths: Vec<(String, u16)> = paths.iter().map(|path| ((*path).to_owned(), 200)).collect();
    let found = feed(Settings::default(), &paths).operations();
    found.into_iter().map(|operation| operation.path).collect()
}

proptest! {
    #[test]
    fn shards_in_any_order_and_grouping_give_what_one_run_gives(
        paths in prop::collection::vec((
            "(/[a-c]|/[a-z]{1,2}|/[0-9]{1,3}|/[a-d]\\.json|/x:go|/[0-9]{2}\\.pdf|/K\\([a-c]\\)){0,5}/?",
            prop::sample::select(vec![200_u16, 204, 304, 404, 500]),
        ), 0..120),
        cuts in prop::collection::vec(0_usize..120, 0..4),
        turn in 0_usize..4,
    ) {
        let whole = feed(small(), &paths);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(paths.len())).collect();
        cuts.extend([0, paths.len()]);
        cuts.sort_unstable();
        let mut shards: Vec<Inventory> =
            cuts.windows(2).map(|window| feed(small(), &paths[window[0]..window[1]])).collect();
        let turn = turn % shards.len();
        shards.rotate_left(turn);
        // The last two first, then the others: another grouping than one after the other.
        while shards.len() > 1 {
            let other = shards.pop().unwrap();
            shards.last_mut().unwrap().merge(other);
        }
        let merged = shards.pop().unwrap();
        prop_assert_eq!(
            String::from_utf8(merged.to_bytes()).unwrap(),
            String::from_utf8(whole.to_bytes()).unwrap()
        );
        prop_assert_eq!(merged.operations(), whole.operations());
        let again = Inventory::from_bytes(&whole.to_bytes(), small()).unwrap();
        prop_assert_eq!(again.operations(), whole.operations());
        prop_assert_eq!(again.noise(), whole.noise());
    }

    #[test]
    fn bytes_that_are_no_state_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Inventory::from_bytes(&bytes, Settings::default()).is_err());
    }
}

#[test]
fn a_state_is_refused_when_it_is_newer_damaged_or_of_other_limits() {
    let inventory = feed(Settings::default(), &[("/users/1".into(), 200), ("/users/2".into(), 200)]);
    let text = String::from_utf8(inventory.to_bytes()).unwrap();
    let load = |text: &str| Inventory::from_bytes(text.as_bytes(), Settings::default());
    assert!(load(&text).is_ok());
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("sallyport-inventory", "another"),
        ("\"segments\":32", "\"segments\":33"),
        ("\"method\":\"GET\"", "\"method\":\"GOT\""),
        ("\"parent\":1", "\"parent\":9"),
        ("{\"kid\":\"2\"}", "{\"kid\":\"1\"}"),
        ("{\"kid\":\"2\"}", "\"root\""),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        assert!(load(&text.replacen(from, to, 1)).is_err(), "{from} -> {to}");
    }
}

#[test]
fn memory_is_bounded_whatever_is_asked_for() {
    let paths = |number: u32| -> Vec<(String, u16)> {
        (0..number)
            .map(|n| (format!("/{}/w{}/{}", n % 97, n.wrapping_mul(2_654_435_761), n / 3), 200))
            .collect()
    };
    let few = feed(small(), &paths(2_000)).to_bytes().len();
    let many = feed(small(), &paths(20_000)).to_bytes().len();
    assert!(many < few * 2, "{few} bytes for 2,000 paths, {many} for 20,000");
}

fn at_host(inventory: &mut Inventory, host: &str, status: u16) {
    inventory.observe(&Exchange {
        host: Some(host),
        method: "GET",
        path: "/a",
        status: Some(status),
        ..Exchange::default()
    });
}

fn few_hosts(named: &[&str]) -> Settings {
    let named_hosts = named.iter().map(|name| (*name).to_owned()).collect();
    Settings { limits: Limits { hosts: 10, ..Limits::default() }, named_hosts, ..Settings::default() }
}

const REAL: [&str; 3] = ["one.test", "two.test", "three.test"];

#[test]
fn invented_hosts_push_out_no_host_at_which_something_succeeded() {
    for (status, real) in [(404, 1), (200, 40)] {
        // Before, among and after the invented ones.
        for turn in 0..3 {
            let mut inventory = Inventory::new(few_hosts(&["named.test"]));
            let answer = |inventory: &mut Inventory| {
                REAL.iter().for_each(|host| (0..real).for_each(|_| at_host(inventory, host, 200)));
                at_host(inventory, "named.test", 404);
            };
            for number in 0..3_000 {
                if turn == 0 && number == 0 || turn == 1 && number == 1_503 {
                    answer(&mut inventory);
                }
                at_host(&mut inventory, &format!("h{number}.invented.test"), status);
                assert!(inventory.hosts.len() <= 20);
            }
            if turn == 2 {
                (0..9).for_each(|_| answer(&mut inventory));
            }
            for inventory in
                [Inventory::from_bytes(&inventory.to_bytes(), few_hosts(&["named.test"])).unwrap(), inventory]
            {
                let hosts: Vec<String> = inventory.hosts().into_iter().map(|host| host.host).collect();
                assert_eq!(hosts.len(), 10, "{status} {turn}");
                for host in REAL.into_iter().chain(["named.test"]) {
                    assert!(hosts.iter().any(|kept| kept == host), "{status} {turn} {host}: {hosts:?}");
                }
                let dropped = inventory.dropped_hosts().unwrap();
                assert_eq!(dropped.count, 3_000 - (10 - 4), "{status} {turn}");
                assert_eq!(dropped.succeeded, if status == 200 { dropped.count } else { 0 });
                assert!((1_000..9_000).contains(&dropped.hosts), "{}", dropped.hosts);
                assert_eq!(dropped.samples.len(), 5);
                let told = inventory.noise().into_iter().find(|one| one.kind == NoiseKind::TooManyHosts);
                assert_eq!(told.unwrap().count, dropped.count);
            }
        }
    }
}

#[test]
fn how_many_hosts_were_left_out_is_estimated_from_those_alone() {
    let mut inventory = Inventory::new(Settings::default());
    (0..20_000).for_each(|number| at_host(&mut inventory, &format!("h{number}.invented.test"), 404));
    let dropped = inventory.dropped_hosts().unwrap();
    assert_eq!(dropped.count, 19_000);
    assert!((10_000..40_000).contains(&dropped.hosts), "{}", dropped.hosts);
}

#[test]
fn a_host_that_comes_to_a_full_house_stays_if_it_comes_again() {
    let mut inventory = Inventory::new(few_hosts(&[]));
    // Every invented host has five successes, and the real one never two in a row.
    for number in 0..2_000 {
        (0..5).for_each(|_| at_host(&mut inventory, &format!("h{number}.invented.test"), 200));
        at_host(&mut inventory, "real.test", 200);
    }
    let real = inventory.hosts().into_iter().find(|host| host.host == "real.test");
    assert!(real.is_some_and(|host| 1_900 < host.count), "{:?}", inventory.hosts());
}

#[test]
fn up_to_the_limit_no_host_is_given_up_and_the_order_changes_nothing() {
    let hosts: Vec<String> = (0..19).map(|number| format!("h{number}.test")).collect();
    let feed = |order: &mut dyn Iterator<Item = &String>| {
        let mut inventory = Inventory::new(few_hosts(&[]));
        order.for_each(|host| at_host(&mut inventory, host, 200));
        inventory
    };
    let (one, other) = (feed(&mut hosts.iter()), feed(&mut hosts.iter().rev()));
    assert_eq!(one.to_bytes(), other.to_bytes());
    assert_eq!(one.dropped_hosts().unwrap().hosts, 9);
    assert_eq!(feed(&mut hosts.iter().take(10)).dropped_hosts(), None);
}

#[test]
fn only_success_makes_an_operation() {
    for (status, count) in [(200, 1), (204, 1), (304, 1), (101, 1), (301, 0), (401, 0), (404, 0), (500, 0)] {
        let found = feed(Settings::default(), &[("/users".into(), status)]).operations();
        assert_eq!(found.len(), count, "{status}");
    }
}

#[test]
fn failures_count_where_the_operation_is_known() {
    let found = feed(
        Settings::default(),
        &[("/users/17".into(), 200), ("/users/18".into(), 404), ("/nothing/18".into(), 404)],
    );
    let operations = found.operations();
    assert_eq!(operations.len(), 1);
    assert_eq!((operations[0].count, operations[0].succeeded), (2, 1));
    assert_eq!(operations[0].statuses.iter().map(|one| one.status).collect::<Vec<_>>(), [200, 404]);
    let noise = found.noise();
    assert_eq!(noise.len(), 1);
    assert_eq!((noise[0].kind, noise[0].count), (NoiseKind::UnknownPath, 1));
}

#[test]
fn what_was_answered_without_and_with_a_credential_is_told_apart() {
    let mut inventory = Inventory::new(Settings::default());
    for (credential, status) in [
        (Credential::Absent, 200),
        (Credential::Absent, 401),
        (Credential::Verified, 200),
        (Credential::Sent, 200),
        (Credential::NotShown, 200),
    ] {
        let path = "/users";
        inventory.observe(&Exchange {
            method: "GET",
            path,
            status: Some(status),
            credential,
            ..Exchange::default()
        });
    }
    let found = inventory.operations();
    assert_eq!((found[0].open_successes, found[0].verified_successes, found[0].untold_successes), (1, 1, 2));
}

#[test]
fn names_and_values_are_told_apart() {
    let check = |paths: &[&str], expected: &[&str]| assert_eq!(templates(paths), expected, "{paths:?}");
    check(
        &["/users/1", "/users/2", "/users/me", "/users/search"],
        &["/users/me", "/users/search", "/users/{userId}"],
    );
    check(
        &[
            "/users;id=1/posts",
            "/users;id=2/posts",
            "/users;id=2",
            "/parks;region=x/trails",
            "/parks;region=y/trails",
        ],
        &["/parks;region={region}/trails", "/users;id={id}", "/users;id={id}/posts"],
    );
    check(&["/v1/users", "/v1/orders", "/v2/users"], &["/v1/orders", "/v1/users", "/v2/users"]);
    check(
        &["/api/3/issue/10001", "/api/3/issue/10002/comments"],
        &["/api/3/issue/{issueId}", "/api/3/issue/{issueId}/comments"],
    );
    check(&["/invoices/17.pdf", "/invoices/18.pdf"], &["/invoices/{invoiceId}.pdf"]);
    check(&["/tasks/a81bc81b-dead-4e5d-abff-90865d1e13b1:cancel"], &["/tasks/{taskId}:cancel"]);
    check(&["/images:annotate"], &["/images:annotate"]);
    check(
        &["/odata/Customers(42)", "/odata/Customers(43)/Orders"],
        &["/odata/Customers({key})", "/odata/Customers({key})/Orders"],
    );
    check(&["/near/-33.8688,151.2093"], &["/near/{latitude},{longitude}"]);
    check(
        &["/rpc/chat.postMessage", "/rpc/chat.update", "/rpc/users.list"],
        &["/rpc/chat.postMessage", "/rpc/chat.update", "/rpc/users.list"],
    );
    check(&["/env/dev/flags", "/env/prod/flags"], &["/env/{env}/flags"]);
    check(&["/"], &["/"]);
    check(&["/users/"], &["/users/"]);
}

#[test]
fn what_people_and_documents_say_outweighs_what_is_inferred() {
    use crate::settings::{Force, Override, Prior};
    let paths: Vec<(String, u16)> =
        ["/users/1", "/users/2", "/things/search"].map(|path| (path.to_owned(), 200)).into();
    let with = |settings: Settings| -> Vec<String> {
        feed(settings, &paths).operations().into_iter().map(|operation| operation.path).collect()
    };
    assert_eq!(with(Settings::default()), ["/things/search", "/users/{userId}"]);
    let said = |prefix: &str, force| Override { host: None, prefix: prefix.into(), force };
    let overrides = vec![said("/users/1", Force::Literal), said("/things/search", Force::Parameter)];
    assert_eq!(
        with(Settings { overrides, ..Settings::default() }),
        ["/things/{thing}", "/users/1", "/users/{userId}"]
    );
    let priors =
        vec![Prior { host: None, method: "GET".into(), path: "/users/2".into(), ..Prior::default() }];
    assert_eq!(
        with(Settings { priors, ..Settings::default() }),
        ["/things/search", "/users/2", "/users/{userId}"]
    );
}

#[test]
fn a_page_for_anything_is_no_operation() {
    let mut inventory = Inventory::new(Settings::default());
    let words = ["alpha", "beta", "gamma", "delta", "wp-admin", "phpmyadmin", "console", "setup", "old"];
    for word in words {
        for (path, media_type, size) in [
            (format!("/{word}/index"), "text/html", 512),
            (format!("/users/{}", word.len()), "application/json", 90),
        ] {
            inventory.observe(&Exchange {
                method: "GET",
                path: &path,
                status: Some(200),
                bytes_out: Some(size),
                response_type: Some(media_type),
                ..Exchange::default()
            });
        }
    }
    let paths: Vec<String> = inventory.operations().into_iter().map(|operation| operation.path).collect();
    assert_eq!(paths, ["/users/{userId}"]);
    let noise = inventory.noise();
    assert_eq!((noise[0].kind, noise[0].count), (NoiseKind::SoftNotFound, 9));
}

#[test]
fn a_parameter_that_is_known_takes_what_is_not_known_as_a_name() {
    use crate::settings::{Force, Override};
    let paths = ["/shelf/status", "/shelf/orders", "/shelf/me"];
    let with = |settings: Settings, route: Option<&str>| -> Vec<String> {
        let mut inventory = Inventory::new(settings);
        for path in paths {
            let status = Some(200);
            inventory.observe(&Exchange { method: "GET", path, status, route, ..Exchange::default() });
        }
        inventory.operations().into_iter().map(|operation| operation.path).collect()
    };
    assert_eq!(with(Settings::default(), None), ["/shelf/me", "/shelf/orders", "/shelf/status"]);
    assert_eq!(with(Settings::default(), Some("/shelf/{book}")), ["/shelf/me", "/shelf/{book}"]);
    assert_eq!(with(Settings::default(), Some("/shelf/<int:volume>")), ["/shelf/me", "/shelf/{volume}"]);
    assert_eq!(with(Settings::default(), Some("/shelf/{page:[0-9]+}")), ["/shelf/me", "/shelf/{page}"]);
    let overrides = vec![Override { host: None, prefix: "/shelf/{}".into(), force: Force::Parameter }];
    assert_eq!(with(Settings { overrides, ..Settings::default() }, None), ["/shelf/{shelf}"]);
}

proptest! {
    #[test]
    fn the_fuzz_functions_hold_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[a-c/0-9:.()\n%]{0,200}") {
        crate::fuzz::state(&bytes);
        crate::fuzz::paths(&bytes);
        crate::fuzz::paths(text.as_bytes());
    }
}

#[test]
fn a_time_without_evidence_is_told_where_the_rhythm_does_not_explain_it() {
    let hour = 3_600_000;
    let fed = |hours: &[i64]| {
        let mut inventory = Inventory::new(Settings::default());
        for at in hours {
            inventory.observe(&Exchange {
                at: Some(at * hour + 5),
                method: "GET",
                path: "/a",
                status: Some(200),
                ..Exchange::default()
            });
        }
        inventory
    };
    let day: Vec<i64> = (0..10).chain(16..30).collect();
    assert_eq!(fed(&day).gaps(), [(10 * hour, 16 * hour)]);
    assert_eq!(fed(&(0..30).collect::<Vec<_>>()).gaps(), []);
    assert_eq!(fed(&[]).gaps(), []);
    // Nights are a rhythm, a day that is missing is none.
    let office: Vec<i64> =
        (0..10).filter(|day| *day != 5).flat_map(|day| [9, 12, 15].map(|hour| day * 24 + hour)).collect();
    assert_eq!(fed(&office).gaps(), []);
    let quiet_day: Vec<i64> =
        (0..10).filter(|day| *day != 5).flat_map(|day| (0..24).map(move |hour| day * 24 + hour)).collect();
    assert_eq!(fed(&quiet_day).gaps(), [(5 * 24 * hour, 6 * 24 * hour)]);
    // Kept in a state, and joined from several.
    let mut merged = fed(&day[..12]);
    merged.merge(fed(&day[12..]));
    assert_eq!(merged.gaps(), fed(&day).gaps());
    let loaded = Inventory::from_bytes(&merged.to_bytes(), Settings::default()).unwrap();
    assert_eq!(loaded.gaps(), merged.gaps());
    assert_eq!(loaded.to_bytes(), merged.to_bytes());
}

/// Steadily used operations of a host that answers anything with success, and requests to paths that somebody made up, so many of each.
fn steady_and_made_up(calls: usize, each: usize, credential: Credential) -> Vec<String> {
    let mut inventory = Inventory::new(Settings::default());
    let mut call = |path: &str, credential: Credential| {
        inventory.observe(&Exchange {
            method: "GET",
            path,
            status: Some(200),
            client: Some("192.0.2.1"),
            response_type: Some("application/json"),
            credential,
            ..Exchange::default()
        });
    };
    for number in 0..calls {
        for path in ["/admin/users/export", "/admin/debug/heap", "/internal/config/dump"] {
            call(path, credential);
        }
        call(&format!("/reports/{}/rows", 1 + number * 7 % 999), credential);
    }
    let mut state = 7_u64;
    let mut word = || -> String {
        (0..7)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
            })
            .collect()
    };
    for _ in 0..30 {
        let path = format!("/{}/{}/{}", word(), word(), word());
        (0..each).for_each(|_| call(&path, Credential::Absent));
    }
    for first in ["/admin", "/admin/users", "/admin/debug"] {
        for _ in 0..30 {
            let path = format!("{first}/{}", word());
            (0..each).for_each(|_| call(&path, Credential::Absent));
        }
    }
    inventory.operations().into_iter().map(|operation| operation.path).collect()
}

#[test]
fn made_up_paths_hide_no_operation_that_is_used_steadily() {
    const STEADY: [&str; 4] =
        ["/admin/users/export", "/internal/config/dump", "/reports/{reportId}/rows", "/admin/debug/heap"];
    // As often as each made-up path, what is used steadily is told by its callers alone, where its words are no common ones not at all.
    for (calls, each, credential, told) in [
        (60, 1, Credential::Absent, 4),
        (60, 2, Credential::Absent, 4),
        (600, 5, Credential::Absent, 4),
        (60, 60, Credential::Verified, 3),
    ] {
        let found = steady_and_made_up(calls, each, credential);
        for path in STEADY.into_iter().take(told) {
            assert!(found.iter().any(|one| one == path), "{calls} {each} {path}: {found:?}");
        }
        assert!(found.iter().any(|one| one == "/{tenant}/{tenant2}/{tenant3}"), "{found:?}");
        assert!(found.len() < 12, "{found:?}");
    }
}

#[test]
fn what_stands_for_the_caller_and_what_is_done_stay_names_among_names_of_people() {
    let people =
        ["zoe", "noah", "frank", "amber", "mila", "jonas", "tilda", "oskar", "ida", "emil", "alma", "hugo"];
    let mut inventory = Inventory::new(Settings::default());
    let mut call = |method: &str, path: &str, count: usize| {
        let one = Exchange { method, path, status: Some(200), ..Exchange::default() };
        (0..count).for_each(|_| inventory.observe(&one));
    };
    for (number, one) in people.iter().enumerate() {
        for other in people.iter().skip(number + 1) {
            call("GET", &format!("/users/{one}.{other}"), 1 + (number + other.len()) % 3);
            if number % 3 == 0 {
                call("GET", &format!("/users/{one}.{other}/repos"), 1);
            }
        }
    }
    call("GET", "/users/me", 11);
    call("PATCH", "/users/me", 13);
    call("GET", "/users/me/avatar", 4);
    call("GET", "/users/search", 19);
    call("GET", "/users/new", 5);
    let mut found: Vec<String> =
        inventory.operations().into_iter().map(|one| format!("{} {}", one.method, one.path)).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "GET /users/me",
            "GET /users/me/avatar",
            "GET /users/new",
            "GET /users/search",
            "GET /users/{user}",
            "GET /users/{user}/repos",
            "PATCH /users/me",
        ]
    );
}

#[test]
fn what_is_personal_or_secret_in_a_path_is_neither_kept_nor_shown() {
    let secrets = [
        "ada@lovelace.example",
        "4111111111111111",
        "DE89370400440532013000",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "a81bc81b-dead-4e5d-abff-90865d1e13b1",
        "s3cr3t",
    ];
    let [mail, card, iban, key, reset, matrix] = secrets;
    let mut inventory = Inventory::new(Settings::default());
    for (path, method, status) in [
        (format!("/users/{mail}/orders"), "GET", 200),
        (format!("/cards/{card}"), "GET", 200),
        (format!("/cards/{card}.pdf"), "GET", 200),
        (format!("/accounts/{iban}"), "GET", 404),
        (format!("/keys/{key}"), "GET", 200),
        (format!("/password-reset/{reset}"), "POST", 204),
        (format!("/docs;token={matrix}/list"), "GET", 200),
        (format!("/users/{mail}"), "OPTIONS", 204),
        (format!("/users/{mail}/x.css"), "GET", 200),
        (format!("/users/{mail}"), "BREW", 200),
    ] {
        let path = path.as_str();
        inventory.observe(&Exchange { method, path, status: Some(status), ..Exchange::default() });
    }
    let bytes = inventory.to_bytes();
    let again = Inventory::from_bytes(&bytes, Settings::default()).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    let (operations, noise) = again.found();
    let everything = format!("{} {operations:?} {noise:?}", String::from_utf8(bytes).unwrap());
    for secret in secrets {
        assert!(!everything.contains(secret), "{secret} in {everything}");
    }
    let shown: Vec<(String, String)> =
        operations.iter().map(|one| (one.path.clone(), one.examples.join(" "))).collect();
    let shown: Vec<(&str, &str)> =
        shown.iter().map(|(path, example)| (path.as_str(), example.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("/cards/{cardId}", "/cards/{payment-card}"),
            ("/cards/{cardId}.pdf", "/cards/{payment-card}.pdf"),
            ("/docs;token={token}/list", "/docs;token={credential}/list"),
            ("/keys/{keyId}", "/keys/{token}"),
            ("/password-reset/{passwordResetId}", "/password-reset/{credential}"),
            ("/users/{email}/orders", "/users/{email}/orders"),
        ]
    );
    let data: Vec<String> = operations
        .iter()
        .flat_map(|one| &one.data)
        .map(|one| format!("{} {} {} {}", one.class.name(), one.place.name(), one.field, one.count))
        .collect();
    assert!(data.iter().any(|one| one == "email path users 1"), "{data:?}");
    assert!(data.iter().any(|one| one == "credential path docs 1"), "{data:?}");
}

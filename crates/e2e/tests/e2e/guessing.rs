//! Failed credentials slow down whoever fails, and nobody else.

use testkit::{Response, until};

use super::own_key::{id as id_of, with_secret_of};
use super::world::World;

const LIMITS: &str = "\nguessing: { failures: 3, network_failures: 50, per: 1h, wait_max: 1d }\n";

fn limited() -> World {
    World::with(|place| place.append("sallyport.yaml", LIMITS))
}

/// The answer without what differs from answer to answer.
fn shown(answer: &Response) -> String {
    format!("{}\n{}", answer.head, String::from_utf8_lossy(&answer.body)).replace(&answer.decision(), "ID")
}

#[test]
fn case_66_beyond_the_limit_known_and_unknown_ids_get_the_same_answers() {
    let world = limited();
    let other = World::with(|place| drop(std::fs::remove_dir_all(place.dir().join(".state"))));
    other.cli().app("reader", "partners", &["customer=42"]);
    let unknown = other.cli().key("reader", &["orders"]);
    let wrong = with_secret_of(&world.keys.reader, &world.keys.writer);
    let ask = |key: &str| world.call("GET /orders").key(key).send();
    let rows = [unknown, wrong].map(|key| (0..6).map(|_| shown(&ask(&key))).collect::<Vec<_>>());
    assert_eq!(rows[0], rows[1]);
    let statuses: Vec<bool> = rows[0].iter().map(|answer| answer.starts_with("HTTP/1.1 429")).collect();
    assert_eq!(statuses, [false, false, false, true, true, true]);
    let waits: Vec<u64> = rows[0][3..]
        .iter()
        .map(|answer| {
            let line = answer
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("retry-after: ").map(str::to_owned));
            line.unwrap().parse().unwrap()
        })
        .collect();
    assert!(waits.is_sorted_by(|one, next| one < next) && waits[0] < waits[2] / 3, "{waits:?}");
    world.upstream_got_nothing();
}

#[test]
fn case_65_failures_belong_to_the_key_id_not_to_its_place_or_the_spelling_of_the_host() {
    let world = limited();
    let wrong = with_secret_of(&world.keys.reader, &world.keys.writer);
    let call = |line: &str| world.call(line);
    let answers = [
        call("GET /orders").key(&wrong).send().status,
        call("GET /orders/7").field("Authorization", &format!("Bearer {wrong}")).send().status,
        call("POST /orders").host("ORDERS.example:80").field("x-api-key", &wrong).send().status,
        call("GET /public/info").key(&wrong).send().status,
        call("GET /invoices").host(super::world::BILLING).key(&wrong).send().status,
    ];
    assert_eq!(answers, [401, 401, 401, 429, 429]);
    // A key of another id from the same address has failures of its own.
    let other = with_secret_of(&world.keys.narrow, &world.keys.writer);
    assert_eq!(call("GET /orders").key(&other).send().status, 401);
}

#[test]
fn case_73_junk_is_no_failure_and_never_costs_more_than_a_look() {
    let world = World::with(|place| {
        place.append("sallyport.yaml", "\nguessing: { failures: 1, network_failures: 1, per: 1h }\n");
    });
    let mut connection = world.connect();
    for _ in 0..50 {
        connection
            .send(&world.call("GET /orders").key(&super::own_key::miscopied(&world.keys.reader)).bytes());
        assert_eq!(connection.answer().summary(), "401 invalid_credential");
    }
}

#[test]
fn a_correct_secret_passes_whatever_failed_before_and_a_refusal_tells_nothing_of_it() {
    let world = limited();
    let wrong = with_secret_of(&world.keys.reader, &world.keys.writer);
    let mut connection = world.connect();
    let mut summary = |key: &str| {
        connection.send(&world.call("GET /orders").key(key).bytes());
        connection.answer().summary()
    };
    for round in 0..10 {
        let expected = if round < 3 { "401 invalid_credential" } else { "429 too_many_failures" };
        assert_eq!(summary(&wrong), expected, "{round}");
        assert_eq!(summary(&world.keys.reader), "200");
        assert_eq!(summary(&world.keys.narrow), "200");
    }
}

#[test]
fn failures_beyond_the_limit_are_recorded_counted_and_told() {
    let world = limited();
    let wrong = with_secret_of(&world.keys.reader, &world.keys.writer);
    let answers: Vec<Response> = (0..8).map(|_| world.call("GET /orders").key(&wrong).send()).collect();
    let decided = world.decided(&answers[7]);
    assert_eq!((&decided["reason"], &decided["key"]), (&"too_many_failures".into(), &id_of(&wrong).into()));
    assert_eq!(decided["caller"], "anonymous");
    until("the count", || {
        let text = String::from_utf8_lossy(&world.admin("GET /metrics").send().body).into_owned();
        let line =
            "sallyport_decisions_total{api=\"orders\",verdict=\"denied\",reason=\"too_many_failures\"} 5\n";
        text.contains(line).then_some(())
    });
    let status = world.cli().run(&["status"]).lines();
    let orders = status.iter().find(|api| api["api"] == "orders").unwrap();
    let alert = orders["alerts"][0].as_str().unwrap();
    assert!(alert.starts_with("5 failed credentials") && alert.contains("(3 within it)"), "{alert}");
}

#[test]
fn guessing_is_unlimited_only_where_that_is_written() {
    let world = World::with(|place| place.append("sallyport.yaml", "\nguessing: unlimited\n"));
    let wrong = with_secret_of(&world.keys.reader, &world.keys.writer);
    let mut connection = world.connect();
    for _ in 0..200 {
        connection.send(&world.call("GET /orders").key(&wrong).bytes());
        assert_eq!(connection.answer().summary(), "401 invalid_credential");
    }
}

/// What the process holds, in kilobytes.
fn held(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.gateway().id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// An attack with a hundred thousand ids from one network: nobody else notices, nothing grows, all of it is counted.
#[test]
fn a_hundred_thousand_ids_from_one_network_take_no_room_and_lock_nobody_out() {
    const BATCH: usize = 500;
    const BATCHES: usize = 200;
    let world = limited();
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut connection = world.connect();
    let mut refused = [0_usize; 2];
    let mut before = 0;
    for batch in 0..BATCHES {
        let mut bytes = Vec::new();
        for number in 0..BATCH {
            let mut left = batch * BATCH + number;
            let mut id: Vec<u8> = id_of(&world.keys.reader).into_bytes();
            for slot in id.iter_mut().take(5) {
                *slot = digits[left % digits.len()];
                left /= digits.len();
            }
            let id = String::from_utf8(id).unwrap();
            let key = super::own_key::with_id(&world.keys.reader, &id);
            bytes.extend(world.call("GET /orders").key(&key).bytes());
        }
        connection.send(&bytes);
        for _ in 0..BATCH {
            match connection.answer().summary().as_str() {
                "401 invalid_credential" => refused[0] += 1,
                "429 too_many_failures" => refused[1] += 1,
                other => panic!("{other}"),
            }
        }
        assert_eq!(world.call("GET /orders").key(&world.keys.writer).send().status, 200);
        if batch == BATCHES / 10 {
            before = held(&world);
        }
    }
    assert_eq!(refused.iter().sum::<usize>(), BATCH * BATCHES);
    assert!((50..60).contains(&refused[0]), "{refused:?}");
    let after = held(&world);
    assert!(after < before + (16 << 10), "{before} kB after a tenth of the attack, {after} kB after it");
}

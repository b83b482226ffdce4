//! What a worker counts, when it hands that over, and that neither callers nor upstreams choose how much it holds.

use std::net::IpAddr;

use model::request::{BodyShape, Scheme};
use model::{Admission, Head};
use traffic::RingReceiver;

use super::*;
use crate::testing::{Choices, NOW, key, snapshot};

/// A worker that judges and counts.
struct Watch {
    sightings: Sightings,
    receiver: RingReceiver,
    snapshot: Arc<enforce::Snapshot>,
    worker: enforce::Worker,
}

impl Watch {
    fn new() -> Self {
        let (sender, receiver) = traffic::ring(4 << 20);
        Self {
            sightings: Sightings::new(sender, Rc::default()),
            receiver,
            snapshot: Arc::new(snapshot("127.0.0.1:9", &Choices::STANDARD)),
            worker: enforce::Worker::new([7; 32]),
        }
    }

    fn see(&mut self, line: &str, fields: &[(&str, &[u8])], status: u16) {
        let (method, target) = line.split_once(' ').unwrap();
        let request = || {
            let fields = fields.iter().copied().chain([("host", b"a.example".as_slice())]);
            let fields = fields.map(|(name, value)| (name.as_bytes(), value));
            let head = Head::from_parts(method.as_bytes(), target.as_bytes(), fields).unwrap();
            let peer = IpAddr::from([127, 0, 0, 1]);
            let body = if method == "POST" { BodyShape::Length(2) } else { BodyShape::Absent };
            CanonicalRequest::admit(head, Admission { scheme: Scheme::Http, body, peer }).unwrap()
        };
        let judged = enforce::judge(&self.snapshot, NOW, &mut self.worker, request());
        let seen = Seen { by: AnswerOf::Upstream, ..Seen::own(NOW, status) };
        self.sightings.note(&judged.evidence, &request(), seen);
    }

    /// What has arrived of queries, bodies and hosts: `METHOD host query type count`.
    fn arrived_sides(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.receiver.drain(|alike| {
            let one = &alike.first;
            let (query, media_type) = (one.query.unwrap_or("-"), one.request_type.unwrap_or("-"));
            let host = one.host.unwrap_or_default();
            lines.push(format!("{} {host} {query} {media_type} {}", one.method, alike.count));
        });
        lines.sort();
        lines
    }

    /// What has arrived: `METHOD path caller credential count`.
    fn arrived(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        self.receiver.drain(|alike| {
            let one = &alike.first;
            lines.push(format!(
                "{} {} {} {:?} {}",
                one.method,
                one.path,
                one.caller.unwrap_or("-"),
                one.credential,
                alike.count
            ));
        });
        lines.sort();
        lines
    }
}

#[test]
fn alike_calls_are_handed_over_together_and_others_apart() {
    let mut watch = Watch::new();
    let key = key();
    let keyed = [("x-api-key", key.text.expose())];
    for _ in 0..3 {
        watch.see("GET /hidden", &keyed, 200);
        watch.see("GET /read/a/b?key=v", &[], 200);
    }
    watch.see("GET /hidden", &keyed, 404);
    assert_eq!(watch.arrived(), [""; 0]);
    // What is not declared waits for nothing, and tells its path.
    watch.see("GET /elsewhere/7", &[], 200);
    assert_eq!(watch.arrived(), ["GET /elsewhere/7 - Absent 1"]);
    watch.sightings.flush();
    let expected = [
        "GET /hidden shop Verified 1",
        "GET /hidden shop Verified 3",
        "GET /read/{text}/{other} - NotShown 3",
    ];
    assert_eq!(watch.arrived(), expected);
    watch.sightings.flush();
    assert_eq!(watch.arrived(), [""; 0]);
}

#[test]
fn so_many_kinds_are_counted_and_then_all_are_handed_over() {
    let mut watch = Watch::new();
    let mut kinds = (100..600).flat_map(|status| {
        ["GET /deny", "POST /deny", "DELETE /deny", "GET /hidden", "GET /read/a/b"]
            .map(|line| (line, status))
            .into_iter()
            .chain([
                ("GET /hidden x", status),
                ("GET /read/a/b x", status),
                ("GET /deny x", status),
                ("POST /deny x", status),
            ])
    });
    let key = key();
    let mut next = |watch: &mut Watch| {
        let (line, status) = kinds.next().unwrap();
        match line.strip_suffix(" x") {
            Some(line) => watch.see(line, &[("x-api-key", key.text.expose())], status),
            None => watch.see(line, &[], status),
        }
    };
    for _ in 0..COUNTED_MAX {
        next(&mut watch);
    }
    assert_eq!((watch.sightings.counted.len(), watch.arrived().len()), (COUNTED_MAX, 0));
    next(&mut watch);
    assert_eq!((watch.sightings.counted.len(), watch.arrived().len()), (1, COUNTED_MAX));
    watch.sightings.flush();
    assert_eq!((watch.arrived().len(), watch.receiver.lost()), (1, 0));
}

#[test]
fn a_call_without_a_credential_is_proved_once_and_looked_for_a_few_times() {
    let odd = [("x-something", b"1".as_slice())];
    for (before, expected) in [
        (0, &["GET /deny - Absent 1", "GET /deny - NotShown 4"][..]),
        (LOOKS_MAX - 1, &["GET /deny - Absent 1", "GET /deny - NotShown 11"]),
        // Somebody whose calls always may hold one costs no more looks.
        (LOOKS_MAX, &["GET /deny - NotShown 13"]),
    ] {
        let mut watch = Watch::new();
        (0..before).for_each(|_| watch.see("GET /deny", &odd, 403));
        (0..5).for_each(|_| watch.see("GET /deny", &[("accept", b"a/b")], 403));
        watch.sightings.flush();
        assert_eq!(watch.arrived(), expected, "{before}");
    }
}

#[test]
fn counts_are_handed_over_where_nobody_calls_and_where_it_is_worthwhile_and_at_last() {
    for (calls, kinds, ticks, due) in [
        (1, 1, 1, false),
        (WORTHWHILE, 1, 1, true),
        (WORTHWHILE - 1, 1, 1, false),
        (2 * WORTHWHILE - 1, 2, 1, false),
        (2 * WORTHWHILE, 2, 1, true),
        (1, 1, TICKS_MAX - 1, false),
        (1, 1, TICKS_MAX, true),
        (u64::MAX, usize::MAX, 1, true),
        (u64::MAX - 1, usize::MAX, 1, false),
    ] {
        assert_eq!(is_due(calls, kinds, ticks), due, "{calls} {kinds} {ticks}");
    }
    let mut watch = Watch::new();
    watch.see("GET /deny", &[], 403);
    watch.sightings.tick();
    assert_eq!(watch.arrived(), [""; 0]);
    // Nobody has called since.
    watch.sightings.tick();
    assert_eq!(watch.arrived().len(), 1);
    for _ in 0..TICKS_MAX {
        assert_eq!(watch.arrived(), [""; 0]);
        watch.see("GET /deny", &[], 403);
        watch.sightings.tick();
    }
    assert_eq!(watch.arrived(), ["GET /deny - Absent 1", "GET /deny - NotShown 9"]);
}

#[test]
fn texts_have_numbers_as_long_as_there_is_room() {
    let mut texts = Texts::default();
    assert_eq!((texts.number(b""), texts.text(0)), (0, None));
    let numbers = [b"a/b", b"c/d", b"a/b", b"c/d"].map(|text| texts.number(text));
    assert_eq!(numbers, [1, 2, 1, 2]);
    assert_eq!((texts.text(1), texts.text(2), texts.text(3)), (Some("a/b"), Some("c/d"), None));
    assert_eq!(texts.number(&[b'x'; TEXT_BYTES_MAX + 1]), 0);
    // An upstream that invents one for each answer fills the room, and no more.
    for number in 0..2 * TEXTS_MAX {
        texts.number(format!("x/{number}").as_bytes());
    }
    assert_eq!(texts.texts.len(), TEXTS_MAX);
    assert_eq!((texts.number(b"new"), texts.number(b"a/b")), (0, 1));
    let binary = Texts { texts: vec![Box::from(&b"\xff"[..])], last: 0 };
    assert_eq!(binary.text(1), None);
}

#[test]
fn names_of_queries_are_handed_over_and_no_value() {
    let mut watch = Watch::new();
    for (line, status) in [
        ("GET /read/a/b?page=1&canary", 200),
        ("GET /read/a/b?page=canary&sort=canary", 200),
        ("GET /read/a/b", 200),
        ("GET /read/a/b?refused=canary", 404),
        ("GET /elsewhere/7?page=canary", 200),
        ("GET /elsewhere/7?refused=canary", 404),
    ] {
        watch.see(line, &[("x-unknown", b"1")], status);
    }
    watch.sightings.flush();
    let expected = [
        "GET a.example - - 1",
        "GET a.example - - 1",
        "GET a.example - - 1",
        "GET a.example page= - 1",
        "GET a.example page= - 1",
        "GET a.example page=&sort= - 1",
    ];
    assert_eq!(watch.arrived_sides(), expected);
}

#[test]
fn media_types_of_bodies_are_looked_at_now_and_then_and_callers_cannot_crowd_them_out() {
    let mut watch = Watch::new();
    let typed = |watch: &mut Watch, text: &str| {
        watch.see("POST /deny", &[("content-type", text.as_bytes()), ("x-unknown", b"1")], 200);
    };
    for _ in 0..LOOKS_MAX {
        typed(&mut watch, "application/json; charset=utf-8");
    }
    // After some looks one call in sixteen is looked at.
    for _ in 0..LOOK_EVERY {
        typed(&mut watch, "text/csv");
    }
    watch.sightings.flush();
    let mut lines = watch.arrived_sides();
    assert_eq!(lines.remove(0), "POST a.example - application/json 16");
    assert_eq!(lines, ["POST a.example - text/csv 8"]);
    for number in 0..=TEXTS_MAX {
        typed(&mut watch, &format!("x/{number}"));
    }
    watch.sightings.flush();
    let lines = watch.arrived_sides();
    assert_eq!(lines.first().map(String::as_str), Some("POST a.example - - 3"));
    typed(&mut watch, "x/new");
    watch.sightings.flush();
    assert_eq!(watch.arrived_sides(), ["POST a.example - x/new 1"]);
}

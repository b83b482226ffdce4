//! The same request everywhere: whatever arrives at an upstream is, byte for byte, a request that was sent and
//! allowed, it has one reading, and its record names the operation that this reading fits.
//!
//! Generated heads go through the running gateway over kept and pipelined connections. One API enforces; another
//! observes and lets pass what nobody declared, so that nothing but the reading of a request keeps it away.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use serde_json::Value;
use testkit::{Connection, environment};

use super::heads::{Case, Manner, Message, Pieces, Random, case, messages};
use super::world::{API, HOST, POLICY, World};

/// Requests of one run, unless `SALLYPORT_CASES` says otherwise.
const CASES: usize = 100_000;
/// What they are made from, unless `SALLYPORT_SEED` says otherwise.
const SEED: usize = 20_261_126;

/// Requests on one connection.
const BATCH: usize = 8;

/// The host of the API that observes.
const OBSERVED: &str = "observed.example";

pub(crate) const TARGETS: &[&str] = &[
    "/orders",
    "/orders",
    "/orders/7",
    "/orders/7",
    "/orders/a%20b",
    "/orders/%C3%A9",
    "/orders/7?q=%2e%2e",
    "/orders?x=1&y=/../z",
    "/customers/42/orders",
    "/customers/43/orders",
    "/config/1",
    "/config/01",
    "/jobs/9:cancel",
    "/files/a/b/c",
    "/files/x.txt",
    "/users/1",
    "/public/info",
    "/admin",
    "/administrator",
    "/stream",
    "/unknown",
    "/Orders",
    "/orders/",
    "/orders/7/8",
    "/",
    "/.well-known/sallyport/jwks.json",
];

/// Makes the parameters of more operations part of what policies read, so that their records keep them as text.
const GUARDS: &str = r#"
@id("guard.params") @owner("orders-team") @reason("reads parameters") @expires("2099-01-01")
forbid (principal, action in [
  Action::"orders:GET /orders/{id}", Action::"orders:PUT /orders/{id}", Action::"orders:DELETE /orders/{id}",
  Action::"orders:GET /users/{id}", Action::"orders:POST /jobs/{id}:cancel"
], resource)
when { context.params.id == "forbidden" };

@id("guard.files") @owner("orders-team") @reason("reads parameters") @expires("2099-01-01")
forbid (principal, action == Action::"orders:GET /files/{path*}", resource)
when { context.params.path == "forbidden" };
"#;

/// What came back for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The decision; empty where nothing was decided, as with an interim answer.
    pub(crate) id: String,
}

/// What became of the requests.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    allowed: usize,
    denied: usize,
    refused: usize,
    /// Bodies that broke after their head had passed.
    aborted: usize,
}

/// Shows what was being sent when a test fails.
struct Shown<'a>(&'a [Case]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {}", number("SALLYPORT_SEED", SEED));
            self.0.iter().for_each(|case| println!("{}", case.shown()));
        }
    }
}

#[test]
fn what_arrives_is_what_was_sent_judged_and_recorded() {
    let mut world = World::with(|place| {
        place.append(POLICY, GUARDS);
        let declared = place.read(API);
        let upstream = declared.lines().find_map(|line| line.strip_prefix("upstream: ")).unwrap();
        place.cli.run(&["api", "add", "observed", "--upstream", upstream, "--host", OBSERVED]);
        place.edit("apis/observed/api.yaml", "preserve_host: true", "preserve_host: false");
    });
    let pieces = Pieces {
        hosts: vec![HOST.into(), HOST.into(), OBSERVED.into()],
        targets: TARGETS,
        keys: [&world.keys.reader, &world.keys.writer, &world.keys.writer, &world.keys.stranger]
            .map(Clone::clone)
            .into(),
    };
    let count = number("SALLYPORT_CASES", CASES);
    let mut random = Random::new(number("SALLYPORT_SEED", SEED));
    let cases: Vec<Case> = (0..count).map(|number| case(&mut random, &pieces, number)).collect();
    let mut answers = Vec::new();
    let address = world.gateway().address;
    for batch in batches(&cases) {
        let _shown = Shown(batch);
        answers.extend(send(address, batch));
    }
    world.stop();
    let streams = world.upstream.streams();
    let mut recorded = Recorded::of(&world);
    let tally = compare(&cases, &answers, &streams, &mut recorded, world.upstream.address);
    println!("{tally:?} of {count}");
    // Far below what the seed gives, and far above what would say nothing.
    assert!(count / 10 < tally.allowed, "{tally:?}");
    assert!(count / 20 < tally.denied, "{tally:?}");
    assert!(count / 10 < tally.refused, "{tally:?}");
    assert!(count / 5_000 < tally.aborted, "{tally:?}");
}

/// A number of the environment.
pub(crate) fn number(name: &str, otherwise: usize) -> usize {
    environment(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Cuts behind each wild request and after so many tame ones.
pub(crate) fn batches(cases: &[Case]) -> Vec<&[Case]> {
    let mut found = Vec::new();
    let mut rest = cases;
    while !rest.is_empty() {
        let wild = rest.iter().position(|case| case.manner == Manner::Wild);
        let length = wild.map_or(BATCH, |at| at + 1).min(BATCH).min(rest.len());
        let (batch, others) = rest.split_at(length);
        found.push(batch);
        rest = others;
    }
    found
}

/// Sends requests one behind the other and reads what comes back for each. Where the gateway ends the connection,
/// the rest is sent on another.
pub(crate) fn send(address: SocketAddr, batch: &[Case]) -> Vec<Vec<Answer>> {
    let mut answers: Vec<Vec<Answer>> = Vec::new();
    while let Some(rest) = batch.get(answers.len()..).filter(|rest| !rest.is_empty()) {
        let mut connection = Connection::open(address);
        let bytes: Vec<u8> = rest.iter().flat_map(|case| case.bytes.iter().copied()).collect();
        connection.send_what_is_taken(&bytes);
        for case in rest {
            if case.manner == Manner::Wild {
                connection.finish_if_open();
                answers.push(scan(&connection.rest()));
                break;
            }
            let answer = connection.answer_to(case.method);
            let is_last = answer.field("connection") == Some("close");
            answers.push(vec![Answer { status: answer.status, id: answer.decision() }]);
            if is_last {
                break;
            }
        }
    }
    answers
}

/// The answers in what came back for a request whose end nobody knows.
fn scan(bytes: &[u8]) -> Vec<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let mut answers: Vec<Answer> = Vec::new();
    for line in text.split("\r\n") {
        let id = line.get(..23).filter(|name| name.eq_ignore_ascii_case("sallyport-decision-id: "));
        if let Some(status) = line.split("HTTP/1.1 ").nth(1).and_then(|rest| rest.get(..3)?.parse().ok()) {
            answers.push(Answer { status, id: String::new() });
        } else if let (Some(_), Some(last)) = (id, answers.last_mut()) {
            line.split_at(23).1.clone_into(&mut last.id);
        }
    }
    answers
}

/// What the log says of a run.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// The decisions, by id.
    decided: HashMap<String, Value>,
    /// How many entries the log itself says are missing: what is `counted` passes where the writer is behind.
    lost: u64,
}

impl Recorded {
    /// Reads the log of a gateway that has stopped.
    pub(crate) fn of(world: &World) -> Self {
        let (mut decided, mut lost) = (HashMap::new(), 0);
        for entry in world.cli().run(&["audit", "export"]).lines() {
            match entry["kind"].as_str().unwrap() {
                "decided" => drop(decided.insert(entry["id"].as_str().unwrap().to_owned(), entry)),
                "loss" => lost += entry["count"].as_u64().unwrap(),
                _ => {}
            }
        }
        Self { decided, lost }
    }

    /// The decision of this id. One that is missing is taken out of those that the log says are lost.
    pub(crate) fn take(&mut self, id: &str) -> Option<&Value> {
        if !self.decided.contains_key(id) {
            let left = self.lost.checked_sub(1);
            self.lost =
                left.unwrap_or_else(|| panic!("decision {id} is neither recorded nor counted as lost"));
        }
        self.decided.get(id)
    }
}

/// Holds what arrived against what was sent, answered and recorded.
fn compare(
    cases: &[Case],
    answers: &[Vec<Answer>],
    streams: &[Vec<u8>],
    recorded: &mut Recorded,
    upstream: SocketAddr,
) -> Tally {
    let mut tally = Tally::default();
    let mut arrived = HashSet::new();
    let numbered =
        answers.iter().enumerate().flat_map(|(number, all)| all.iter().map(move |one| (&*one.id, number)));
    let numbers: HashMap<&str, usize> = numbered.collect();
    let mut taken: HashMap<usize, usize> = HashMap::new();
    for stream in streams {
        let found = messages(stream);
        let whole: usize = found.iter().map(|message| message.length).sum();
        let is_aborted = found.last().is_some_and(|message| message.body.is_none());
        assert!(is_aborted || whole == stream.len(), "no message: {}", stream[whole..].escape_ascii());
        for message in found {
            // A head that was cut short does not say which it is; its answer does.
            let id = message.all("sallyport-decision-id").first().copied().unwrap_or_default();
            let number = message.case().or_else(|| numbers.get(id).copied());
            let number = number.unwrap_or_else(|| panic!("nobody sent {message:?}"));
            let (case, answers) = (&cases[number], &answers[number]);
            let _shown = Shown(std::slice::from_ref(case));
            let sent = messages(&case.bytes);
            let from = taken.entry(number).or_default();
            let place = sent.iter().skip(*from).position(|sent| is_same(sent, &message));
            let place =
                *from + place.unwrap_or_else(|| panic!("arrived otherwise: {message:?}\nsent: {sent:?}"));
            *from = place + 1;
            let id = check_fields(&sent[place], &message, upstream);
            if let Some(entry) = recorded.take(&id) {
                check_record(entry, &message);
            }
            let answer = answers.iter().find(|answer| answer.id == id);
            if message.body.is_some() {
                assert!(answer.is_none_or(|answer| answer.status < 300), "refused and forwarded: {answer:?}");
                assert!(answer.is_some() || case.manner == Manner::Wild, "{answers:?} for {message:?}");
                tally.allowed += 1;
            } else {
                assert!(answer.is_none_or(|answer| answer.status == 400), "half a message, and {answer:?}");
                assert_eq!(case.manner, Manner::Wild);
                tally.aborted += 1;
            }
            assert!(arrived.insert(id), "one decision, two requests: {message:?}");
        }
    }
    for (case, answers) in cases.iter().zip(answers) {
        let _shown = Shown(std::slice::from_ref(case));
        for answer in answers.iter().filter(|answer| 200 <= answer.status && !arrived.contains(&answer.id)) {
            let entry = recorded.take(&answer.id);
            let is_denied = entry.is_none_or(|entry| entry["verdict"] == "denied");
            match answer.status {
                200 => {
                    assert!(testkit::contains(&case.bytes, b"/.well-known/sallyport/jwks.json"), "{answer:?}")
                }
                401 | 403 | 404 | 405 => {
                    assert!(is_denied, "{answer:?} {entry:?}");
                    tally.denied += 1;
                }
                400 | 413 | 417 | 421 | 431 | 501 | 505 => {
                    // What was let in by its head is refused for its body alone, before any of it was passed on.
                    let has_no_end = messages(&case.bytes).iter().any(|sent| sent.body.is_none());
                    assert!(has_no_end || is_denied, "{answer:?} {entry:?}");
                    tally.refused += 1;
                }
                _ => panic!("{answer:?} {entry:?}"),
            }
        }
    }
    tally
}

/// Whether the method and the target arrived byte for byte, and the body with them as far as it came.
fn is_same(sent: &Message, arrived: &Message) -> bool {
    let body = match (&sent.body, &arrived.body) {
        (Some(sent), Some(arrived)) => sent == arrived,
        (None, Some(_)) => false,
        (Some(_) | None, None) => true,
    };
    body && (&sent.method, &sent.target) == (&arrived.method, &arrived.target)
}

/// What is known of a field before it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passes {
    /// May hold an own key, or is kept for one of several reasons: either is right.
    Either,
    No,
    Yes,
}

const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const ANEW: &[&str] =
    &["content-length", "expect", "forwarded", "x-forwarded-for", "traceparent", "sallyport"];
const OVERRIDES: &[&str] = &[
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
];
const ADDRESSES: &[&str] = &[
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "fastly-client-ip",
    "proxy-client-ip",
    "true-client-ip",
    "wl-proxy-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-remote-addr",
];
const FAMILIES: &[&str] = &["sallyport-", "x-sallyport-", "x-forwarded-", "x-envoy-"];

/// The rule of the contract, written down once more.
fn passes(name: &str, value: &str, named: &[String]) -> Passes {
    let read: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let read = read.as_str();
    let is_twin = name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let concerns_us = [HOP_BY_HOP, ANEW, OVERRIDES, ADDRESSES].iter().any(|list| list.contains(&read))
        || FAMILIES.iter().any(|family| read.starts_with(family));
    let is_special = ["host", "authorization", "origin", "tracestate"].contains(&read);
    let is_named =
        !read.starts_with("content-") && named.iter().any(|named| named.eq_ignore_ascii_case(name));
    if name.eq_ignore_ascii_case("host") {
        return Passes::Yes;
    }
    if concerns_us || name.contains('_') || is_named || (is_twin && is_special) {
        return Passes::No;
    }
    if value.contains("sp_") || read == "tracestate" { Passes::Either } else { Passes::Yes }
}

/// What the gateway adds, in this order.
const ADDED: &[&str] = &[
    "content-length",
    "transfer-encoding",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "traceparent",
    "Sallyport-Decision-Id",
    "Sallyport-Assertion",
];

/// The fields that arrived are those that were sent and may pass, in their order and spelling, and then our own. Gives
/// the id of the decision.
pub(crate) fn check_fields(sent: &Message, arrived: &Message, upstream: SocketAddr) -> String {
    let named: Vec<String> = sent
        .all("connection")
        .iter()
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_owned())
        .collect();
    let mut rest = arrived.fields.as_slice();
    for (name, value) in &sent.fields {
        let passes = passes(name, value, &named);
        let upstream = upstream.to_string();
        let is_next = rest.first().is_some_and(|(next, theirs)| {
            let host = name.eq_ignore_ascii_case("host") && *theirs == upstream;
            next == name && (theirs == value || host)
        });
        match (passes, is_next) {
            (Passes::Yes | Passes::Either, true) => rest = &rest[1..],
            (Passes::Either | Passes::No, false) => {}
            (Passes::No, true) => panic!("{name} passed: {arrived:?}"),
            (Passes::Yes, false) => panic!("{name} did not pass: {arrived:?}"),
        }
    }
    let names: Vec<&str> = rest.iter().map(|(name, _)| name.as_str()).collect();
    let mut added = ADDED.iter();
    for name in &names {
        assert!(added.any(|known| known.eq_ignore_ascii_case(name)), "{name} was added: {names:?}");
    }
    let framing = |name: &str| arrived.all(name).len();
    assert!(framing("content-length") + framing("transfer-encoding") <= 1, "{arrived:?}");
    assert!(names.contains(&"Sallyport-Decision-Id"), "{arrived:?}");
    arrived.all("sallyport-decision-id")[0].to_owned()
}

/// The record says what this request is to whoever reads its target.
fn check_record(entry: &Value, arrived: &Message) {
    assert!(["allowed", "would_deny"].map(Value::from).contains(&entry["verdict"]), "{entry}");
    assert!(entry["method"].is_null() || entry["method"] == arrived.method, "{entry}");
    let Some(operation) = entry["operation"].as_str() else {
        assert_eq!(entry["mode"], "observe", "{entry}");
        return;
    };
    let (method, template) = operation.split_once(' ').unwrap();
    let (api, method) = method.split_once(':').unwrap();
    assert_eq!(entry["api"], api, "{entry}");
    assert!(method == arrived.method || (method == "GET" && arrived.method == "HEAD"), "{entry} {arrived:?}");
    let path = arrived.target.split('?').next().unwrap();
    let params = fit(template, path).unwrap_or_else(|| panic!("{operation} does not fit {path}"));
    let recorded = entry["params"].as_object().unwrap();
    assert!(recorded.keys().eq(params.iter().map(|(name, _)| name)), "{params:?} in {path}: {entry}");
    // What no policy reads is kept as a keyed hash.
    let attributes = entry["attributes"].as_object().unwrap();
    for (name, value) in &params {
        let read = attributes.get(&format!("params.{name}"));
        assert!(read.is_none_or(|read| read == value), "{name} is {value} in {path}: {entry}");
        assert!(read.is_some() || name == "index", "{entry}");
    }
}

/// The parameters of a path under a template, or that it does not fit.
pub(crate) fn fit(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let (mut params, mut segments) = (Vec::new(), path.split('/'));
    let mut parts = template.split('/');
    while let Some(part) = parts.next() {
        let segment = decode(segments.next()?)?;
        let Some((before, rest)) = part.split_once('{') else {
            (part == segment).then_some(())?;
            continue;
        };
        let (name, after) = rest.split_once('}')?;
        if let Some(name) = name.strip_suffix('*') {
            let others: Option<Vec<String>> = segments.by_ref().map(decode).collect();
            let value = [vec![segment], others?].concat().join("/");
            params.push((name.to_owned(), value));
            return parts.next().is_none().then_some(params);
        }
        let value = segment.strip_prefix(before)?.strip_suffix(after)?;
        (!value.is_empty()).then_some(())?;
        params.push((name.to_owned(), value.to_owned()));
    }
    segments.next().is_none().then_some(params)
}

/// A segment with its escapes read once.
pub(crate) fn decode(segment: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), segment.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

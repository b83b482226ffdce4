//! Interfaces of other industries and styles than those of the discovery benchmark, so that the model is not fitted to that alone.
//!
//! Each is a list of operations with the form of their values in braces. Requests are made from it deterministically, with popularity by rank.

use std::collections::BTreeSet;

use super::*;

const HEALTH: &[&str] = &[
    "GET /fhir/R4/Patient/{uuid}",
    "PUT /fhir/R4/Patient/{uuid}",
    "GET /fhir/R4/Patient",
    "POST /fhir/R4/Patient",
    "GET /fhir/R4/Patient/{uuid}/_history",
    "GET /fhir/R4/Patient/{uuid}/_history/{int}",
    "GET /fhir/R4/Observation/{uuid}",
    "POST /fhir/R4/Observation",
    "GET /fhir/R4/metadata",
    "GET /fhir/R4/Encounter/{uuid}",
    "GET /fhir/R4/Patient/{uuid}/$everything",
];
const PARCELS: &[&str] = &[
    "GET /{firm}/shipments",
    "POST /{firm}/shipments",
    "GET /{firm}/shipments/{code}",
    "GET /{firm}/shipments/{code}/events",
    "GET /{firm}/shipments/{code}/label.pdf",
    "GET /{firm}/depots/{name}",
    "GET /{firm}/depots/{name}/stock/{sku}",
    "POST /login",
    "GET /{firm}/drivers/{int}/route",
];
const METERS: &[&str] = &[
    "GET /api/2.1/meters/{int}/readings/{date}",
    "GET /api/2.1/meters/{int}/readings",
    "POST /api/2.1/meters/{int}/readings",
    "GET /api/2.1/meters/{int}",
    "GET /api/2.1/tariffs/{name}",
    "GET /api/2.1/tariffs",
    "GET /api/2.1/grid/{region}/load/{date}",
    "GET /api/2.1/outages/current",
    "GET /api/2.1/outages/{uuid}",
];
const SCHOOL: &[&str] = &[
    "GET /schools/{slug}",
    "GET /schools/{slug}/classes",
    "GET /schools/{slug}/classes/{name}/pupils",
    "GET /schools/{slug}/calendar/{date}",
    "POST /schools/{slug}/classes/{name}/pupils",
    "GET /teachers/{email}",
    "GET /teachers/me",
    "PATCH /teachers/me",
    "GET /schools",
    "GET /schools/{slug}/classes/{name}/pupils/{int}",
];
const LEDGER: &[&str] = &[
    "POST /jsonrpc/account.get",
    "POST /jsonrpc/account.list",
    "POST /jsonrpc/account.close",
    "POST /jsonrpc/transfer.create",
    "POST /jsonrpc/transfer.reverse",
    "POST /jsonrpc/statement.export",
    "POST /jsonrpc/rate.quote",
    "POST /jsonrpc/session.renew",
    "GET /status",
    "GET /rates/{currency}/{currency}",
];
const FLIGHTS: &[&str] = &[
    "GET /v1/flights/{carrier}/{int}/{date}",
    "GET /v1/airports/{iata}/departures",
    "GET /v1/airports/{iata}/arrivals",
    "GET /v1/airports",
    "POST /v1/bookings",
    "GET /v1/bookings/{code}",
    "DELETE /v1/bookings/{code}",
    "POST /v1/bookings/{code}:checkIn",
    "GET /v1/bookings/{code}/passengers/{int}/boarding-pass.pdf",
    "GET /v1/fares/search",
];
const FORGE: &[&str] = &[
    "GET /{user}/{name}/releases",
    "GET /{user}/{name}/releases/{version}",
    "GET /{user}/{name}/tickets/{int}",
    "POST /{user}/{name}/tickets",
    "GET /{user}/{name}/tickets",
    "GET /{user}/{name}/commits/{sha}",
    "GET /{user}/{name}/archive/{sha}.zip",
    "GET /{user}/{name}/wiki/{slug}",
    "PUT /{user}/{name}/wiki/{slug}",
];
const COUNCIL: &[&str] = &[
    "GET /{locale}/services",
    "GET /{locale}/services/{slug}",
    "GET /{locale}/services/{slug}/forms/{int}",
    "GET /{locale}/news/{date}",
    "GET /{locale}/contact",
    "POST /{locale}/contact",
    "GET /{locale}/permits/{code}/status",
    "GET /{locale}/search",
];
const DEVICES: &[&str] = &[
    "GET /devices/{mac}/telemetry",
    "POST /devices/{mac}/telemetry",
    "GET /devices/{mac}/firmware/{version}",
    "POST /devices/{mac}/reboot",
    "GET /fleets/{uuid}/devices",
    "GET /fleets/{uuid}",
    "PUT /fleets/{uuid}/policy",
    "GET /maps/{int}/{int}/{int}.png",
    "GET /devices",
];

const STYLES: &[(&str, &[&str])] = &[
    ("health", HEALTH),
    ("parcels", PARCELS),
    ("meters", METERS),
    ("school", SCHOOL),
    ("ledger", LEDGER),
    ("flights", FLIGHTS),
    ("forge", FORGE),
    ("council", COUNCIL),
    ("devices", DEVICES),
];

/// A generator that needs no seed from outside (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Low ranks far more often than high ones.
    fn rank(&mut self, limit: u64) -> u64 {
        let first = self.below(limit) + 1;
        self.below(first)
    }
}

fn value(kind: &str, style: &str, rank: u64) -> String {
    const LEFT: [&str; 12] = [
        "amber", "brisk", "cedar", "dusky", "ember", "fern", "gilded", "hazel", "ivory", "jolly", "keen",
        "lunar",
    ];
    const RIGHT: [&str; 14] = [
        "otter", "meadow", "harbour", "lantern", "thicket", "walnut", "pebble", "falcon", "orchard",
        "willow", "barley", "canyon", "drift", "heron",
    ];
    let mut dice = Dice(sketch::hash(format!("{style} {kind} {rank}").as_bytes()));
    let mut pick = |words: &[&str]| {
        words[usize::try_from(dice.below(u64::try_from(words.len()).unwrap())).unwrap()].to_owned()
    };
    let (left, right) = (pick(&LEFT), pick(&RIGHT));
    let hash = dice.next();
    match kind {
        "uuid" => format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            hash >> 32,
            hash & 0xffff,
            hash >> 52,
            hash & 0xfff,
            hash >> 16
        ),
        "int" => (1_000 + rank * 7).to_string(),
        "date" => format!("2025-{:02}-{:02}", rank / 28 % 12 + 1, rank % 28 + 1),
        "code" => format!(
            "{}{}{:04}",
            char::from(b'A' + u8::try_from(hash % 26).unwrap()),
            char::from(b'A' + u8::try_from(hash / 26 % 26).unwrap()),
            hash / 700 % 9_000 + 1_000
        ),
        "sku" => format!("{left}-{}", hash % 900 + 100),
        "firm" => format!("{right}{left}"),
        "name" => right,
        "slug" => format!(
            "{left}-{right}-{}",
            ["house", "lane", "point", "view"][usize::try_from(hash % 4).unwrap()]
        ),
        "email" => format!("{left}.{right}{}@mail.example", hash % 50),
        "user" => format!("{left}{}", hash % 300),
        "sha" => format!("{hash:016x}{:016x}{:08x}", hash.rotate_left(17), hash >> 32),
        "mac" => {
            (0..6).map(|place| format!("{:02x}", hash >> (place * 8) & 0xff)).collect::<Vec<_>>().join(":")
        }
        "version" => format!("{}.{}.{}", rank / 20 + 1, rank / 5 % 4, rank % 5),
        "region" => ["eu-west-1", "eu-north-1", "us-east-1", "ap-south-1"]
            [usize::try_from(rank % 4).unwrap()]
        .to_owned(),
        "currency" => {
            ["EUR", "USD", "GBP", "SEK", "JPY", "CHF"][usize::try_from(rank % 6).unwrap()].to_owned()
        }
        "carrier" => ["LH", "AF", "BA", "KL", "SK", "IB"][usize::try_from(rank % 6).unwrap()].to_owned(),
        "iata" => ["FRA", "CDG", "LHR", "AMS", "ARN", "MAD", "VIE", "ZRH"]
            [usize::try_from(rank % 8).unwrap()]
        .to_owned(),
        "locale" => ["de", "fr", "it", "en", "rm"][usize::try_from(rank % 5).unwrap()].to_owned(),
        _ => panic!("no form {kind}"),
    }
}

fn fill(template: &str, style: &str, dice: &mut Dice) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (kind, behind) = after.split_once('}').unwrap();
        path.push_str(before);
        let rank = dice.rank(400);
        path.push_str(&value(kind, style, rank));
        rest = behind;
    }
    path + rest
}

fn unnamed(template: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in template.chars() {
        match character {
            '{' => inside = true,
            '}' => {
                inside = false;
                text.push_str("{}");
            }
            other if !inside => text.push(other),
            _ => {}
        }
    }
    text
}

/// F1 of the operations found, and what was found beside the truth.
fn score(style: &str, operations: &[&str], requests: u32) -> (f64, Vec<String>, Vec<String>) {
    let mut dice = Dice(7);
    let mut inventory = Inventory::new(Settings::default());
    let mut truth = BTreeSet::new();
    for _ in 0..requests {
        let operation =
            operations[usize::try_from(dice.rank(u64::try_from(operations.len()).unwrap())).unwrap()];
        let (method, template) = operation.split_once(' ').unwrap();
        truth.insert(format!("{method} {}", unnamed(template)));
        let path = fill(template, style, &mut dice);
        let client = format!("10.0.0.{}", dice.rank(40));
        inventory.observe(&Exchange {
            method,
            path: &path,
            status: Some(200),
            client: Some(&client),
            ..Exchange::default()
        });
        // Requests that fail are no evidence.
        let wrong = format!("{path}/{}", dice.below(1_000));
        inventory.observe(&Exchange { method, path: &wrong, status: Some(404), ..Exchange::default() });
    }
    let found: BTreeSet<String> =
        inventory.operations().iter().map(|one| format!("{} {}", one.method, unnamed(&one.path))).collect();
    let hits = f64::from(u32::try_from(found.intersection(&truth).count()).unwrap());
    let both = f64::from(u32::try_from(found.len() + truth.len()).unwrap());
    let missed = truth.difference(&found).cloned().collect();
    let wrong = found.difference(&truth).cloned().collect();
    (2.0 * hits / both, missed, wrong)
}

#[test]
fn interfaces_of_other_industries_are_recovered() {
    let mut sum = 0.0;
    let mut report = String::new();
    for (style, operations) in STYLES {
        for requests in [400, 4_000] {
            let (f1, missed, wrong) = score(style, operations, requests);
            report.push_str(&format!("{style} {requests}: {f1:.2} missed {missed:?} wrong {wrong:?}\n"));
            sum += f1;
        }
    }
    let mean = sum / (2.0 * f64::from(u32::try_from(STYLES.len()).unwrap()));
    assert!(mean >= 0.90, "mean F1 {mean:.3}\n{report}");
}

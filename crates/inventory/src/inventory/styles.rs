//! Interfaces of other industries and styles than those of the discovery benchmark, so that the model is not fitted to that alone.
//!
//! Each is a list of operations with the form of their values in braces. Requests are made from it deterministically, with popularity by rank.

use std::collections::{BTreeMap, BTreeSet};

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

const LEGACY: &[&str] = &[
    "GET /account.php",
    "POST /cart/add.do",
    "POST /cart/remove.do",
    "GET /reports/{int}.aspx",
    "GET /members/{user}.json",
    "GET /members/{user}/orders.json",
    "GET /members/{user}/orders/{int}.json",
    "GET /export.aspx",
];
const ODATA: &[&str] = &[
    "GET /odata/Customers",
    "POST /odata/Customers",
    "GET /odata/Customers({int})",
    "PATCH /odata/Customers({int})",
    "GET /odata/Customers({int})/Orders",
    "GET /odata/Orders({int})",
    "GET /odata/Orders({int})/Lines({int})",
    "GET /odata/$metadata",
];
const MIXED_VERSIONS: &[&str] = &[
    "GET /internal/v3/search/{name}",
    "GET /billing/v1/invoices/{int}",
    "GET /billing/v2/invoices/{int}",
    "POST /billing/v2/invoices",
    "GET /crm/2024-01-01/contacts",
    "GET /crm/2024-01-01/contacts/{uuid}",
    "GET /crm/2024-06-01/contacts/{uuid}",
    "GET /billing/v2/invoices/{int}/pdf",
];
const BLOG: &[&str] = &[
    "GET /posts/{slug}",
    "GET /authors/{slug}",
    "GET /authors/{slug}/posts",
    "GET /tags/{name}",
    "GET /tags/{name}/feed.xml",
    "GET /categories/{name}/{name}",
    "GET /archive/{date}",
    "POST /posts/{slug}/comments",
    "GET /search",
];
const OPEN_BANKING: &[&str] = &[
    "GET /psd2/v1/accounts",
    "GET /psd2/v1/accounts/{uuid}/balances",
    "GET /psd2/v1/accounts/{uuid}/transactions",
    "GET /psd2/v1/accounts/{uuid}/transactions/{uuid}",
    "POST /psd2/v1/payments/sepa-credit-transfers",
    "GET /psd2/v1/payments/sepa-credit-transfers/{uuid}/status",
    "POST /psd2/v1/payments/instant-sepa-credit-transfers",
    "GET /psd2/v1/payments/instant-sepa-credit-transfers/{uuid}/status",
    "POST /psd2/v1/consents",
    "GET /psd2/v1/consents/{uuid}",
    "PUT /psd2/v1/consents/{uuid}/authorisations/{int}",
];
const GAMES: &[&str] = &[
    "GET /players/{user}/stats/{name}",
    "GET /players/{user}/inventory",
    "GET /players/me",
    "GET /matches/{code}",
    "GET /leaderboards/daily",
    "GET /leaderboards/weekly",
    "GET /guilds/{slug}/members/{user}",
    "PUT /guilds/{slug}/members/{user}",
    "GET /guilds/{slug}",
];
const STREAMS: &[&str] = &[
    "POST /topics/{slug}/partitions/{int}/messages",
    "GET /topics/{slug}",
    "GET /topics",
    "DELETE /consumers/{name}/instances/{uuid}",
    "GET /subjects/{slug}/versions/{int}",
    "GET /subjects/{slug}/versions/latest",
    "POST /subjects/{slug}/versions",
    "GET /schemas/ids/{int}",
    "GET /config/{slug}",
    "GET /config",
];
const HOTELS: &[&str] = &[
    "GET /{locale}/hotels/{int}",
    "GET /{locale}/hotels/{int}/rooms/{code}",
    "GET /{locale}/hotels/{int}/rooms/{code}/rates/{date}",
    "POST /{locale}/hotels/{int}/reservations",
    "GET /{locale}/reservations/{code}",
    "DELETE /{locale}/reservations/{code}",
    "GET /{locale}/destinations/{slug}",
    "GET /{locale}/destinations/{slug}/weather",
];

const STYLES: &[(&str, &[&str])] = &[
    ("legacy", LEGACY),
    ("odata", ODATA),
    ("mixed versions", MIXED_VERSIONS),
    ("blog", BLOG),
    ("open banking", OPEN_BANKING),
    ("games", GAMES),
    ("streams", STREAMS),
    ("hotels", HOTELS),
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

/// What F1, precision and the share of traffic may not fall below, with 400 requests and with 4,000.
const LEAST: [[f64; 3]; 2] = [[0.96, 0.96, 0.98], [0.97, 0.97, 0.98]];

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

/// What was found of one interface.
struct Found {
    f1: f64,
    precision: f64,
    /// The share of requests whose operation was found.
    traffic: f64,
    /// Operations that are paths nobody offers.
    noise: usize,
    /// All templates.
    names: BTreeSet<String>,
    /// Those that are as good as certain.
    sure: BTreeSet<String>,
    report: String,
}

fn share(one: usize, of: usize) -> f64 {
    f64::from(u32::try_from(one).unwrap()) / f64::from(u32::try_from(of.max(1)).unwrap())
}

fn found(style: &str, operations: &[&str], requests: u32, seed: u64) -> Found {
    let mut dice = Dice(seed);
    let mut inventory = Inventory::new(Settings::default());
    let mut truth: BTreeMap<String, usize> = BTreeMap::new();
    for number in 0..requests {
        let operation =
            operations[usize::try_from(dice.rank(u64::try_from(operations.len()).unwrap())).unwrap()];
        let (method, template) = operation.split_once(' ').unwrap();
        *truth.entry(format!("{method} {}", unnamed(template))).or_default() += 1;
        let path = fill(template, style, &mut dice);
        let client = format!("10.0.0.{}", dice.rank(40));
        inventory.observe(&Exchange {
            method,
            path: &path,
            status: Some(200),
            client: Some(&client),
            ..Exchange::default()
        });
        // Requests that fail are no evidence, nor are scanners'.
        let wrong = format!("{path}/{}", dice.below(1_000));
        inventory.observe(&Exchange { method, path: &wrong, status: Some(404), ..Exchange::default() });
        let scanned = ["/wp-login.php", "/.env", "/zorblax/admin"][usize::try_from(number % 3).unwrap()];
        inventory.observe(&Exchange {
            method: "GET",
            path: scanned,
            status: Some(404),
            ..Exchange::default()
        });
    }
    let all = inventory.operations();
    let name = |one: &Operation| format!("{} {}", one.method, unnamed(&one.path));
    let names: BTreeSet<String> = all.iter().map(name).collect();
    let hits: Vec<&String> = truth.keys().filter(|one| names.contains(*one)).collect();
    let routed: usize = hits.iter().map(|one| truth[*one]).sum();
    let missed: Vec<&String> = truth.keys().filter(|one| !names.contains(*one)).collect();
    let wrong: Vec<&String> = names.iter().filter(|one| !truth.contains_key(*one)).collect();
    Found {
        f1: share(2 * hits.len(), names.len() + truth.len()),
        precision: share(hits.len(), names.len()),
        traffic: share(routed, truth.values().sum()),
        noise: names
            .iter()
            .filter(|one| ["wp-login", ".env", "zorblax"].iter().any(|word| one.contains(word)))
            .count(),
        sure: all.iter().filter(|one| 0.9 <= one.confidence).map(name).collect(),
        report: format!("{style} {requests}: missed {missed:?} wrong {wrong:?}\n"),
        names,
    }
}

/// The other guard: a hundred times the requests must not make the mean F1 any worse, nor any interface much worse.
#[test]
fn more_traffic_makes_the_inventory_no_worse() {
    let (mut report, mut sums) = (String::new(), [0.0; 2]);
    for (style, operations) in STYLES {
        let few = found(style, operations, 300, 7);
        let many = found(style, operations, 30_000, 7);
        for (sum, found) in sums.iter_mut().zip([&few, &many]) {
            *sum += found.f1;
            report.push_str(&found.report);
        }
        assert_eq!(many.noise, 0, "{}", many.report);
        assert!(few.f1 - 0.1 <= many.f1, "{style}: {} with few, {} with many\n{report}", few.f1, many.f1);
    }
    println!("{report}{:.3?}", sums.map(|sum| sum / share(STYLES.len(), 1)));
    assert!(sums[0] <= sums[1], "{sums:?}\n{report}");
}

/// The guard of CI: on interfaces that the benchmark does not have, no figure may fall by more than a little.
#[test]
fn interfaces_of_other_industries_are_recovered() {
    let (mut report, mut runs) = (String::new(), 0.0);
    // F1, precision and traffic, with few requests and with many.
    let mut sums = [[0.0; 3]; 2];
    let (mut sure, mut stable, mut kept) = (0, 0, 0);
    for seed in [7, 8, 9] {
        for (style, operations) in STYLES {
            let few = found(style, operations, 400, seed);
            let many = found(style, operations, 4_000, seed);
            for (sum, found) in sums.iter_mut().zip([&few, &many]) {
                for (sum, figure) in sum.iter_mut().zip([found.f1, found.precision, found.traffic]) {
                    *sum += figure;
                }
                assert_eq!(found.noise, 0, "{}", found.report);
                report.push_str(&found.report);
            }
            sure += few.sure.len();
            stable += few.sure.intersection(&many.sure).count();
            kept += few.sure.intersection(&many.names).count();
            runs += 1.0;
        }
    }
    let means = sums.map(|sum| sum.map(|sum| sum / runs));
    println!("{report}");
    println!(
        "400: {:.3?}, 4000: {:.3?}, {kept} of {sure} sure templates stay, {stable} as sure",
        means[0], means[1]
    );
    for (means, least) in means.iter().zip(LEAST) {
        assert!(
            means.iter().zip(least).all(|(mean, least)| least <= *mean),
            "{means:.3?} for {least:.3?}\n{report}"
        );
    }
    assert!(0.99 <= share(kept, sure), "{kept} of {sure} sure templates stay\n{report}");
    assert!(0.97 <= share(stable, sure), "{stable} of {sure} templates stay sure\n{report}");
}

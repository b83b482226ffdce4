//! What finding an operation and deciding a request cost, in nanoseconds; `cargo xtask bench report --only decisions` runs it.
//!
//! Finding: one of 10,000 operations of 20 APIs, hot ones more often than others as Zipf has it. Deciding: slices of 1, 10 and
//! 100 permits plus 20 guards, all of them with conditions; remembered, and with nothing remembered. Prints one line per
//! figure: a name, a tab, and the figure. Times are the least of many batches, since a shared machine only ever adds; of
//! decisions anew the one in the middle and the 99th of a hundred are printed, as measured.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use catalog::{
    ApiDeclaration, BasePath, Catalog, Hosts, Lifecycle, Match, OperationDeclaration, OperationIndex,
    ParameterKind, ParameterValue, PathParameter, Spanning, Template, Visibility,
};
use model::request::{BodyShape, Scheme};
use model::{
    Admission, ApiName, Application, ApplicationName, AttributeType, AttributeValue, Caller,
    CanonicalRequest, Client, CredentialRef, DataClass, Exposure, Head, HostName, Method, Strength, TeamName,
    Timestamp,
};
use policy::{
    ApiFacts, DecisionCache, Directory, Facts, Policies, PolicySource, RulingKind, ValidationCache, compile,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const APIS: usize = 20;
/// Of each API.
const OPERATIONS: usize = 500;
const GUARDS: usize = 20;
const REQUESTS: usize = 4_096;
const BATCHES: usize = 200;
const MISSES: usize = 20_000;

/// A generator that needs no crate: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// Ranks that are drawn with a chance that falls as one over the rank.
struct Zipf(Vec<u64>);

impl Zipf {
    fn new(ranks: u64) -> Self {
        let weights = (1..=ranks).map(|rank| 1_000_000_000 / rank);
        Self(
            weights
                .scan(0, |sum: &mut u64, weight| Some(std::mem::replace(sum, *sum + weight) + weight))
                .collect(),
        )
    }

    fn draw(&self, random: &mut Random) -> usize {
        let total = self.0.last().copied().unwrap_or(1);
        let drawn = random.next() % total;
        self.0.partition_point(|&sum| sum <= drawn)
    }
}

fn operation(path: &str) -> Outcome<OperationDeclaration> {
    let template = Template::parse(path, Spanning::AsWritten)?;
    let parameter = |name: &str| PathParameter { name: name.to_owned(), kind: ParameterKind::String };
    Ok(OperationDeclaration {
        method: Method::Get,
        parameters: template.parameters().map(parameter).collect(),
        template,
        groups: Vec::new(),
        lifecycle: Lifecycle::Active,
        visibility: Visibility::Shown,
        operation_id: None,
        summary: None,
        scopes: catalog::AskedScopes::none(),
    })
}

fn api(number: usize) -> Outcome<ApiDeclaration> {
    // Half of the operations have a literal beside a parameter, as real documents do.
    let path = |place: usize| match place % 4 {
        0 => format!("/v1/resource{}", place / 4),
        1 => format!("/v1/resource{}/{{id}}", place / 4),
        2 => format!("/v1/resource{}/{{id}}/items/{{itemId}}", place / 4),
        _ => format!("/v1/resource{}/search", place / 4),
    };
    Ok(ApiDeclaration {
        name: ApiName::parse(&format!("api{number}"))?,
        hosts: Hosts::Listed(vec![HostName::parse(&format!("api{number}.example.com"))?]),
        base_path: BasePath::root(),
        operations: (0..OPERATIONS).map(|place| operation(&path(place))).collect::<Outcome<_>>()?,
        cors: None,
    })
}

fn request(zipf: &Zipf, random: &mut Random) -> Outcome<CanonicalRequest> {
    let rank = zipf.draw(random);
    let (number, place) = (rank % APIS, rank / APIS);
    let (resource, id) = (place / 4, random.next() % 1_000_000);
    let target = match place % 4 {
        0 => format!("/v1/resource{resource}?page=2"),
        1 => format!("/v1/resource{resource}/{id}"),
        2 => format!("/v1/resource{resource}/{id}/items/{}", id % 97),
        _ => format!("/v1/resource{resource}/search?q=1"),
    };
    let host = format!("api{number}.example.com");
    let fields = [(&b"Host"[..], host.as_bytes())];
    let head = Head::from_parts(b"GET", target.as_bytes(), fields)?;
    let admission =
        Admission { scheme: Scheme::Http, body: BodyShape::Absent, peer: IpAddr::from([127, 0, 0, 1]) };
    CanonicalRequest::admit(head, admission).map_err(|refused| format!("{:?}", refused.refusal).into())
}

#[expect(clippy::disallowed_methods, reason = "the figure is a time")]
fn nanoseconds(run: impl FnOnce()) -> u128 {
    let begun = Instant::now();
    run();
    begun.elapsed().as_nanos()
}

/// The least that one of `count` took, over all batches.
fn least(count: usize, mut batch: impl FnMut()) -> u128 {
    let times = (0..BATCHES).map(|_| nanoseconds(&mut batch));
    times.min().unwrap_or_default() / u128::try_from(count).unwrap_or(1)
}

fn finding(catalog: &Catalog) -> Outcome<u128> {
    let (zipf, mut random) = (Zipf::new(u64::try_from(APIS * OPERATIONS)?), Random(42));
    let requests: Vec<CanonicalRequest> =
        (0..REQUESTS).map(|_| request(&zipf, &mut random)).collect::<Outcome<_>>()?;
    let found = requests.iter().filter(|request| matches!(catalog.find(request), Match::Found(_))).count();
    if found != REQUESTS {
        return Err(format!("{found} of {REQUESTS} requests were found").into());
    }
    Ok(least(REQUESTS, || {
        for request in &requests {
            black_box(catalog.find(black_box(request)));
        }
    }))
}

/// A set in which `permits` grants and the guards cover one operation; the last grant is the one that holds.
fn policies(catalog: &Catalog, permits: usize) -> Outcome<Policies> {
    let marks = "@owner(\"staff\") @reason(\"a figure\")";
    let scope = "principal, action == Action::\"api0:GET /v1/resource0/{id}\", resource";
    let mut text = String::new();
    for number in 0..permits {
        let customer = if number + 1 == permits { 42 } else { number + 1_000 };
        text.push_str(&format!(
            "@id(\"p{number}\") {marks} permit ({scope}) when {{ principal is Application && principal has customer && principal.customer == \"{customer}\" && 2 <= context.strength }};\n"
        ));
    }
    for number in 0..GUARDS {
        let condition = match number % 4 {
            0 => format!("context has sourceIp && context.sourceIp.isInRange(ip(\"198.51.{number}.0/24\"))"),
            1 => format!("datetime(\"20{}-01-01\") <= context.now", 40 + number),
            2 => format!("context.scopes.contains(\"forbidden{number}\")"),
            _ => format!("context.params.id == \"{number}\" && context.strength < 2"),
        };
        text.push_str(&format!("@id(\"g{number}\") {marks} forbid ({scope}) when {{ {condition} }};\n"));
    }
    let directory = Directory {
        teams: std::iter::once(TeamName::parse("staff")?).collect(),
        attributes: BTreeMap::from([("customer".to_owned(), AttributeType::String)]),
        user_attributes: BTreeMap::new(),
        apis: vec![
            ApiFacts { exposure: Exposure::Partner, data_class: DataClass::Internal };
            catalog.apis().len()
        ],
    };
    let sources = [PolicySource { path: "policies/figure.cedar".to_owned(), text }];
    let compiled = compile(&sources, catalog, &directory, &mut ValidationCache::new());
    Ok(compiled.map_err(|error| format!("{error}: {:?}", error.diagnostics.first()))?.policies)
}

/// A decision that is remembered; of those made anew the one in the middle, and the 99th of a hundred.
fn deciding(policies: &Policies, operation: OperationIndex) -> Outcome<[u128; 3]> {
    let application = Application {
        name: ApplicationName::parse("shop")?,
        team: TeamName::parse("staff")?,
        attributes: BTreeMap::from([("customer".to_owned(), AttributeValue::String("42".to_owned()))]),
        version: 1,
    };
    let caller = Caller::client(
        Client::Application(Arc::new(application)),
        Strength::SharedSecret,
        CredentialRef::Absent,
    );
    let scopes = ["orders:read".to_owned()];
    let facts = Facts {
        operation,
        caller: &caller,
        scopes: &scopes,
        params: &[ParameterValue::String("7")],
        source_ip: Some(IpAddr::from([203, 0, 113, 7])),
        now: Timestamp::from_seconds(1_796_810_400),
    };
    let mut cache = DecisionCache::new();
    let ruling = policies.decide(&mut cache, &facts);
    if !matches!(ruling.kind, RulingKind::Permit { .. }) {
        return Err(format!("{ruling:?}").into());
    }
    let remembered = least(REQUESTS, || {
        for _ in 0..REQUESTS {
            black_box(policies.decide(&mut cache, black_box(&facts)));
        }
    });
    if cache.counters().misses != 1 {
        return Err("a decision was not remembered".into());
    }
    // The parameter is read by a guard, so that each of its values is another question to a warm cache.
    let ids: Vec<String> = (0..MISSES).map(|number| format!("id{number}")).collect();
    let mut anew: Vec<u128> = ids
        .iter()
        .map(|id| {
            let params = [ParameterValue::String(id)];
            let facts = Facts { params: &params, ..facts };
            nanoseconds(|| {
                black_box(policies.decide(&mut cache, black_box(&facts)));
            })
        })
        .collect();
    if cache.counters().misses != 1 + u64::try_from(MISSES)? {
        return Err("a decision was remembered that was to be made anew".into());
    }
    anew.sort_unstable();
    let of_hundred = |part: usize| anew.get(MISSES * part / 100).copied().unwrap_or_default();
    Ok([remembered, of_hundred(50), of_hundred(99)])
}

#[expect(clippy::print_stdout, reason = "the figures are what the program is run for")]
fn main() -> Outcome<()> {
    let catalog = Catalog::compile((0..APIS).map(api).collect::<Outcome<_>>()?)?.catalog;
    println!("find\t{}", finding(&catalog)?);
    let operation =
        catalog.by_id("api0:GET /v1/resource0/{id}").ok_or("the operation is not in the catalogue")?;
    for permits in [1, 10, 100] {
        let [remembered, median, p99] = deciding(&policies(&catalog, permits)?, operation)?;
        println!("remembered {permits}\t{remembered}\nanew {permits}\t{median}\nanew p99 {permits}\t{p99}");
    }
    Ok(())
}

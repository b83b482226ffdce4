//! Reads `issuers:`.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use model::{ApplicationName, AttributeType, IssuerName, TeamName};

use super::{ClaimType, IssuerConfig, KeySource, ScopeUse, SourceUrl, TokenType, UrlScheme, UserAttribute};
use crate::fields::{self, Fields};
use crate::gateway::read::network;
use crate::nearest::nearest;
use crate::place::Faults;
use crate::quantity::parse_duration;
use crate::yaml::{Entry, Node, Value};

const FIELDS: &[&str] = &[
    "algorithms",
    "allow_networks",
    "audience",
    "ca_file",
    "client",
    "clients",
    "issuer",
    "jwks_file",
    "jwks_url",
    "leeway",
    "max_key_age",
    "max_lifetime",
    "mfa",
    "refetch_interval",
    "refresh_interval",
    "required_claims",
    "scopes",
    "scopes_narrow",
    "team",
    "teams",
    "typ",
    "user",
    "user_attributes",
];

/// Issuers of one gateway.
const ISSUERS_MAX: usize = 64;
/// Items of each list of an issuer.
const ITEMS_MAX: usize = 1_000;
/// The longest issuer, audience, claim and value.
const TEXT_BYTES_MAX: usize = 512;

/// A time that can be written, and what it is when it is not.
struct Range {
    field: &'static str,
    least: Duration,
    most: Duration,
    default: Duration,
    fix: &'static str,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const MAX_LIFETIME: Range = Range {
    field: "max_lifetime",
    least: seconds(1),
    most: seconds(30 * 86_400),
    default: seconds(86_400),
    fix: "write a time from 1s to 30d, such as 1h",
};
const LEEWAY: Range = Range {
    field: "leeway",
    least: seconds(0),
    most: seconds(300),
    default: seconds(30),
    fix: "write a time from 0s to 5m, such as 30s",
};
const MAX_KEY_AGE: Range = Range {
    field: "max_key_age",
    least: seconds(1),
    most: seconds(30 * 86_400),
    default: seconds(86_400),
    fix: "write a time from 1s to 30d, such as 24h",
};
const REFRESH_INTERVAL: Range = Range {
    field: "refresh_interval",
    least: seconds(1),
    most: seconds(86_400),
    default: seconds(300),
    fix: "write a time from 1s to 24h, such as 5m",
};
const REFETCH_INTERVAL: Range = Range {
    field: "refetch_interval",
    least: seconds(1),
    most: seconds(86_400),
    default: seconds(30),
    fix: "write a time from 1s to 24h, such as 30s",
};

/// What the top of the file declares of users; none where that could not be read.
type Declared<'a> = Option<&'a BTreeMap<String, AttributeType>>;

pub(crate) fn read(node: &Node, declared: Declared<'_>, faults: &mut Faults) -> Option<Vec<IssuerConfig>> {
    let entries = fields::table(node, "`issuers`", faults)?;
    fields::note_doubled(entries, faults);
    if ISSUERS_MAX < entries.len() {
        faults.add(node.place, format!("there are over {ISSUERS_MAX} issuers"), "remove some");
        return None;
    }
    let mut issuers: Vec<IssuerConfig> = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(issuer) = issuer(entry, declared, faults) else { continue };
        if let Some(other) = issuers.iter().find(|other| other.issuer == issuer.issuer) {
            let reason = format!("`{}` and `{}` are the same issuer", other.name, issuer.name);
            faults.add(entry.place, reason, "keep one of them; an API can have an `audience` of its own");
        }
        issuers.push(issuer);
    }
    (issuers.len() == entries.len()).then_some(issuers)
}

fn issuer(entry: &Entry, declared: Declared<'_>, faults: &mut Faults) -> Option<IssuerConfig> {
    let name = match IssuerName::parse(&entry.key) {
        Ok(name) => name,
        Err(fault) => {
            faults.add(entry.place, fault.to_string(), "write a short name such as corp");
            return None;
        }
    };
    let fields = Fields::of(&entry.node, "an issuer", FIELDS, faults)?;
    let issuer = fields.need("issuer", "write `iss` of its tokens, such as https://id.example.com", faults);
    let issuer = issuer.and_then(|node| plain(node, "issuer", faults));
    let allow_networks = fields.or("allow_networks", Vec::new(), faults, networks);
    let source = source(&fields, issuer.as_deref(), allow_networks.as_deref(), faults);
    let audience = audience(&fields, faults);
    let algorithms = algorithms(&fields, faults);
    let times = [MAX_LIFETIME, LEEWAY, MAX_KEY_AGE, REFRESH_INTERVAL, REFETCH_INTERVAL]
        .map(|range| time(&fields, &range, faults));
    let claims = claims(&fields, faults);
    let rights = rights(&fields, declared, faults);
    let mfa = fields.or("mfa", (Vec::new(), Vec::new()), faults, mfa);
    let typ = fields.or("typ", TokenType::AccessToken, faults, |node, faults| {
        fields::chosen(node, "typ", &["at+jwt", "any"], faults, |text| match text {
            "at+jwt" => Some(TokenType::AccessToken),
            "any" => Some(TokenType::Any),
            _ => None,
        })
    });
    let required_claims = list(&fields, "required_claims", faults);
    let ca_file = fields.or("ca_file", None, faults, |node, faults| plain(node, "ca_file", faults).map(Some));
    let [max_lifetime, leeway, max_key_age, refresh_interval, refetch_interval] = times;
    let (claims, rights, (mfa_amr, mfa_acr)) = (claims?, rights?, mfa?);
    Some(IssuerConfig {
        name,
        place: (entry.place.line, entry.place.column),
        issuer: issuer?,
        audience: audience?,
        source: source?,
        algorithms: algorithms?,
        max_lifetime: max_lifetime?,
        leeway: leeway?,
        max_key_age: max_key_age?,
        refresh_interval: refresh_interval?,
        refetch_interval: refetch_interval?,
        typ: typ?,
        required_claims: required_claims?,
        client_claim: claims.client,
        clients: rights.clients,
        team: rights.team,
        user_claim: claims.user,
        teams_claim: claims.teams,
        scope_claim: claims.scopes,
        scopes_narrow: rights.scopes_narrow,
        user_attributes: rights.user_attributes,
        mfa_amr,
        mfa_acr,
        allow_networks: allow_networks?,
        ca_file: ca_file?,
    })
}

/// An issuer without an audience would let in tokens for everybody else (security case 57), so there is no default.
fn audience(fields: &Fields<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let fix = "write who its tokens for you are for, such as [https://orders.example.com]";
    let node = fields.need("audience", fix, faults)?;
    let audience = texts(node, "audience", faults)?;
    if audience.is_empty() {
        faults.add(node.place, "`audience` is empty: tokens for anybody else would count", fix);
        return None;
    }
    Some(audience)
}

/// The audience of an API's own.
pub(crate) fn own_audience(fields: &Fields<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    fields.or("audience", Vec::new(), faults, |node, faults| {
        let audience = texts(node, "audience", faults)?;
        if audience.is_empty() {
            let reason = "`audience` is empty: tokens for anybody else would count";
            faults.add(node.place, reason, "write one, or leave the line out for that of the issuers");
            return None;
        }
        Some(audience)
    })
}

fn source(
    fields: &Fields<'_>,
    issuer: Option<&str>,
    allow_networks: Option<&[IpNet]>,
    faults: &mut Faults,
) -> Option<KeySource> {
    match (fields.find("jwks_file"), fields.find("jwks_url")) {
        (Some(_), Some(url)) => {
            faults.add(url.place, "`jwks_file` and `jwks_url` are both written", "keep one of them");
            None
        }
        (Some(file), None) => plain(file, "jwks_file", faults).map(KeySource::File),
        (None, Some(url)) => {
            let fix = "write an address such as https://id.example.com/jwks.json";
            let parsed = fields::parsed(url, "jwks_url", fix, faults, SourceUrl::parse)?;
            judge_scheme(&parsed, url, allow_networks, faults).map(KeySource::Url)
        }
        (None, None) => {
            let node = fields.find("issuer")?;
            match SourceUrl::parse(issuer?) {
                Ok(url) => judge_scheme(&url, node, allow_networks, faults).map(KeySource::Discovery),
                Err(fault) => {
                    let reason = format!("keys cannot be discovered by `issuer`: {fault}");
                    faults.add(node.place, reason, "write `jwks_url` or `jwks_file` beside it");
                    None
                }
            }
        }
    }
}

/// Keys that came without TLS could be anybody's: plain `http` goes only to networks that are listed.
fn judge_scheme(
    url: &SourceUrl,
    node: &Node,
    allow_networks: Option<&[IpNet]>,
    faults: &mut Faults,
) -> Option<SourceUrl> {
    if url.scheme == UrlScheme::Http && allow_networks.is_some_and(<[IpNet]>::is_empty) {
        let reason = "keys that come without TLS could be anybody's";
        faults.add(node.place, reason, "write https://, or list the network in `allow_networks`");
        return None;
    }
    Some(url.clone())
}

fn algorithms(fields: &Fields<'_>, faults: &mut Faults) -> Option<Vec<String>> {
    let default = IssuerConfig::ALGORITHMS_DEFAULT.iter().map(|name| (*name).to_owned()).collect();
    fields.or("algorithms", default, faults, |node, faults| {
        let names = fields::each(node, "algorithms", faults, algorithm)?;
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        if names.is_empty() || distinct.len() < names.len() {
            let reason =
                if names.is_empty() { "`algorithms` is empty" } else { "an algorithm is listed twice" };
            faults.add(
                node.place,
                reason,
                "list each algorithm that the issuer signs with once, such as [ES256]",
            );
            return None;
        }
        Some(names)
    })
}

fn algorithm(node: &Node, faults: &mut Faults) -> Option<String> {
    let text = fields::text(node, "algorithms", faults)?;
    if text.starts_with("HS") || text.eq_ignore_ascii_case("none") {
        let reason = format!("`{}` cannot be verified with a published key", fields::shown(text));
        faults.add(node.place, reason, "list the asymmetric algorithm that the issuer signs with");
        return None;
    }
    let known = |text: &str| IssuerConfig::ALGORITHMS.contains(&text).then(|| text.to_owned());
    fields::chosen(node, "algorithms", IssuerConfig::ALGORITHMS, faults, known)
}

fn time(fields: &Fields<'_>, range: &Range, faults: &mut Faults) -> Option<Duration> {
    fields.or(range.field, range.default, faults, |node, faults| {
        let time = fields::parsed(node, range.field, range.fix, faults, parse_duration)?;
        if time < range.least || range.most < time {
            faults.add(node.place, format!("`{}` is out of its range", range.field), range.fix);
            return None;
        }
        Some(time)
    })
}

/// Which claims say who.
struct Claims {
    client: String,
    user: String,
    teams: Option<String>,
    scopes: String,
}

fn claims(fields: &Fields<'_>, faults: &mut Faults) -> Option<Claims> {
    let mut claim = |name: &'static str, default: Option<&str>| {
        fields
            .or(name, default.map(str::to_owned), faults, |node, faults| plain(node, name, faults).map(Some))
    };
    let client = claim("client", Some("client_id"));
    let user = claim("user", Some("sub"));
    let teams = claim("teams", None);
    let scopes = claim("scopes", Some("scope"));
    Some(Claims { client: client??, user: user??, teams: teams?, scopes: scopes?? })
}

/// Whom the claims mean here.
struct Rights {
    clients: BTreeMap<String, ApplicationName>,
    team: Option<TeamName>,
    scopes_narrow: ScopeUse,
    user_attributes: BTreeMap<String, UserAttribute>,
}

fn rights(fields: &Fields<'_>, declared: Declared<'_>, faults: &mut Faults) -> Option<Rights> {
    let clients = fields.or("clients", BTreeMap::new(), faults, clients);
    let team = fields.or("team", None, faults, |node, faults| {
        fields::parsed(node, "team", "write a team of teams.yaml", faults, TeamName::parse).map(Some)
    });
    let scopes_narrow = fields.or("scopes_narrow", ScopeUse::Facts, faults, |node, faults| {
        fields::switch(node, "scopes_narrow", ScopeUse::Narrow, ScopeUse::Facts, faults)
    });
    let user_attributes = fields.or("user_attributes", BTreeMap::new(), faults, |node, faults| {
        user_attributes(node, declared, faults)
    });
    let (clients, team) = (clients?, team?);
    if clients.is_empty() && team.is_none() {
        let fix = "write `team:` for all its clients, or list them in `clients`";
        faults.add(fields.place("team"), "no client of this issuer is anybody here", fix);
        return None;
    }
    Some(Rights { clients, team, scopes_narrow: scopes_narrow?, user_attributes: user_attributes? })
}

fn clients(node: &Node, faults: &mut Faults) -> Option<BTreeMap<String, ApplicationName>> {
    let entries = fields::table(node, "`clients`", faults)?;
    fields::note_doubled(entries, faults);
    if ITEMS_MAX < entries.len() {
        faults.add(node.place, format!("`clients` lists over {ITEMS_MAX}"), "write `team:` for the others");
        return None;
    }
    let mut clients = BTreeMap::new();
    for entry in entries {
        let fix = "write the name of an application, such as shop";
        if let Some(name) = fields::parsed(&entry.node, "clients", fix, faults, ApplicationName::parse) {
            clients.insert(entry.key.clone(), name);
        }
    }
    (clients.len() == entries.len()).then_some(clients)
}

fn user_attributes(
    node: &Node,
    declared: Declared<'_>,
    faults: &mut Faults,
) -> Option<BTreeMap<String, UserAttribute>> {
    let entries = fields::table(node, "`user_attributes` of an issuer", faults)?;
    fields::note_doubled(entries, faults);
    let mut attributes = BTreeMap::new();
    for entry in entries {
        let Some(kind) = declared?.get(&entry.key).copied() else {
            let fix = match nearest(&entry.key, declared?.keys().map(String::as_str)) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "declare it with its type under `user_attributes` at the top of the file".to_owned(),
            };
            faults.add(
                entry.place,
                format!("attribute `{}` is not declared", fields::shown(&entry.key)),
                fix,
            );
            continue;
        };
        if let Some(attribute) = user_attribute(&entry.node, kind, faults) {
            attributes.insert(entry.key.clone(), attribute);
        }
    }
    (attributes.len() == entries.len()).then_some(attributes)
}

/// The name of a claim, or a table with it and the form that its value must have.
fn user_attribute(node: &Node, kind: AttributeType, faults: &mut Faults) -> Option<UserAttribute> {
    if let Value::Text(_) = &node.value {
        return Some(UserAttribute {
            claim: plain(node, "user_attributes", faults)?,
            kind: ClaimType::Plain(kind),
        });
    }
    let fields = Fields::of(node, "an attribute of users", &["claim", "form"], faults)?;
    let claim = fields.need("claim", "write the claim that holds it, such as cust", faults);
    let claim = claim.and_then(|node| plain(node, "claim", faults));
    let kind = fields.or("form", ClaimType::Plain(kind), faults, |node, faults| {
        let form = fields::chosen(node, "form", &["email"], faults, |text| (text == "email").then_some(()));
        if form.is_some() && kind != AttributeType::String {
            faults.add(node.place, "an address is a String", "declare the attribute as String");
            return None;
        }
        form.map(|()| ClaimType::Email)
    });
    Some(UserAttribute { claim: claim?, kind: kind? })
}

fn mfa(node: &Node, faults: &mut Faults) -> Option<(Vec<String>, Vec<String>)> {
    let fields = Fields::of(node, "`mfa`", &["acr", "amr"], faults)?;
    let amr = list(&fields, "amr", faults);
    let acr = list(&fields, "acr", faults);
    Some((amr?, acr?))
}

fn networks(node: &Node, faults: &mut Faults) -> Option<Vec<IpNet>> {
    let fix = "write networks such as 10.2.0.0/16, or single addresses";
    fields::each(node, "allow_networks", faults, |item, faults| {
        fields::parsed(item, "allow_networks", fix, faults, network)
    })
}

fn list(fields: &Fields<'_>, what: &'static str, faults: &mut Faults) -> Option<Vec<String>> {
    fields.or(what, Vec::new(), faults, |node, faults| texts(node, what, faults))
}

fn texts(node: &Node, what: &str, faults: &mut Faults) -> Option<Vec<String>> {
    let texts = fields::each(node, what, faults, |item, faults| plain(item, what, faults))?;
    if ITEMS_MAX < texts.len() {
        faults.add(node.place, format!("`{what}` lists over {ITEMS_MAX} items"), "remove some");
        return None;
    }
    Some(texts)
}

/// A text that stands in tokens and in header fields of ours: visible ASCII without quotes.
fn plain(node: &Node, what: &str, faults: &mut Faults) -> Option<String> {
    fields::parsed(node, what, "write it as the issuer does", faults, |text| {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        match visible && !text.is_empty() && text.len() <= TEXT_BYTES_MAX {
            true => Ok(text.to_owned()),
            false => Err("it is made of 1 to 512 visible ASCII characters other than \" and \\"),
        }
    })
}

//! Reads `apis/NAME/api.yaml`.

use std::time::Duration;

use model::{ApiName, Audit, DataClass, Exposure, HostName, IssuerName, Mode, Rate, TeamName, Timestamp};

use super::headers;
use super::{ApiConfig, Examples, HostHeader, Hosts, Limits, Timeouts, Upstream, cors, existing};
use crate::fields::{self, Fields};
use crate::gateway::issuers::read::own_audience;
use crate::place::{Faults, Place};
use crate::quantity::{parse_duration, parse_size};
use crate::tls::{self, UpstreamTls};
use crate::yaml::{self, Node};

const FIELDS: &[&str] = &[
    "audience",
    "audit",
    "base_path",
    "ca_file",
    "client_cert_file",
    "client_key_file",
    "cors",
    "credential",
    "data_class",
    "exchange",
    "existing_keys",
    "exposure",
    "hide_existence",
    "hosts",
    "inventory",
    "issuers",
    "key_header",
    "limits",
    "mode",
    "observe_until",
    "owner",
    "preserve_host",
    "spanning",
    "timeouts",
    "underscore_headers",
    "upstream",
    "version",
];

/// Hosts of one API.
const HOSTS_MAX: usize = 1_000;
/// Items of the lists of templates and of header names.
const ITEMS_MAX: usize = 10_000;
const PATH_BYTES_MAX: usize = 2_048;

/// What the file says, and the places that checks between files need.
pub(crate) struct Written {
    pub(crate) api: ApiConfig,
    pub(crate) hosts: Place,
    pub(crate) upstream: Place,
    pub(crate) owner: Place,
    pub(crate) issuers: Place,
}

pub(crate) fn read(name: &ApiName, bytes: &[u8], faults: &mut Faults) -> Option<Written> {
    let node = yaml::parse(bytes, faults)?;
    let fields = fields::file(&node, FIELDS, faults)?;
    let hosts = fields.need("hosts", "write the hosts that callers use, or ['*'] for one API alone", faults);
    let hosts = hosts.and_then(|node| hosts_of(node, faults));
    let (upstream, upstream_tls) = upstream(&fields, faults).unzip();
    let base_path = fields.or("base_path", "/".to_owned(), faults, base_path);
    let preserve_host = fields.or("preserve_host", HostHeader::Preserve, faults, |node, faults| {
        fields::switch(node, "preserve_host", HostHeader::Preserve, HostHeader::Upstream, faults)
    });
    let owner = owner(&fields, faults);
    let exposure = exposure(&fields, faults);
    let (mode, mode_place) = mode(&fields, faults);
    let audit = audit(&fields, faults);
    let key_header = fields.or("key_header", "x-api-key".to_owned(), faults, |node, faults| {
        fields::parsed(node, "key_header", "write a name such as X-Api-Key", faults, headers::key_header)
    });
    let credentials = existing::read(&fields, faults);
    let tokens = tokens(&fields, faults);
    let limits = fields.or("limits", Limits { per_key: None, per_api: None, body: None }, faults, limits);
    let cors = fields.or("cors", None, faults, |node, faults| {
        cors::read(node, key_header.as_deref().unwrap_or("x-api-key"), faults).map(Some)
    });
    let data_class = fields.or("data_class", DataClass::Restricted, faults, |node, faults| {
        let names = &["public", "internal", "confidential", "restricted"];
        fields::chosen(node, "data_class", names, faults, DataClass::parse)
    });
    let examples = fields.or("inventory", Examples::Redacted, faults, inventory);
    let lists = lists(&fields, faults);
    let timeouts = fields.or("timeouts", TIMEOUTS, faults, timeouts);
    let ((spanning, hide_existence, underscore_headers), (issuers, audience)) = (lists?, tokens?);
    let (credential, exchange, existing_keys) = credentials?;
    Some(Written {
        api: ApiConfig {
            name: name.clone(),
            file: faults.file().to_owned(),
            hosts: hosts?,
            upstream: upstream?,
            upstream_tls: upstream_tls?,
            base_path: base_path?,
            preserve_host: preserve_host?,
            owner: owner?,
            exposure: exposure?,
            mode: mode?,
            mode_place: (mode_place.line, mode_place.column),
            audit: audit?,
            key_header: key_header?,
            credential,
            exchange,
            existing_keys,
            issuers,
            audience,
            limits: limits?,
            cors: cors?,
            data_class: data_class?,
            examples: examples?,
            spanning,
            hide_existence,
            underscore_headers,
            timeouts: timeouts?,
            document: None,
            lock: None,
        },
        hosts: fields.place("hosts"),
        upstream: fields.place("upstream"),
        owner: fields.place("owner"),
        issuers: fields.place("issuers"),
    })
}

/// Where the API is, and how it is called over TLS, if it is.
fn upstream(fields: &Fields<'_>, faults: &mut Faults) -> Option<(Upstream, Option<UpstreamTls>)> {
    let node = fields.need("upstream", "write where the API is, such as http://127.0.0.1:9000", faults)?;
    let fix = "write http://HOST:PORT or https://HOST:PORT";
    let upstream = fields::parsed(node, "upstream", fix, faults, Upstream::parse)?;
    let tls = tls::upstream(fields, upstream.scheme, faults)?;
    Some((upstream, tls))
}

fn owner(fields: &Fields<'_>, faults: &mut Faults) -> Option<TeamName> {
    let node = fields.need("owner", "write the team that answers for the API", faults)?;
    fields::parsed(node, "owner", "write a team of teams.yaml", faults, TeamName::parse)
}

fn audit(fields: &Fields<'_>, faults: &mut Faults) -> Option<Audit> {
    fields.or("audit", Audit::Counted, faults, |node, faults| {
        fields::chosen(node, "audit", &["counted", "required"], faults, Audit::parse)
    })
}

/// `issuers` and `audience`.
fn tokens(fields: &Fields<'_>, faults: &mut Faults) -> Option<(Vec<IssuerName>, Vec<String>)> {
    let issuers = fields.or("issuers", Vec::new(), faults, issuers);
    let audience = own_audience(fields, faults);
    Some((issuers?, audience?))
}

fn issuers(node: &Node, faults: &mut Faults) -> Option<Vec<IssuerName>> {
    let fix = "write names of `issuers` in sallyport.yaml";
    let mut names = fields::each(node, "issuers", faults, |item, faults| {
        fields::parsed(item, "issuers", fix, faults, IssuerName::parse)
    })?;
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// Who the API is for has no default: whatever it were, it would grant in some policy.
fn exposure(fields: &Fields<'_>, faults: &mut Faults) -> Option<Exposure> {
    let fix = "write who it is for: public, partner, internal or third-party";
    let names = &["public", "partner", "internal", "third-party"];
    fields::chosen(fields.need("exposure", fix, faults)?, "exposure", names, faults, Exposure::parse)
}

/// `spanning`, `hide_existence` and `underscore_headers`.
fn lists(fields: &Fields<'_>, faults: &mut Faults) -> Option<(Vec<String>, Vec<String>, Vec<String>)> {
    let spanning = fields.or("spanning", Vec::new(), faults, |node, faults| {
        let fix = "write paths of the document such as /files/{path}";
        texts(node, "spanning", fix, faults, spanning_template)
    });
    let hide_existence = fields.or("hide_existence", Vec::new(), faults, |node, faults| {
        texts(node, "hide_existence", "write operations such as GET /users/{id}", faults, operation)
    });
    let underscore_headers = fields.or("underscore_headers", Vec::new(), faults, |node, faults| {
        texts(node, "underscore_headers", "write names such as x_customer_ref", faults, headers::underscored)
    });
    Some((spanning?, hide_existence?, underscore_headers?))
}

fn hosts_of(node: &Node, faults: &mut Faults) -> Option<Hosts> {
    let fix = "write names without port and path, such as orders.example.com";
    let items = fields::list(node, "hosts", faults)?;
    if items.is_empty() || HOSTS_MAX < items.len() {
        faults.add(node.place, "`hosts` lists 1 to 1000 names", "write the hosts that callers use");
        return None;
    }
    let all = |item: &Node| matches!(&item.value, yaml::Value::Text(text) if text == "*");
    if let Some(star) = items.iter().find(|item| all(item)) {
        if items.len() == 1 {
            return Some(Hosts::Any);
        }
        faults.add(star.place, "`*` stands alone or not at all", "remove `*` or the other hosts");
        return None;
    }
    let mut hosts: Vec<HostName> = fields::each(node, "hosts", faults, |item, faults| {
        fields::parsed(item, "hosts", fix, faults, |text| {
            if text.contains('*') {
                return Err("patterns are not supported; `*` alone means every host".to_owned());
            }
            HostName::parse(text).map_err(|fault| fault.to_string())
        })
    })?;
    let count = hosts.len();
    hosts.sort_unstable();
    hosts.dedup();
    if hosts.len() < count {
        faults.warn(node.place, "a host is listed twice; case does not count", "keep one of them");
    }
    Some(Hosts::Listed(hosts))
}

/// The base path with its final slash removed. It is compared with what callers send byte for byte, so anything that
/// could be spelt in two ways is refused.
fn base_path(node: &Node, faults: &mut Faults) -> Option<String> {
    fields::parsed(node, "base_path", "write / or a path such as /v1", faults, |text| {
        plain_path(text)?;
        if text.contains(['{', '}']) {
            return Err("it has no parameters");
        }
        Ok(if text == "/" { text } else { text.strip_suffix('/').unwrap_or(text) }.to_owned())
    })
}

/// What every path in a file must be: absolute, visible ASCII, no empty or dot segment, nothing escaped.
fn plain_path(text: &str) -> Result<(), &'static str> {
    let Some(rest) = text.strip_prefix('/') else {
        return Err("a path begins with /");
    };
    if PATH_BYTES_MAX < text.len() {
        return Err("the path is over 2048 bytes long");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['%', '\\', ';', '?', '#']) {
        return Err(r"a path holds visible ASCII without %, \, ;, ? and #");
    }
    let inner = rest.strip_suffix('/').unwrap_or(rest);
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    if !rest.is_empty() && inner.split('/').any(odd) {
        return Err("a path has no empty, `.` or `..` segments");
    }
    Ok(())
}

fn spanning_template(text: &str) -> Result<String, String> {
    plain_path(text).map_err(str::to_owned)?;
    let last = text.rsplit('/').next().unwrap_or_default();
    if last.starts_with('{') && last.ends_with('}') && 2 < last.len() {
        Ok(text.to_owned())
    } else {
        Err(format!("`{}` does not end with a parameter", fields::shown(text)))
    }
}

fn operation(text: &str) -> Result<String, String> {
    let listed = |method: &str| model::Method::of_token(method.as_bytes()) != model::Method::Unlisted;
    match text.split_once(' ') {
        Some((method, path)) if listed(method) => {
            plain_path(path).map_err(str::to_owned)?;
            Ok(text.to_owned())
        }
        Some(_) | None => Err(format!("`{}` is no `METHOD /path`", fields::shown(text))),
    }
}

fn mode(fields: &Fields<'_>, faults: &mut Faults) -> (Option<Mode>, Place) {
    let until_fix = "write a date at most 30 days from today, such as 2026-12-09";
    let until = fields
        .find("observe_until")
        .map(|node| fields::parsed(node, "observe_until", until_fix, faults, Timestamp::parse));
    let place = if until.is_some() { fields.place("observe_until") } else { fields.place("mode") };
    let written = match fields.find("mode") {
        None => Some("enforce"),
        Some(node) => fields::chosen(node, "mode", &["enforce", "observe"], faults, |text| match text {
            "enforce" => Some("enforce"),
            "observe" => Some("observe"),
            _ => None,
        }),
    };
    let mode = match (written, until) {
        (Some("observe"), Some(end)) => end.map(Mode::ObserveUntil),
        (Some("observe"), None) => {
            faults.add(place, "`mode: observe` needs `observe_until`: an observation has an end", until_fix);
            None
        }
        (Some(_), until) => {
            if until.is_some() {
                let reason = "`observe_until` means nothing while the API is enforced";
                faults.warn(place, reason, "remove it, or write `mode: observe`");
            }
            Some(Mode::Enforce)
        }
        (None, _) => None,
    };
    (mode, place)
}

fn limits(node: &Node, faults: &mut Faults) -> Option<Limits> {
    let fields = Fields::of(node, "`limits`", &["body", "per_api", "per_key"], faults)?;
    let rate = |name: &str, faults: &mut Faults| {
        fields.or(name, None, faults, |node, faults| {
            fields::parsed(
                node,
                name,
                "write a rate such as 100/s, 2000/m, 5000/h or 10000/d",
                faults,
                |text| {
                    Rate::parse(text).map(Some).ok_or_else(|| format!("`{}` is no rate", fields::shown(text)))
                },
            )
        })
    };
    let per_key = rate("per_key", faults);
    let per_api = rate("per_api", faults);
    let body = fields.or("body", None, faults, |node, faults| {
        fields::parsed(node, "body", "write a size such as 10MiB", faults, parse_size).map(Some)
    });
    Some(Limits { per_key: per_key?, per_api: per_api?, body: body? })
}

/// Whether examples have values has no other default than that they have none.
fn inventory(node: &Node, faults: &mut Faults) -> Option<Examples> {
    let fields = Fields::of(node, "`inventory`", &["examples"], faults)?;
    fields.or("examples", Examples::Redacted, faults, |node, faults| {
        fields::chosen(node, "examples", &["redacted", "values"], faults, |text| match text {
            "redacted" => Some(Examples::Redacted),
            "values" => Some(Examples::Values),
            _ => None,
        })
    })
}

/// Long enough for slow reports, short enough that a dead upstream is noticed.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    head: Duration::from_secs(60),
    idle: Duration::from_secs(300),
};

fn timeouts(node: &Node, faults: &mut Faults) -> Option<Timeouts> {
    let fields = Fields::of(node, "`timeouts`", &["connect", "head", "idle"], faults)?;
    let read = |name: &str, default: Duration, faults: &mut Faults| {
        fields.or(name, default, faults, |node, faults| {
            let fix = "write a time from 10ms to 1h, such as 30s";
            let time = fields::parsed(node, name, fix, faults, parse_duration)?;
            if time < Duration::from_millis(10) || Duration::from_secs(3_600) < time {
                faults.add(node.place, format!("`{name}` must be from 10ms to 1h"), fix);
                return None;
            }
            Some(time)
        })
    };
    let connect = read("connect", TIMEOUTS.connect, faults);
    let head = read("head", TIMEOUTS.head, faults);
    let idle = read("idle", TIMEOUTS.idle, faults);
    Some(Timeouts { connect: connect?, head: head?, idle: idle? })
}

fn texts<E: std::fmt::Display>(
    node: &Node,
    what: &str,
    fix: &str,
    faults: &mut Faults,
    parse: impl Fn(&str) -> Result<String, E>,
) -> Option<Vec<String>> {
    let mut values =
        fields::each(node, what, faults, |item, faults| fields::parsed(item, what, fix, faults, &parse))?;
    if ITEMS_MAX < values.len() {
        faults.add(node.place, format!("`{what}` lists over 10000 items"), "remove some");
        return None;
    }
    values.sort_unstable();
    values.dedup();
    Some(values)
}

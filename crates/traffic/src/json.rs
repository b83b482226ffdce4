//! One JSON object a line: nginx, Caddy, Traefik and Envoy as they write it, and whatever a [`FieldMap`] says.

use serde_json::Value;

use crate::bare::{CREDENTIALS, is_bare};
use crate::exchange::{Credential, Exchange};
use crate::fault::{Fault, FaultKind};
use crate::scan::ascii;
use crate::target::{self, Target};
use crate::time;

/// Where in an object each part of an exchange is looked for; the first place that holds something counts.
///
/// A place is a name or several with dots between them; a name that itself has dots is found as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldMap {
    places: [Vec<String>; PARTS],
}

/// A part of an exchange that a field can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    At,
    Host,
    Method,
    /// A path, a target with its query, or a whole URL.
    Path,
    Query,
    /// `GET /a HTTP/1.1`.
    RequestLine,
    Status,
    BytesIn,
    BytesOut,
    /// In seconds, as a number with a fraction; Go's form (`1.5ms`) is read too.
    Seconds,
    Milliseconds,
    /// Of one million to the second.
    Nanoseconds,
    Client,
    Agent,
    ResponseType,
    Caller,
    /// A caller whose name was checked by whoever wrote it down. Only a person can say so of a field.
    Verified,
    Route,
}

const PARTS: usize = 18;

/// What servers call these parts, the most telling first.
const KNOWN: [(Part, &str, &[&str]); PARTS] = [
    (
        Part::At,
        "at",
        &[
            "ts",
            "time",
            "timestamp",
            "@timestamp",
            "time_iso8601",
            "time_local",
            "msec",
            "StartUTC",
            "start_time",
            "date",
            "requestTime",
        ],
    ),
    (
        Part::Host,
        "host",
        &[
            "host",
            "http_host",
            "request.host",
            "RequestHost",
            "authority",
            ":authority",
            "server_name",
            "vhost",
            "domainName",
            "hostname",
        ],
    ),
    (
        Part::Method,
        "method",
        &[
            "method",
            "request_method",
            "request.method",
            "RequestMethod",
            "http_method",
            "httpMethod",
            "verb",
            ":method",
        ],
    ),
    (
        Part::Path,
        "path",
        &[
            "path",
            "request_uri",
            "request.uri",
            "RequestPath",
            "uri",
            "url",
            "target",
            "x-envoy-original-path",
            "request.url",
            "resourcePath",
        ],
    ),
    (Part::Query, "query", &["query", "args", "query_string", "request.query"]),
    (Part::RequestLine, "request", &["request", "request_line"]),
    (
        Part::Status,
        "status",
        &["status", "status_code", "DownstreamStatus", "response_code", "response.status", "code"],
    ),
    (
        Part::BytesIn,
        "bytes_in",
        &["request_length", "bytes_read", "bytes_received", "RequestContentSize", "bytes_in"],
    ),
    (
        Part::BytesOut,
        "bytes_out",
        &[
            "bytes",
            "body_bytes_sent",
            "bytes_sent",
            "size",
            "DownstreamContentSize",
            "responseLength",
            "bytes_out",
        ],
    ),
    (Part::Seconds, "seconds", &["request_time", "duration_s", "latency"]),
    (Part::Milliseconds, "milliseconds", &["dur_ms", "duration_ms", "latency_ms", "responseLatency"]),
    (Part::Nanoseconds, "nanoseconds", &["Duration"]),
    (
        Part::Client,
        "client",
        &[
            "ip",
            "remote_addr",
            "client_ip",
            "request.client_ip",
            "request.remote_ip",
            "ClientHost",
            "remote_ip",
            "downstream_remote_address",
            "x_forwarded_for",
            "sourceIp",
        ],
    ),
    (
        Part::Agent,
        "agent",
        &[
            "ua",
            "http_user_agent",
            "user_agent",
            "request_User-Agent",
            "request.headers.User-Agent",
            "userAgent",
            "agent",
        ],
    ),
    (
        Part::ResponseType,
        "response_type",
        &[
            "ctype",
            "sent_http_content_type",
            "content_type",
            "resp_headers.Content-Type",
            "downstream_Content-Type",
        ],
    ),
    (Part::Caller, "caller", &["sub", "remote_user", "user_id", "ClientUsername", "user", "caller"]),
    (Part::Verified, "verified", &[]),
    (Part::Route, "route", &["http.route", "route", "route_template"]),
];

/// A field map that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldMapError {
    #[error("`{0}` is not of the form PART=FIELD")]
    Form(String),
    #[error(
        "`{0}` is no part of a request; there are at, host, method, path, query, request, status, bytes_in, bytes_out, seconds, milliseconds, nanoseconds, client, agent, response_type, caller, verified and route"
    )]
    Part(String),
}

impl Default for FieldMap {
    fn default() -> Self {
        let names =
            |(_, _, names): (Part, &str, &[&str])| names.iter().map(|name| (*name).to_owned()).collect();
        Self { places: KNOWN.map(names) }
    }
}

impl FieldMap {
    /// Puts places of `PART=FIELD,…` before the known ones.
    pub fn with(mut self, text: &str) -> Result<Self, FieldMapError> {
        for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let (part, field) = one.split_once('=').ok_or_else(|| FieldMapError::Form(one.to_owned()))?;
            let place = KNOWN.iter().position(|(_, name, _)| *name == part.trim());
            let places = place.and_then(|place| self.places.get_mut(place));
            places.ok_or_else(|| FieldMapError::Part(part.to_owned()))?.insert(0, field.trim().to_owned());
        }
        Ok(self)
    }

    fn find<'v>(&self, object: &'v Value, part: Part) -> Option<&'v Value> {
        let place = KNOWN.iter().position(|(known, _, _)| *known == part)?;
        self.places.get(place)?.iter().find_map(|name| at(object, name)).map(first)
    }

    fn text<'v>(&self, object: &'v Value, part: Part) -> Option<&'v str> {
        self.find(object, part)?.as_str().filter(|text| !matches!(*text, "" | "-"))
    }

    fn count(&self, object: &Value, part: Part) -> Option<u64> {
        match self.find(object, part)? {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        }
    }
}

/// The value at a name, or at names with dots between them.
fn at<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(name).filter(|found| !found.is_null()) {
        return Some(found);
    }
    let (outer, inner) = name.split_once('.')?;
    at(value.get(outer)?, inner)
}

/// Fields of a header come as lists.
fn first(value: &Value) -> &Value {
    value.as_array().and_then(|list| list.first()).unwrap_or(value)
}

/// Reads one object. `host` and `encoded` are scratch for what differs from it.
pub(crate) fn read<'a>(
    object: &'a Value,
    map: &FieldMap,
    host: &'a mut String,
    encoded: &'a mut String,
) -> Result<Exchange<'a>, Fault> {
    if !object.is_object() {
        return Err(Fault::new(FaultKind::Json, 0));
    }
    let fault = |kind| Fault::new(kind, 0);
    let (method, aimed) = request(object, map, encoded).map_err(fault)?;
    let moment = match map.find(object, Part::At) {
        None => None,
        Some(found) => Some(moment(found).ok_or_else(|| fault(FaultKind::Time))?),
    };
    let status = map.count(object, Part::Status).and_then(|status| u16::try_from(status).ok());
    let checked = map.text(object, Part::Verified).or_else(|| checked(object));
    let caller = checked.or_else(|| map.text(object, Part::Caller));
    let query = map.text(object, Part::Query).or(aimed.query);
    // Servers write down the name that was tried, too; it is nobody's where the answer was a failure.
    let is_caller = status.is_some_and(|status| (100..400).contains(&status));
    Ok(Exchange {
        at: moment,
        host: map.text(object, Part::Host).or(aimed.host).and_then(|text| target::host(text, host)),
        method,
        path: aimed.path,
        query,
        status: status.filter(target::is_status),
        bytes_in: map.count(object, Part::BytesIn),
        bytes_out: map.count(object, Part::BytesOut),
        duration: duration(object, map),
        response_type: map.text(object, Part::ResponseType),
        client: map.text(object, Part::Client).map(address),
        agent: map.text(object, Part::Agent),
        caller: caller.filter(|_| is_caller),
        credential: match (caller, checked) {
            (None, _) => by_fields(object, query),
            (Some(_), Some(_)) if is_caller => Credential::Verified,
            (Some(_), _) => Credential::Sent,
        },
        route: map.text(object, Part::Route).or_else(|| {
            let (_, path) = object.get("routeKey")?.as_str()?.split_once(' ')?;
            (path == aimed.path).then_some(path)
        }),
        deprecated: answered(object, "deprecation").is_some(),
        sunset: answered(object, "sunset").and_then(time::http_date),
        ..Exchange::default()
    })
}

/// A name that is in the log only if the server had checked it. Caddy fills `user_id` from its handlers of authentication, and has all fields
/// of the request beside it. nginx takes `$remote_user` from any `Authorization: Basic`, Traefik `ClientUsername` from the address too, and
/// what `sub`, `user` and `caller` of other logs hold nobody knows: those are claims.
fn checked(object: &Value) -> Option<&str> {
    object.get("request")?.get("headers")?.as_object()?;
    object.get("user_id")?.as_str().filter(|name| !name.is_empty())
}

/// A field of the answer, where a log has them all.
fn answered<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    let fields = object.get("resp_headers")?.as_object()?;
    let (_, values) = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    values.as_array()?.first()?.as_str()
}

/// What all fields of a request show of a credential, where a log has them all, as Caddy's does: their values may be blotted out, their
/// names are there. The certificate of a client is one too; a log of these fields tells its serial number, whatever its name.
fn by_fields(object: &Value, query: Option<&str>) -> Credential {
    let Some(request) = object.get("request") else { return Credential::NotShown };
    let Some(fields) = request.get("headers").and_then(Value::as_object) else {
        return Credential::NotShown;
    };
    let certified = |name| request.get("tls").is_some_and(|tls| tls.get(name).is_some());
    if certified("client_serial") || certified("client_common_name") {
        return Credential::Sent;
    }
    let mut names = fields.keys();
    if names.any(|name| CREDENTIALS.iter().any(|known| name.eq_ignore_ascii_case(known))) {
        return Credential::Sent;
    }
    match is_bare(fields.keys().map(String::as_bytes), query) {
        true => Credential::Absent,
        false => Credential::NotShown,
    }
}

fn request<'v>(
    object: &'v Value,
    map: &FieldMap,
    encoded: &'v mut String,
) -> Result<(&'v str, Target<'v>), FaultKind> {
    let method = map.text(object, Part::Method);
    let path = map.text(object, Part::Path);
    match (method, path) {
        (Some("CONNECT"), _) => Err(FaultKind::NoPath),
        (Some(method), Some(path)) if target::is_method(method) => {
            Ok((method, target::split(ascii(path.as_bytes(), encoded))?))
        }
        (Some(_), Some(_)) => Err(FaultKind::NoRequest),
        (_, _) => match map.text(object, Part::RequestLine) {
            Some(line) => target::request_line(ascii(line.as_bytes(), encoded)),
            None => route_key(object),
        },
    }
}

/// `GET /pets/{petId}`: all that an HTTP API of AWS tells of a request unless its log is asked for the path.
fn route_key(object: &Value) -> Result<(&str, Target<'_>), FaultKind> {
    let key = object.get("routeKey").and_then(Value::as_str).ok_or(FaultKind::Fields)?;
    match key.split_once(' ') {
        // What is greedy, or taken where nothing else fits, tells no path.
        Some((method, path))
            if target::is_method(method) && path.starts_with('/') && !path.contains("+}") =>
        {
            Ok((method, Target { host: None, path, query: None }))
        }
        Some(_) | None => Err(FaultKind::NoPath),
    }
}

fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => time::any(text),
        Value::Number(number) => time::epoch(&number.to_string()),
        _ => None,
    }
}

/// In microseconds.
fn duration(object: &Value, map: &FieldMap) -> Option<u64> {
    let micros = |part, scale: f64| {
        let number = match map.find(object, part)? {
            Value::String(text) => text.parse().ok()?,
            other => other.as_f64()?,
        };
        let micros = number * scale;
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in range, as compared before"
        )]
        (0.0..1e15).contains(&micros).then_some(micros as u64)
    };
    micros(Part::Milliseconds, 1e3)
        .or_else(|| micros(Part::Seconds, 1e6))
        .or_else(|| micros(Part::Nanoseconds, 1e-3))
}

/// An address without the port behind it: Envoy writes both.
pub(crate) fn address(text: &str) -> &str {
    match text.rsplit_once(':') {
        Some((address, port)) if !address.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            address
        }
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, want: Exchange<'_>) {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(
            read(&value, &FieldMap::default(), &mut String::new(), &mut String::new()),
            Ok(want),
            "{line}"
        );
    }

    #[test]
    fn reads_what_servers_write() {
        let common = Exchange {
            at: Some(1_741_564_800_257),
            host: Some("api.example.com"),
            method: "GET",
            path: "/a/1",
            status: Some(200),
            bytes_out: Some(52),
            client: Some("203.0.113.7"),
            agent: Some("curl/8"),
            ..Exchange::default()
        };
        check(
            r#"{"ts":"1741564800.257","host":"api.example.com","method":"GET","path":"/a/1","query":"","status":200,"bytes":52,"dur_ms":22,"ip":"203.0.113.7","ua":"curl/8","ctype":"application/json","sub":"u1"}"#,
            Exchange {
                duration: Some(22_000),
                response_type: Some("application/json"),
                caller: Some("u1"),
                credential: Credential::Sent,
                ..common
            },
        );
        // nginx, as its documentation's examples name the fields.
        check(
            r#"{"time_iso8601":"2025-03-10T00:00:00.257+00:00","remote_addr":"203.0.113.7","request":"GET /a/1?x=1 HTTP/1.1","status":"200","body_bytes_sent":"52","http_user_agent":"curl/8","http_host":"API.example.com","request_time":"0.022"}"#,
            Exchange { query: Some("x=1"), duration: Some(22_000), ..common },
        );
        // Caddy.
        check(
            r#"{"level":"info","ts":1741564800.257,"logger":"http.log.access","request":{"remote_ip":"203.0.113.7","client_ip":"203.0.113.7","method":"GET","host":"api.example.com","uri":"/a/1?x=1","headers":{"User-Agent":["curl/8"]}},"size":52,"status":200,"resp_headers":{"Content-Type":["text/plain"],"Deprecation":["@1688169599"],"Sunset":["Sun, 11 Nov 2018 23:59:59 GMT"]}}"#,
            Exchange {
                query: Some("x=1"),
                response_type: Some("text/plain"),
                credential: Credential::Absent,
                deprecated: true,
                sunset: Some(1_541_980_799_000),
                ..common
            },
        );
        // Traefik.
        check(
            r#"{"ClientHost":"203.0.113.7","DownstreamContentSize":52,"DownstreamStatus":200,"Duration":22000000,"RequestHost":"api.example.com","RequestMethod":"GET","RequestPath":"/a/1","StartUTC":"2025-03-10T00:00:00.257Z","request_User-Agent":"curl/8"}"#,
            Exchange { duration: Some(22_000), ..common },
        );
        // Envoy.
        check(
            r#"{"start_time":"2025-03-10T00:00:00.257Z","method":"GET","path":"/a/1","protocol":"HTTP/1.1","response_code":200,"bytes_received":0,"bytes_sent":52,"user_agent":"curl/8","authority":"api.example.com","downstream_remote_address":"203.0.113.7:51000"}"#,
            Exchange { bytes_in: Some(0), ..common },
        );
    }

    #[test]
    fn a_path_in_unicode_is_percent_encoded() {
        check(
            r#"{"method":"GET","path":"/caf\u00e9"}"#,
            Exchange { method: "GET", path: "/caf%C3%A9", ..Exchange::default() },
        );
    }

    #[test]
    fn a_map_goes_before_what_is_known() {
        let map = FieldMap::default().with("method=op.verb, path=op.to,host=method").unwrap();
        let value = serde_json::json!({"op": {"verb": "PUT", "to": "/x"}, "method": "h.example"});
        let (mut host, mut encoded) = (String::new(), String::new());
        let found = read(&value, &map, &mut host, &mut encoded);
        let want = Exchange { method: "PUT", path: "/x", host: Some("h.example"), ..Exchange::default() };
        assert_eq!(found, Ok(want));
        assert_eq!(FieldMap::default().with("method"), Err(FieldMapError::Form("method".into())));
        assert_eq!(FieldMap::default().with("verb=x"), Err(FieldMapError::Part("verb".into())));
    }

    #[test]
    fn says_what_is_missing() {
        for (line, want) in [
            ("[]", FaultKind::Json),
            ("{}", FaultKind::Fields),
            (r#"{"method":"GET"}"#, FaultKind::Fields),
            (r#"{"method":"G T","path":"/"}"#, FaultKind::NoRequest),
            (r#"{"method":"GET","path":"a"}"#, FaultKind::NoRequest),
            (r#"{"method":"OPTIONS","path":"*"}"#, FaultKind::NoPath),
            (r#"{"method":"GET","path":"/ "}"#, FaultKind::Target),
            (r#"{"method":"GET","path":"/","ts":"soon"}"#, FaultKind::Time),
        ] {
            let value: Value = serde_json::from_str(line).unwrap();
            let (mut host, mut encoded) = (String::new(), String::new());
            let found = read(&value, &FieldMap::default(), &mut host, &mut encoded);
            assert_eq!(found.map_err(|fault| fault.kind), Err(want), "{line}");
        }
    }

    #[test]
    fn a_log_of_all_fields_shows_whether_there_was_a_credential() {
        let line = |headers: &str, uri: &str| {
            format!(
                r#"{{"request":{{"method":"GET","host":"h.example","uri":"{uri}","headers":{{{headers}}}}},"user_id":"","status":200}}"#
            )
        };
        for (headers, uri, expected) in [
            (r#""User-Agent":["a"],"Accept":["b"]"#, "/a?page=1", Credential::Absent),
            ("", "/a", Credential::Absent),
            (r#""Authorization":[]"#, "/a", Credential::Sent),
            (r#""Cookie":["REDACTED"],"Accept":["b"]"#, "/a", Credential::Sent),
            (r#""X-Something":["b"]"#, "/a", Credential::NotShown),
            (r#""Accept":["b"]"#, "/a?api_key=1", Credential::NotShown),
        ] {
            let line = line(headers, uri);
            let mut reader = crate::Reader::new(crate::Format::JsonLines);
            assert_eq!(reader.line(line.as_bytes()).unwrap().unwrap().credential, expected, "{line}");
        }
        for (tls, expected) in [
            (r#"{"version":772,"server_name":"h.example"}"#, Credential::Absent),
            (r#"{"version":772,"client_common_name":"","client_serial":"4711"}"#, Credential::Sent),
            (r#"{"client_common_name":"checkout"}"#, Credential::Sent),
        ] {
            let line = line("", "/a").replacen("\"headers\"", &format!("\"tls\":{tls},\"headers\""), 1);
            let mut reader = crate::Reader::new(crate::Format::JsonLines);
            assert_eq!(reader.line(line.as_bytes()).unwrap().unwrap().credential, expected, "{line}");
        }
        let mut reader = crate::Reader::new(crate::Format::JsonLines);
        let plain = br#"{"method":"GET","path":"/a","status":200}"#;
        assert_eq!(reader.line(plain).unwrap().unwrap().credential, Credential::NotShown);
    }

    #[test]
    fn a_name_is_verified_only_where_the_server_must_have_checked_it() {
        let find = |line: &str, map: &FieldMap| {
            let value: Value = serde_json::from_str(line).unwrap();
            let (mut host, mut encoded) = (String::new(), String::new());
            let found = read(&value, map, &mut host, &mut encoded).unwrap();
            (found.caller.is_some(), found.credential)
        };
        let (plain, said) = (FieldMap::default(), FieldMap::default().with("verified=who").unwrap());
        let caddy = |user: &str, status: u16| {
            format!(
                r#"{{"request":{{"method":"GET","uri":"/a","headers":{{"Authorization":["REDACTED"]}}}},"user_id":"{user}","status":{status}}}"#
            )
        };
        assert_eq!(find(&caddy("ada", 200), &plain), (true, Credential::Verified));
        assert_eq!(find(&caddy("ada", 401), &plain), (false, Credential::Sent));
        assert_eq!(find(&caddy("", 200), &plain), (false, Credential::Sent));
        for name in ["remote_user", "user_id", "ClientUsername", "sub", "user", "caller", "who"] {
            let line =
                |status: u16| format!(r#"{{"method":"GET","path":"/a","status":{status},"{name}":"ada"}}"#);
            if name == "who" {
                assert_eq!(find(&line(200), &plain), (false, Credential::NotShown));
                assert_eq!(find(&line(200), &said), (true, Credential::Verified));
                assert_eq!(find(&line(403), &said), (false, Credential::Sent));
            } else {
                assert_eq!(find(&line(200), &plain), (true, Credential::Sent), "{name}");
                assert_eq!(find(&line(200), &said), (true, Credential::Sent), "{name}");
            }
        }
    }

    #[test]
    fn the_route_of_an_api_gateway_is_path_and_template() {
        let read = |key: &str| {
            let line = format!(r#"{{"routeKey":"{key}","status":"200","ip":"203.0.113.7"}}"#);
            let mut reader = crate::Reader::new(crate::Format::JsonLines);
            reader.line(line.as_bytes()).map(|found| {
                found.map(|one| (one.method.to_owned(), one.path.to_owned(), one.route.map(str::to_owned)))
            })
        };
        let path = "/pets/{petId}".to_owned();
        assert_eq!(read("GET /pets/{petId}"), Ok(Some(("GET".to_owned(), path.clone(), Some(path)))));
        for key in ["$default", "ANY /{proxy+}", "GET", "GET pets", ""] {
            assert!(read(key).is_err(), "{key}");
        }
    }
}

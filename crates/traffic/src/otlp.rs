//! Spans of HTTP servers and clients, under the names of OpenTelemetry's semantic conventions of today and of before 1.23.

use serde_json::Value;

use crate::document::Scratch;
use crate::exchange::{Credential, Exchange, Side};
use crate::fault::{Fault, FaultKind};
use crate::scan::ascii;
use crate::target::{self, Target};

/// Gives an exchange for each span of one resource that is a request. Spans of other kinds are none.
pub(crate) fn read(
    resource: &Value,
    scratch: &mut Scratch,
    give: &mut dyn FnMut(Result<Exchange<'_>, Fault>),
) {
    let lists =
        ["scopeSpans", "instrumentationLibrarySpans"].into_iter().filter_map(|name| resource.get(name));
    let scopes = lists.filter_map(Value::as_array).flatten();
    let spans = scopes.filter_map(|scope| scope.get("spans")).filter_map(Value::as_array).flatten();
    for span in spans {
        if let Some(side) = side(span)
            && attribute(span, &["http.request.method", "http.method"]).is_some()
        {
            give(exchange(span, side, scratch));
        }
    }
}

/// A number in JSON, a name in what collectors write for people.
fn side(span: &Value) -> Option<Side> {
    match span.get("kind")? {
        Value::Number(number) if number.as_u64() == Some(2) => Some(Side::Server),
        Value::Number(number) if number.as_u64() == Some(3) => Some(Side::Client),
        Value::String(name) if name == "SPAN_KIND_SERVER" => Some(Side::Server),
        Value::String(name) if name == "SPAN_KIND_CLIENT" => Some(Side::Client),
        _ => None,
    }
}

/// The value of the first of these attributes that is there.
fn attribute<'a>(span: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let attributes = span.get("attributes")?.as_array()?;
    names.iter().find_map(|name| {
        let found = attributes.iter().find(|one| one.get("key").and_then(Value::as_str) == Some(*name))?;
        let value = found.get("value")?;
        ["stringValue", "intValue"].into_iter().find_map(|kind| value.get(kind))
    })
}

fn text<'a>(span: &'a Value, names: &[&str]) -> Option<&'a str> {
    attribute(span, names)?.as_str().filter(|text| !text.is_empty())
}

/// A number; 64 bits are texts in this form of JSON.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

fn exchange<'a>(span: &'a Value, side: Side, scratch: &'a mut Scratch) -> Result<Exchange<'a>, Fault> {
    let fault = |kind| Fault::new(kind, 0);
    let Scratch { target: line, host, .. } = scratch;
    let method =
        text(span, &["http.request.method", "http.method"]).ok_or_else(|| fault(FaultKind::Fields))?;
    if method == "CONNECT" {
        return Err(fault(FaultKind::NoPath));
    }
    if !target::is_method(method) {
        return Err(fault(FaultKind::NoRequest));
    }
    let route = text(span, &["http.route"]);
    let written = text(span, &["url.path", "http.target", "url.full", "http.url"]);
    let aimed = match (written, route) {
        (Some(written), _) => target::split(ascii(written.as_bytes(), line)).map_err(fault)?,
        // A service that writes down the template alone says what matters.
        (None, Some(route)) if route.starts_with('/') => {
            Target { host: None, ..target::split(ascii(route.as_bytes(), line)).map_err(fault)? }
        }
        (None, _) => return Err(fault(FaultKind::Fields)),
    };
    let nanos = |name: &str| span.get(name).and_then(number);
    let (begun, ended) = (nanos("startTimeUnixNano"), nanos("endTimeUnixNano"));
    let named =
        text(span, &["server.address", "http.host", "net.host.name", "net.peer.name", "http.server_name"]);
    let status = attribute(span, &["http.response.status_code", "http.status_code"]).and_then(number);
    let caller = text(span, &["enduser.id", "user.id"]).filter(|_| side == Side::Server);
    let size = |names: &[&str]| attribute(span, names).and_then(number);
    Ok(Exchange {
        at: begun.and_then(|nanos| i64::try_from(nanos / 1_000_000).ok()),
        host: named.or(aimed.host).and_then(|text| target::host(text, host)),
        method,
        path: aimed.path,
        query: text(span, &["url.query"]).or(aimed.query),
        status: status.and_then(|status| u16::try_from(status).ok()).filter(target::is_status),
        bytes_in: size(&["http.request.body.size", "http.request_content_length"]),
        bytes_out: size(&["http.response.body.size", "http.response_content_length"]),
        duration: begun
            .zip(ended)
            .and_then(|(begun, ended)| ended.checked_sub(begun))
            .map(|nanos| nanos / 1_000),
        client: text(span, &["client.address", "http.client_ip", "net.sock.peer.addr", "net.peer.ip"])
            .filter(|_| side == Side::Server),
        agent: text(span, &["user_agent.original", "http.user_agent"]),
        caller,
        // By its definition `enduser.id` is what stood in the token or the `Authorization` field; nobody says that it was checked.
        credential: if caller.is_some() { Credential::Sent } else { Credential::NotShown },
        route: route.filter(|route| route.starts_with('/')),
        side,
        ..Exchange::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(spans: Value) -> Vec<String> {
        let resource = serde_json::json!({ "resource": {}, "scopeSpans": [{ "spans": spans }] });
        let mut found = Vec::new();
        read(&resource, &mut Scratch::default(), &mut |exchange| found.push(format!("{exchange:?}")));
        found
    }

    fn span(kind: Value, attributes: &[(&str, Value)]) -> Value {
        let attributes: Vec<Value> = attributes
            .iter()
            .map(|(key, value)| {
                let kind = if value.is_string() { "stringValue" } else { "intValue" };
                serde_json::json!({ "key": key, "value": { kind: value } })
            })
            .collect();
        serde_json::json!({
            "kind": kind, "startTimeUnixNano": "1741564800257000000", "endTimeUnixNano": "1741564800279500000",
            "attributes": attributes,
        })
    }

    #[test]
    fn reads_the_names_of_today_and_of_before() {
        let want = Exchange {
            at: Some(1_741_564_800_257),
            host: Some("api.example.com"),
            method: "GET",
            path: "/users/7",
            query: Some("a=b"),
            status: Some(200),
            duration: Some(22_500),
            client: Some("203.0.113.7"),
            agent: Some("curl/8"),
            caller: Some("ada"),
            credential: Credential::Sent,
            route: Some("/users/{id}"),
            ..Exchange::default()
        };
        let today = [
            ("http.request.method", "GET".into()),
            ("url.path", "/users/7".into()),
            ("url.query", "a=b".into()),
            ("http.response.status_code", 200.into()),
            ("server.address", "API.example.com".into()),
            ("client.address", "203.0.113.7".into()),
            ("user_agent.original", "curl/8".into()),
            ("enduser.id", "ada".into()),
            ("http.route", "/users/{id}".into()),
        ];
        let before = [
            ("http.method", "GET".into()),
            ("http.target", "/users/7?a=b".into()),
            ("http.status_code", "200".into()),
            ("http.host", "api.example.com:443".into()),
            ("http.client_ip", "203.0.113.7".into()),
            ("http.user_agent", "curl/8".into()),
            ("enduser.id", "ada".into()),
            ("http.route", "/users/{id}".into()),
        ];
        let found =
            spans(serde_json::json!([span(2.into(), &today), span("SPAN_KIND_SERVER".into(), &before)]));
        assert_eq!(found, [format!("{:?}", Ok::<_, Fault>(want)), format!("{:?}", Ok::<_, Fault>(want))]);
    }

    #[test]
    fn clients_call_others_and_other_spans_are_no_requests() {
        let client = [
            ("http.request.method", "POST".into()),
            ("url.full", "https://Pay.example/charge?x".into()),
            ("http.response.status_code", 503.into()),
            ("enduser.id", "ada".into()),
        ];
        let internal = [("http.request.method", "GET".into()), ("url.path", "/".into())];
        let database = [("db.system", "postgresql".into())];
        let found = spans(serde_json::json!([
            span(3.into(), &client),
            span(1.into(), &internal),
            span(3.into(), &database)
        ]));
        let [one] = &found[..] else { panic!("{found:?}") };
        for part in
            ["host: Some(\"pay.example\")", "path: \"/charge\"", "side: Client", "caller: None", "NotShown"]
        {
            assert!(one.contains(part), "{one}");
        }
    }

    #[test]
    fn a_template_alone_is_enough_and_nothing_is_a_fault() {
        let route = [("http.method", "GET".into()), ("http.route", "/users/{id}".into())];
        let nothing = [("http.method", "GET".into()), ("http.route", "users_show".into())];
        let bad = [("http.method", "G T".into()), ("url.path", "/".into())];
        let control = [("http.method", "GET".into()), ("http.route", "/users/{id}\0".into())];
        let found = spans(serde_json::json!([
            span(2.into(), &route),
            span(2.into(), &nothing),
            span(2.into(), &bad),
            span(2.into(), &control)
        ]));
        assert!(found.get(3).is_some_and(|one| one.contains("Target")), "{found:?}");
        assert!(found.first().is_some_and(|one| one.contains("path: \"/users/{id}\"")), "{found:?}");
        assert!(found.get(1).is_some_and(|one| one.contains("Fields")), "{found:?}");
        assert!(found.get(2).is_some_and(|one| one.contains("NoRequest")), "{found:?}");
    }
}

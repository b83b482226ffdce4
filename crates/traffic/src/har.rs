//! Entries of an HTTP archive, as browsers and proxies write them (HAR 1.2).
//!
//! Browsers leave credentials out of what they export unless they are asked for them, so the absence of one tells nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::bare::CREDENTIALS;
use crate::document::Scratch;
use crate::exchange::{Body, Credential, Exchange, Side};
use crate::fault::{Fault, FaultKind};
use crate::scan::ascii;
use crate::{target, time};

pub(crate) fn read<'a>(entry: &'a Value, scratch: &'a mut Scratch) -> Result<Exchange<'a>, Fault> {
    let fault = |kind| Fault::new(kind, 0);
    let (request, response) = (entry.get("request"), entry.get("response"));
    let text = |value: Option<&'a Value>, name: &str| {
        value.and_then(|value| value.get(name)).and_then(Value::as_str)
    };
    let method = text(request, "method").ok_or_else(|| fault(FaultKind::Fields))?;
    let url = text(request, "url").ok_or_else(|| fault(FaultKind::Fields))?;
    if method == "CONNECT" || !is_web(url) {
        return Err(fault(FaultKind::NoPath));
    }
    if !target::is_method(method) {
        return Err(fault(FaultKind::NoRequest));
    }
    let Scratch { target: line, host, request_body, response_body } = scratch;
    let aimed = target::split(ascii(url.as_bytes(), line)).map_err(fault)?;
    let moment = match text(Some(entry), "startedDateTime") {
        None => None,
        Some(written) => Some(time::iso(written).ok_or_else(|| fault(FaultKind::Time))?),
    };
    let status = response.and_then(|response| response.get("status")).and_then(Value::as_u64);
    let content = response.and_then(|response| response.get("content"));
    let posted = request.and_then(|request| request.get("postData"));
    let carries = CREDENTIALS.iter().any(|name| header(request, name).is_some());
    let size =
        |value: Option<&Value>, name: &str| value.and_then(|value| value.get(name)).and_then(Value::as_u64);
    Ok(Exchange {
        at: moment,
        host: aimed.host.and_then(|text| target::host(text, host)),
        method,
        path: aimed.path,
        query: aimed.query,
        // 0 stands for a request that was never answered.
        status: status.and_then(|status| u16::try_from(status).ok()).filter(target::is_status),
        bytes_in: size(request, "bodySize"),
        bytes_out: size(content, "size"),
        duration: entry.get("time").and_then(Value::as_f64).and_then(micros),
        request_type: text(posted, "mimeType").or_else(|| header(request, "content-type")),
        response_type: header(response, "content-type").or_else(|| text(content, "mimeType")),
        agent: header(request, "user-agent"),
        credential: if carries { Credential::Sent } else { Credential::NotShown },
        side: Side::Client,
        deprecated: header(response, "deprecation").is_some(),
        sunset: header(response, "sunset").and_then(time::http_date),
        request_body: body(posted, request_body),
        response_body: body(content, response_body),
        ..Exchange::default()
    })
}

fn is_web(url: &str) -> bool {
    let begins =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
    target::SCHEMES.into_iter().any(begins)
}

/// The value of a header field; names are compared without case.
fn header<'a>(message: Option<&'a Value>, name: &str) -> Option<&'a str> {
    let fields = message?.get("headers")?.as_array()?;
    let text = |field: &'a Value, part: &str| field.get(part).and_then(Value::as_str);
    let field = fields
        .iter()
        .find(|field| text(field, "name").is_some_and(|found| found.eq_ignore_ascii_case(name)))?;
    text(field, "value")
}

/// The text of a body; what is no text is left out.
fn body<'a>(content: Option<&'a Value>, scratch: &'a mut String) -> Option<Body<'a>> {
    let content = content?;
    let text = content.get("text")?.as_str().filter(|text| !text.is_empty())?;
    let media_type = content.get("mimeType").and_then(Value::as_str).unwrap_or_default();
    if content.get("encoding").and_then(Value::as_str) != Some("base64") {
        return Some(Body { media_type, text });
    }
    *scratch = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    Some(Body { media_type, text: scratch })
}

/// Milliseconds with a fraction, in microseconds.
fn micros(millis: f64) -> Option<u64> {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range, as compared before"
    )]
    (0.0..1e12).contains(&millis).then_some((millis * 1e3) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Value {
        serde_json::json!({
            "startedDateTime": "2026-11-26T10:00:00.250+01:00", "time": 12.5,
            "request": {
                "method": "POST", "url": "https://API.example.com/caf\u{e9}/1?x=1#f", "bodySize": 7,
                "headers": [{"name": "User-Agent", "value": "curl/8"}],
                "postData": {"mimeType": "application/json", "text": "{\"a\":1}"},
            },
            "response": {
                "status": 201, "headers": [
                    {"name": "content-type", "value": "application/json; charset=utf-8"},
                    {"name": "Sunset", "value": "Sun, 06 Nov 1994 08:49:37 GMT"},
                    {"name": "Deprecation", "value": "@1688169599"}],
                "content": {"size": 2, "mimeType": "application/json", "encoding": "base64", "text": "e30="},
            },
        })
    }

    #[test]
    fn reads_an_entry() {
        let (entry, mut scratch) = (entry(), Scratch::default());
        let want = Exchange {
            at: Some(1_795_683_600_250),
            host: Some("api.example.com"),
            method: "POST",
            path: "/caf%C3%A9/1",
            query: Some("x=1"),
            status: Some(201),
            bytes_in: Some(7),
            bytes_out: Some(2),
            duration: Some(12_500),
            request_type: Some("application/json"),
            response_type: Some("application/json; charset=utf-8"),
            agent: Some("curl/8"),
            side: Side::Client,
            deprecated: true,
            sunset: Some(784_111_777_000),
            request_body: Some(Body { media_type: "application/json", text: "{\"a\":1}" }),
            response_body: Some(Body { media_type: "application/json", text: "{}" }),
            ..Exchange::default()
        };
        assert_eq!(read(&entry, &mut scratch), Ok(want));
    }

    #[test]
    fn reads_what_firefox_wrote() {
        // Exported by the network monitor of Firefox 153, two of its entries.
        let archive: Value = serde_json::from_str(include_str!("har/firefox.har")).unwrap();
        let mut scratch = Scratch::default();
        let lines = archive["log"]["entries"].as_array().unwrap().iter().map(|entry| {
            let one = read(entry, &mut scratch).unwrap();
            let bodies =
                [one.request_body, one.response_body].map(|body| body.map_or(0, |body| body.text.len()));
            format!(
                "{} {} {:?} {:?} {:?} {bodies:?}",
                one.method, one.path, one.query, one.status, one.response_type
            )
        });
        let expected = [
            "GET /api/users/100 Some(\"page=0\") Some(200) Some(\"application/json\") [0, 38]",
            "POST /api/orders None Some(201) Some(\"application/json\") [27, 2]",
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_credential_is_seen_where_it_is_and_its_absence_tells_nothing() {
        let mut entry = entry();
        assert_eq!(read(&entry, &mut Scratch::default()).unwrap().credential, Credential::NotShown);
        entry["request"]["headers"][0] = serde_json::json!({"name": "X-API-KEY", "value": "k"});
        assert_eq!(read(&entry, &mut Scratch::default()).unwrap().credential, Credential::Sent);
    }

    #[test]
    fn what_is_no_request_of_the_web_is_told_apart() {
        for (name, value, want) in [
            ("url", "data:text/plain,x", FaultKind::NoPath),
            ("url", "chrome-extension://x/y", FaultKind::NoPath),
            ("url", "wss:h/a", FaultKind::NoPath),
            ("url", "ftp://h/a", FaultKind::NoPath),
            ("method", "CONNECT", FaultKind::NoPath),
            ("method", "G T", FaultKind::NoRequest),
            ("url", "https://h/a b", FaultKind::Target),
        ] {
            let mut entry = entry();
            entry["request"][name] = value.into();
            let mut scratch = Scratch::default();
            let found = read(&entry, &mut scratch).map_err(|fault| fault.kind);
            assert_eq!(found, Err(want), "{value}");
        }
        let mut socket = entry();
        (socket["request"]["url"], socket["response"]["status"]) = ("WSS://h/a?b".into(), 101.into());
        let mut scratch = Scratch::default();
        let found = read(&socket, &mut scratch).unwrap();
        assert_eq!(
            (found.host, found.path, found.query, found.status),
            (Some("h"), "/a", Some("b"), Some(101))
        );
        let mut unanswered = entry();
        unanswered["response"]["status"] = 0.into();
        unanswered["response"]["content"]["text"] = "not base64!".into();
        let mut scratch = Scratch::default();
        let found = read(&unanswered, &mut scratch).unwrap();
        assert_eq!((found.status, found.response_body), (None, None));
        let mut late = entry();
        late["startedDateTime"] = "soon".into();
        let mut scratch = Scratch::default();
        assert_eq!(read(&late, &mut scratch).map_err(|fault| fault.kind), Err(FaultKind::Time));
    }
}

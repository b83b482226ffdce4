//! Requests that nobody sent: made of a method and a URL, or of an operation and values, to ask what policy says of them.

use std::net::IpAddr;

use catalog::{Api, Hosts, Operation, PathParameter};
use model::request::{BodyShape, Scheme};
use model::{Admission, CanonicalRequest, Head, Method};

use crate::ControlError;

/// Reads a method and a URL as a client would send them.
pub(crate) fn request_of(method: &str, url: &str) -> Result<CanonicalRequest, ControlError> {
    let invalid = |reason: String| ControlError::invalid(reason, "give it as GET https://host/path");
    if Method::of_token(method.as_bytes()) == Method::Unlisted {
        return Err(invalid(format!("`{method}` is no method")));
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| invalid(format!("`{url}` is no URL")))?;
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, target) = rest.split_at_checked(at).unwrap_or((rest, ""));
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    canonical(method, &target, host)
        .map_err(|detail| invalid(format!("the gateway would refuse `{url}`: {detail}")))
}

fn canonical(method: &str, target: &str, host: &str) -> Result<CanonicalRequest, &'static str> {
    let fields = [(&b"host"[..], host.as_bytes())];
    let head =
        Head::from_parts(method.as_bytes(), target.as_bytes(), fields).map_err(|_| "it is too long")?;
    let admission =
        Admission { scheme: Scheme::Http, body: BodyShape::Absent, peer: IpAddr::from([127, 0, 0, 1]) };
    CanonicalRequest::admit(head, admission).map_err(|refused| refused.refusal.detail())
}

/// A call of `operation` with a value for each of its parameters. None where `value` gives none; an error where the
/// request would not be admitted.
pub(crate) fn request_to(
    operation: &Operation,
    api: &Api,
    value: impl Fn(usize, &PathParameter) -> Option<String>,
) -> Option<Result<CanonicalRequest, &'static str>> {
    let mut path = operation.template.to_string();
    for (place, parameter) in operation.parameters.iter().enumerate() {
        let value = escape_path(&value(place, parameter)?);
        for written in [format!("{{{}}}", parameter.name), format!("{{{}*}}", parameter.name)] {
            path = path.replace(&written, &value);
        }
    }
    let host = match &api.hosts {
        Hosts::Any => "any.invalid",
        Hosts::Listed(hosts) => hosts.first()?.as_str(),
    };
    Some(canonical(operation.method.as_str(), &path, host))
}

fn escape_path(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                escaped.push(char::from(byte))
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_clients_send_them() {
        for (url, host, path) in [
            ("https://shop.example.com/orders/7", "shop.example.com", "/orders/7"),
            ("http://127.0.0.1:8080", "127.0.0.1", "/"),
            ("http://a.example?x=1", "a.example", "/"),
        ] {
            let request = request_of("GET", url).unwrap();
            assert_eq!((request.host(), request.path()), (host, path), "{url}");
        }
        for (method, url) in [
            ("get", "https://a.example/"),
            ("GET", "a.example/"),
            ("GET", "https://a.example/../b"),
            ("GET", "https:///b"),
            ("GET", "ftp://a.example/"),
        ] {
            assert!(request_of(method, url).is_err(), "{method} {url}");
        }
    }
}

//! Calls that nobody sent: a request of an operation, made of values for its parameters, to ask what policy says of it.

use std::net::IpAddr;

use model::request::{BodyShape, Scheme};
use model::{Admission, CanonicalRequest, Head};

use crate::{Api, Hosts, Operation, PathParameter};

/// A request as a client would send it over plain HTTP, without a body, from this machine. The error says why the gateway
/// would refuse it.
pub fn request_made(method: &str, target: &str, host: &str) -> Result<CanonicalRequest, &'static str> {
    let fields = [(&b"host"[..], host.as_bytes())];
    let head =
        Head::from_parts(method.as_bytes(), target.as_bytes(), fields).map_err(|_| "it is too long")?;
    let admission =
        Admission { scheme: Scheme::Http, body: BodyShape::Absent, peer: IpAddr::from([127, 0, 0, 1]) };
    CanonicalRequest::admit(head, admission).map_err(|refused| refused.refusal.detail())
}

/// A call of `operation` with a value for each of its parameters. None where `value` gives none; an error where the
/// request would not be admitted.
pub fn request_to(
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
    Some(request_made(operation.method.as_str(), &path, host))
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

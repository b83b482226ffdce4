//! The canonical request: whatever is admitted has exactly one reading.
//!
//! The input is text: the first line is `METHOD TARGET`, each further line `name: value`.

use std::net::{IpAddr, Ipv4Addr};

use model::request::{BodyShape, Scheme};
use model::{Admission, CanonicalRequest, FieldKind, Head};

const ADMISSION: Admission =
    Admission { scheme: Scheme::Http, body: BodyShape::Absent, peer: IpAddr::V4(Ipv4Addr::LOCALHOST) };

/// Admits the request, checks what must hold for it, and admits what it says once more: the same must come out.
pub(crate) fn judge(bytes: &[u8]) -> Result<(), String> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let (method, target) = split(lines.next().unwrap_or_default(), b' ');
    let fields: Vec<(&[u8], &[u8])> =
        lines.map(|line| split(line, b':')).map(|(name, value)| (name, value.trim_ascii())).collect();
    let Some(request) = admit(method, target, &fields) else { return Ok(()) };
    check(&request, target, &fields)?;
    let fields: Vec<(&[u8], &[u8])> = request.fields().map(|field| (field.name, field.value)).collect();
    let again = admit(request.method_token(), request.target(), &fields)
        .ok_or("what was admitted is refused when it is said again")?;
    let same = (again.host(), again.path(), again.query())
        == (request.host(), request.path(), request.query())
        && again.segments().eq(request.segments())
        && again.port() == request.port();
    ensure(same, "what was admitted reads differently when it is said again")
}

fn admit(method: &[u8], target: &[u8], fields: &[(&[u8], &[u8])]) -> Option<CanonicalRequest> {
    let head = Head::from_parts(method, target, fields.iter().copied()).ok()?;
    CanonicalRequest::admit(head, ADMISSION).ok()
}

fn check(request: &CanonicalRequest, target: &[u8], fields: &[(&[u8], &[u8])]) -> Result<(), String> {
    ensure(request.target() == target, "the target was changed")?;
    ensure(
        request.fields().map(|field| (field.name, field.value)).eq(fields.iter().copied()),
        "the fields were changed",
    )?;
    ensure(request.only(FieldKind::Host).is_some(), "a request without exactly one Host was admitted")?;
    let host = request.host();
    ensure(!host.is_empty(), "the host is empty")?;
    ensure(
        !host.bytes().any(|byte| byte.is_ascii_uppercase() || b"/@?# \\\0".contains(&byte)),
        "the host has a byte that no host has",
    )?;
    ensure(request.path().starts_with('/'), "the path does not begin with a slash")?;
    ensure(target.starts_with(request.path().as_bytes()), "the path is not the beginning of the target")?;
    let last = request.segments().len().saturating_sub(1);
    for (place, segment) in request.segments().enumerate() {
        ensure(segment != "." && segment != "..", "a dot segment was admitted")?;
        ensure(
            !segment.contains(['/', '\\', '\0']),
            "a segment holds what would divide or end it elsewhere",
        )?;
        ensure(!segment.is_empty() || place == last, "an empty segment stands before the end")?;
    }
    Ok(())
}

/// The parts before and after the first `at`; all before it if there is none.
fn split(line: &[u8], at: u8) -> (&[u8], &[u8]) {
    let mut parts = line.splitn(2, |byte| *byte == at);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_request_is_admitted_and_a_dot_segment_is_not() {
        let host: &[(&[u8], &[u8])] = &[(b"Host", b"a.example")];
        assert!(admit(b"GET", b"/orders/7?x=1", host).is_some());
        assert!(admit(b"GET", b"/orders/%2e%2e/7", host).is_none());
        assert!(admit(b"GET", b"/orders/7", &[]).is_none());
    }
}

//! Protected-resource metadata (RFC 9728): where a client learns who gives out tokens for an API.
//!
//! It is served for APIs that accept access tokens, and says nothing that a client with a token does not know.

use std::fmt::Write as _;

use model::request::Scheme;
use model::{CanonicalRequest, Method};

use crate::{ApiRules, Snapshot};

/// The path, reserved on every host whose API accepts access tokens.
const SEGMENTS: [&str; 2] = [".well-known", "oauth-protected-resource"];

/// Where the metadata of an API is; none where the API has no issuers, or its host is none that could be written.
pub(crate) fn metadata_address(rules: &ApiRules, request: &CanonicalRequest) -> Option<String> {
    if rules.issuers.is_empty() {
        return None;
    }
    let [first, second] = SEGMENTS;
    Some(format!("{}/{first}/{second}", origin(rules, request)?))
}

/// The metadata that a request asks for; none where it asks for something else, or no API of its host accepts tokens.
#[must_use]
pub fn protected_resource(snapshot: &Snapshot, request: &CanonicalRequest) -> Option<String> {
    if !request.segments().eq(SEGMENTS) {
        return None;
    }
    match request.method() {
        Method::Get | Method::Head => {}
        Method::Delete
        | Method::Options
        | Method::Patch
        | Method::Post
        | Method::Put
        | Method::Trace
        | Method::Unlisted => return None,
    }
    let api = snapshot.revision.catalog.find(request).api()?;
    let rules = snapshot.revision.rules(api).filter(|rules| !rules.issuers.is_empty())?;
    let resource = match &rules.resource {
        Some(resource) => resource.to_string(),
        None => origin(rules, request)?,
    };
    let mut body = String::from("{\"resource\":");
    push_text(&mut body, &resource);
    body.push_str(",\"authorization_servers\":[");
    for (place, issuer) in rules.issuers.iter().enumerate() {
        if 0 < place {
            body.push(',');
        }
        push_text(&mut body, &issuer.issuer);
    }
    body.push_str("],\"bearer_methods_supported\":[\"header\"],\"resource_name\":");
    push_text(&mut body, rules.name.as_str());
    body.push_str("}\n");
    Some(body)
}

/// The origin of the API's audience where that is of this host: whoever configured it knows what stands in front of
/// us. Else scheme, host and port as the client called them; the host is one that an API is found by.
fn origin(rules: &ApiRules, request: &CanonicalRequest) -> Option<String> {
    if let Some(configured) =
        rules.resource.as_deref().and_then(|resource| origin_of(resource, request.host()))
    {
        return Some(configured.to_owned());
    }
    let mut origin = match request.scheme() {
        Scheme::Http => String::from("http://"),
        Scheme::Https => String::from("https://"),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte);
    let host = request.host();
    if host.is_empty() || !host.bytes().all(plain) {
        return None;
    }
    origin.push_str(host);
    if let Some(port) = request.port() {
        write!(origin, ":{port}").ok()?;
    }
    Some(origin)
}

/// The origin of an address, if it is of this host.
fn origin_of<'a>(address: &'a str, host: &str) -> Option<&'a str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split('/').next()?;
    let name = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => authority,
    };
    let length = address.len() - rest.len() + authority.len();
    address.get(..length).filter(|_| name.eq_ignore_ascii_case(host))
}

/// Configurations hold visible ASCII without quotes and backslashes; anything else would be left out.
fn push_text(body: &mut String, text: &str) {
    body.push('"');
    body.extend(
        text.chars().filter(|character| character.is_ascii_graphic() && !"\"\\".contains(*character)),
    );
    body.push('"');
}

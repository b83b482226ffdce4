//! Reads `cors`.

use std::time::Duration;

use model::host::parse_authority;

use super::{Cors, CorsCredentials, headers};
use crate::fields::{self, Fields};
use crate::place::Faults;
use crate::quantity::parse_duration;
use crate::yaml::Node;

const MAX_AGE: Duration = Duration::from_secs(600);
const MAX_AGE_MAX: Duration = Duration::from_secs(86_400);
/// Origins and headers of one API.
const ITEMS_MAX: usize = 1_000;

pub(crate) fn read(node: &Node, key_header: &str, faults: &mut Faults) -> Option<Cors> {
    const FIELDS: &[&str] = &["credentials", "headers", "max_age", "origins"];
    let fix = "write the origins of your pages, such as https://shop.example.com";
    let fields = Fields::of(node, "`cors`", FIELDS, faults)?;
    let origins = fields.need("origins", fix, faults).and_then(|node| {
        fields::each(node, "origins", faults, |item, faults| {
            fields::parsed(item, "origins", fix, faults, origin)
        })
    });
    let defaults = ["authorization", "content-type", key_header].map(str::to_owned).to_vec();
    let headers = fields.or("headers", defaults, faults, |node, faults| {
        fields::each(node, "headers", faults, |item, faults| {
            fields::parsed(item, "headers", "write names of request headers", faults, headers::canonical)
        })
    });
    let credentials = fields.or("credentials", CorsCredentials::Omit, faults, |node, faults| {
        fields::switch(node, "credentials", CorsCredentials::Allow, CorsCredentials::Omit, faults)
    });
    let max_age = fields.or("max_age", MAX_AGE, faults, |node, faults| {
        let age = fields::parsed(node, "max_age", "write a time of at most 24h", faults, parse_duration)?;
        if MAX_AGE_MAX < age {
            faults.add(node.place, "`max_age` is over 24h", "write a time of at most 24h");
            return None;
        }
        Some(age)
    });
    let (origins, headers) = (origins?, headers?);
    if ITEMS_MAX < origins.len() || ITEMS_MAX < headers.len() {
        faults.add(node.place, "`cors` lists over 1000 items", "remove some");
        return None;
    }
    Some(Cors { origins, headers, credentials: credentials?, max_age: max_age? })
}

/// An origin as browsers send it (RFC 6454 section 6.2), so that comparing bytes is comparing origins.
fn origin(text: &str) -> Result<String, String> {
    let shown = fields::shown(text);
    if text.contains('*') {
        return Err(format!("`{shown}` is no origin; origins are listed one by one"));
    }
    let Some((scheme, authority)) = text.split_once("://") else {
        return Err(format!("`{shown}` is no origin such as https://shop.example.com"));
    };
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    if !scheme.starts_with(|first: char| first.is_ascii_lowercase()) || !scheme.bytes().all(letters) {
        return Err(format!("`{shown}` must be in lower case and begin with a scheme, as browsers send it"));
    }
    let parsed = parse_authority(authority.as_bytes())
        .map_err(|fault| format!("`{shown}` is scheme and host without path: {fault}"))?;
    let default = matches!((scheme, parsed.port), ("http", Some(80)) | ("https", Some(443)));
    if default || authority.ends_with('.') || authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("`{shown}` is never sent like this: lower case, no default port, no final dot"));
    }
    Ok(text.to_owned())
}

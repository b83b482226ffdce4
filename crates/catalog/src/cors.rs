//! CORS preflights, answered from declaration (Fetch standard, section 3.2).
//!
//! A preflight carries no credentials, so its answer tells only what was declared for browsers to know. Whatever
//! is not exactly declared is no preflight here and goes the ordinary way, which denies it.

use model::{CanonicalRequest, FieldKind, Method};

use crate::compile::{Api, Catalog};
use crate::find::Match;
use crate::{Found, MethodSet};

/// The longest list of field names that a preflight may ask for, in bytes.
pub const REQUESTED_HEADERS_BYTES_MAX: usize = 2_048;
/// How long a browser may keep an answer, in seconds.
pub const PREFLIGHT_AGE_SECONDS: &str = "600";

/// What an API declares for browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Origins as browsers write them: `https://shop.example.com`. Compared byte for byte; there is no wildcard.
    pub origins: Vec<String>,
}

/// The answer to a preflight: status 204 with [`Preflight::fields`] and no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preflight<'a> {
    pub origin: &'a str,
    /// Every method that is declared on the path and not hidden.
    pub methods: MethodSet,
    /// The field names that were asked for, as they were written: a list of tokens.
    pub headers: Option<&'a str>,
}

impl<'a> Preflight<'a> {
    /// The status of the answer.
    pub const STATUS: u16 = 204;

    /// The fields of the answer. `methods` is a buffer for the text of the set.
    pub fn fields(&self, methods: &'a mut String) -> impl Iterator<Item = (&'static str, &'a str)> + use<'a> {
        *methods = self.methods.to_string();
        let methods: &'a str = methods;
        [
            Some(("Access-Control-Allow-Origin", self.origin)),
            Some(("Access-Control-Allow-Methods", methods)),
            self.headers.map(|headers| ("Access-Control-Allow-Headers", headers)),
            Some(("Access-Control-Max-Age", PREFLIGHT_AGE_SECONDS)),
            Some(("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")),
        ]
        .into_iter()
        .flatten()
    }
}

/// Answers a preflight, or says that the request is none: not OPTIONS with `Origin` and
/// `Access-Control-Request-Method` once each, an API that declares nothing for browsers, an origin or a method
/// that is not declared, or field names that are none. `found` is what the matcher said about this request.
#[must_use]
pub fn preflight<'a>(
    catalog: &'a Catalog,
    request: &'a CanonicalRequest,
    found: &Match,
) -> Option<Preflight<'a>> {
    if request.method() != Method::Options {
        return None;
    }
    let (api, methods) = match found {
        Match::Found(Found { api, operation, .. }) => (*api, catalog.operation(*operation)?.path_methods),
        Match::MethodNotDeclared { api, allow } => (*api, *allow),
        Match::UnknownHost | Match::UnknownOperation { .. } => return None,
    };
    let asked = Method::of_token(request.only(FieldKind::AccessControlRequestMethod)?);
    let origin = allowed_origin(catalog.api(api)?, request)?;
    if !methods.contains(asked) {
        return None;
    }
    let headers = requested_headers(request)?;
    Some(Preflight { origin, methods, headers })
}

/// The origin of a request, where its API declares it: what an answer to a browser names in
/// `Access-Control-Allow-Origin`, together with `Vary: Origin`.
#[must_use]
pub fn allowed_origin<'a>(api: &'a Api, request: &CanonicalRequest) -> Option<&'a str> {
    let origin = request.only(FieldKind::Origin)?;
    let origins = &api.cors.as_ref()?.origins;
    origins.iter().map(String::as_str).find(|declared| declared.as_bytes() == origin)
}

/// `Some(None)` where nothing is asked for; `None` where what is asked for is no list of field names.
fn requested_headers(request: &CanonicalRequest) -> Option<Option<&str>> {
    if !request.fields().any(|field| field.kind == FieldKind::AccessControlRequestHeaders) {
        return Some(None);
    }
    let headers = std::str::from_utf8(request.only(FieldKind::AccessControlRequestHeaders)?).ok()?;
    if headers.is_empty() {
        return Some(None);
    }
    let fits = headers.len() <= REQUESTED_HEADERS_BYTES_MAX
        && headers.split(',').all(|name| is_token(name.trim_matches([' ', '\t'])));
    fits.then_some(Some(headers))
}

/// RFC 9110 section 5.6.2.
fn is_token(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(fits)
}

/// Whether a text is an origin as browsers write it (RFC 6454 section 6.1): lower case, no path, no wildcard.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    !text.bytes().any(|byte| byte.is_ascii_uppercase())
        && model::host::parse_authority(authority.as_bytes())
            .is_ok_and(|parsed| parsed.port != Some(default_port) && !authority.ends_with('.'))
}

#[cfg(test)]
mod tests;

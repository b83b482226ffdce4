//! CORS preflights, answered from declaration (Fetch standard, section 3.2).
//!
//! A preflight carries no credentials, so its answer tells only what was declared for browsers to know, and that is
//! the same on every path of an API: which paths exist, and with which methods, is for known callers. Whatever is not
//! exactly declared is no preflight here and goes the ordinary way, which denies it.

use std::time::Duration;

use model::{CanonicalRequest, FieldKind, Method};

use crate::MethodSet;
use crate::compile::{Api, Catalog};
use crate::find::Match;

/// The longest list of field names that a preflight may ask for, in bytes.
pub const REQUESTED_HEADERS_BYTES_MAX: usize = 2_048;
/// What an API declares for browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Origins as browsers write them: `https://shop.example.com`. Compared byte for byte; there is no wildcard.
    pub origins: Vec<String>,
    /// Names of the fields that scripts may set beside those that every script may. In any case.
    pub headers: Vec<String>,
    pub credentials: CorsCredentials,
    /// How long a browser may keep the answer to a preflight; whole seconds count.
    pub max_age: Duration,
}

/// Whether scripts may have the browser add credentials of its own, such as cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorsCredentials {
    Allow,
    Omit,
}

/// The answer to a preflight: status 204 with [`Preflight::fields`] and no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preflight<'a> {
    pub origin: &'a str,
    /// Every method that the API declares on some path and does not hide.
    pub methods: MethodSet,
    /// The field names that were asked for, as they were written: a list of tokens.
    pub headers: Option<&'a str>,
    pub credentials: CorsCredentials,
    pub max_age: Duration,
}

impl<'a> Preflight<'a> {
    /// The status of the answer.
    pub const STATUS: u16 = 204;

    /// The fields of the answer.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let credentials = match self.credentials {
            CorsCredentials::Allow => Some("true".to_owned()),
            CorsCredentials::Omit => None,
        };
        [
            Some(("Access-Control-Allow-Origin", self.origin.to_owned())),
            credentials.map(|value| ("Access-Control-Allow-Credentials", value)),
            Some(("Access-Control-Allow-Methods", self.methods.to_string())),
            self.headers.map(|headers| ("Access-Control-Allow-Headers", headers.to_owned())),
            Some(("Access-Control-Max-Age", self.max_age.as_secs().to_string())),
            Some((
                "Vary",
                "Origin, Access-Control-Request-Method, Access-Control-Request-Headers".to_owned(),
            )),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Answers a preflight, or says that the request is none: not OPTIONS with `Origin` and
/// `Access-Control-Request-Method` once each, an API that declares nothing for browsers, or an origin, a method or
/// a field name that is not declared by it. `found` is what the matcher said about this request; the answer depends on
/// the API alone, so that whoever names a declared origin learns nothing about its paths.
#[must_use]
pub fn preflight<'a>(
    catalog: &'a Catalog,
    request: &'a CanonicalRequest,
    found: &Match,
) -> Option<Preflight<'a>> {
    if request.method() != Method::Options {
        return None;
    }
    let asked = Method::of_token(request.only(FieldKind::AccessControlRequestMethod)?);
    let api = catalog.api(found.api()?)?;
    let methods = catalog.methods_near(request);
    let (origin, cors) = (allowed_origin(api, request)?, api.cors.as_ref()?);
    if !methods.contains(asked) {
        return None;
    }
    let headers = requested_headers(request, &cors.headers)?;
    Some(Preflight { origin, methods, headers, credentials: cors.credentials, max_age: cors.max_age })
}

/// The origin of a request, where its API declares it: what an answer to a browser names in
/// `Access-Control-Allow-Origin`, together with `Vary: Origin`.
#[must_use]
pub fn allowed_origin<'a>(api: &'a Api, request: &CanonicalRequest) -> Option<&'a str> {
    let origin = request.only(FieldKind::Origin)?;
    let origins = &api.cors.as_ref()?.origins;
    origins.iter().map(String::as_str).find(|declared| declared.as_bytes() == origin)
}

/// `Some(None)` where nothing is asked for; `None` where what is asked for is no list of declared field names.
fn requested_headers<'a>(request: &'a CanonicalRequest, declared: &[String]) -> Option<Option<&'a str>> {
    if !request.fields().any(|field| field.kind == FieldKind::AccessControlRequestHeaders) {
        return Some(None);
    }
    let headers = std::str::from_utf8(request.only(FieldKind::AccessControlRequestHeaders)?).ok()?;
    if headers.is_empty() {
        return Some(None);
    }
    let fits = headers.len() <= REQUESTED_HEADERS_BYTES_MAX
        && headers.split(',').all(|name| {
            let name = name.trim_matches([' ', '\t']);
            is_token(name) && declared.iter().any(|declared| declared.eq_ignore_ascii_case(name))
        });
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

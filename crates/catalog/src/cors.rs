//! CORS preflights, answered from declaration (Fetch standard, section 3.2).
//!
//! A preflight carries no credentials, so its answer tells only what was declared for browsers to know. Whatever
//! is not exactly declared is no preflight here and goes the ordinary way, which denies it.

use model::CanonicalRequest;

use crate::compile::Catalog;
use crate::find::Match;
use crate::MethodSet;

/// What an API declares for browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Origins as browsers write them: `https://shop.example.com`. Compared byte for byte.
    pub origins: Vec<String>,
}

/// The answer to a preflight: 204 with [`Preflight::fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preflight<'a> {
    pub origin: &'a str,
    pub methods: MethodSet,
    /// The field names that were asked for, each of them a token.
    pub headers: Option<&'a str>,
}

/// Answers a preflight, or says that the request is none.
#[must_use]
pub fn preflight<'a>(
    _catalog: &'a Catalog,
    _request: &'a CanonicalRequest,
    _found: &Match,
) -> Option<Preflight<'a>> {
    None
}

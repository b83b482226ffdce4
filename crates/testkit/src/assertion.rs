//! A JWT taken apart, for those who check what the upstream was told.

use serde_json::Value;

use crate::base64url;

/// The parts of a JWT in compact form. Nothing is verified here.
#[derive(Clone, Debug)]
pub struct Assertion {
    pub header: Value,
    pub claims: Value,
    /// What the signature is over.
    pub signed: String,
    pub signature: Vec<u8>,
}

impl Assertion {
    /// Takes a token apart.
    #[must_use]
    pub fn parse(token: &str) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else { panic!("`{token}` is no JWT") };
        let json = |part: &str| {
            let bytes = base64url(part).unwrap_or_else(|| panic!("`{part}` is not base64url"));
            serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("`{part}` holds no JSON: {error}"))
        };
        Self {
            header: json(header),
            claims: json(claims),
            signed: format!("{header}.{claims}"),
            signature: base64url(signature).unwrap(),
        }
    }
}

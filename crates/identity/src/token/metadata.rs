//! What an issuer says about itself (OpenID Connect Discovery 1.0 section 3, RFC 8414 section 2): where its keys are.

use super::json::{self, Json};

/// The longest document.
pub const METADATA_BYTES_MAX: usize = 256 * 1_024;

/// Why a document is no metadata of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    #[error("the issuer's metadata is no JSON object of at most {METADATA_BYTES_MAX} bytes")]
    Json,
    #[error("the issuer's metadata is of another issuer")]
    OtherIssuer,
    #[error("the issuer's metadata has no `jwks_uri`")]
    NoKeys,
}

/// The address of the keys, as `bytes` say for the issuer with this identifier. The identifier must be the very same
/// (RFC 8414 section 3.3).
pub fn keys_address(bytes: &[u8], identifier: &str) -> Result<String, MetadataError> {
    if METADATA_BYTES_MAX < bytes.len() {
        return Err(MetadataError::Json);
    }
    let document = json::parse(bytes).filter(|document| matches!(document, Json::Object(_)));
    let document = document.ok_or(MetadataError::Json)?;
    if document.member("issuer").and_then(Json::text) != Some(identifier) {
        return Err(MetadataError::OtherIssuer);
    }
    let address = document.member("jwks_uri").and_then(Json::text).ok_or(MetadataError::NoKeys)?;
    Ok(address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_where_the_issuer_itself_says() {
        use MetadataError as E;
        let issuer = "https://id.example.com";
        for (text, expected) in [
            (r#"{"issuer":"https://id.example.com","jwks_uri":"https://a/k"}"#, Ok("https://a/k")),
            (r#"{"issuer":"https://id.example.com/","jwks_uri":"https://a/k"}"#, Err(E::OtherIssuer)),
            (r#"{"issuer":"https://evil.example","jwks_uri":"https://a/k"}"#, Err(E::OtherIssuer)),
            (r#"{"jwks_uri":"https://a/k"}"#, Err(E::OtherIssuer)),
            (r#"{"issuer":"https://id.example.com"}"#, Err(E::NoKeys)),
            (r#"{"issuer":"https://id.example.com","jwks_uri":1}"#, Err(E::NoKeys)),
            (r#"{"issuer":"https://id.example.com","issuer":"https://id.example.com"}"#, Err(E::Json)),
            ("[]", Err(E::Json)),
            ("<html>", Err(E::Json)),
        ] {
            assert_eq!(keys_address(text.as_bytes(), issuer), expected.map(str::to_owned), "{text}");
        }
        let long = vec![b' '; METADATA_BYTES_MAX + 1];
        assert_eq!(keys_address(&long, issuer), Err(E::Json));
    }
}

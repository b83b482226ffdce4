//! Header names that files may name. Canonicalised here, once, so that no later comparison depends on their spelling.

use model::FieldKind;

/// Longest header name that a file may name.
const NAME_BYTES_MAX: usize = 128;

/// Why a header may not be named here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderNameError {
    #[error("a header name is 1 to {NAME_BYTES_MAX} of letters, digits and !#$%&'*+-.^_`|~")]
    Token,
    #[error("`{name}` is a field that the gateway itself reads, writes or removes")]
    Managed { name: String },
    #[error("`{name}` has an underscore, which many servers cannot tell from a hyphen")]
    Underscored { name: String },
    #[error("`{name}` has no underscore; only such names need listing")]
    Plain { name: String },
}

/// The name of the header that carries own keys, in lower case.
pub(crate) fn key_header(text: &str) -> Result<String, HeaderNameError> {
    let name = canonical(text)?;
    // A cookie or the description of a body cannot be a key, and stripping it would change the request.
    let reserved = name == "cookie" || name.starts_with("content-") || name == "date";
    match FieldKind::of_name(name.as_bytes()) {
        FieldKind::Plain if !reserved => Ok(name),
        FieldKind::Underscored => Err(HeaderNameError::Underscored { name }),
        _ => Err(HeaderNameError::Managed { name }),
    }
}

/// A name with `_` that an API lets through, in lower case. The twin of a managed field is never let through.
pub(crate) fn underscored(text: &str) -> Result<String, HeaderNameError> {
    let name = canonical(text)?;
    match FieldKind::of_name(name.as_bytes()) {
        FieldKind::Underscored => Ok(name),
        FieldKind::Plain => Err(HeaderNameError::Plain { name }),
        _ => Err(HeaderNameError::Managed { name }),
    }
}

/// A header name in lower case (RFC 9110 section 5.1: names are compared without case).
pub(crate) fn canonical(text: &str) -> Result<String, HeaderNameError> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || NAME_BYTES_MAX < text.len() || !text.bytes().all(token) {
        return Err(HeaderNameError::Token);
    }
    Ok(text.to_ascii_lowercase())
}

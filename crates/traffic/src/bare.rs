//! Whether a request showed that it carried no credential.
//!
//! Any field may hold one, so only requests all of whose fields are known to hold none are bare. What is not known stays unknown: it
//! must never be reported that an API answers strangers when it did not.

/// Fields of requests that carry a credential, in lower case.
pub(crate) const CREDENTIALS: [&str; 6] =
    ["authorization", "cookie", "x-api-key", "api-key", "apikey", "x-auth-token"];

/// Fields of requests that hold no credential, in lower case.
const HARMLESS: [&[u8]; 34] = [
    b"accept",
    b"accept-charset",
    b"accept-encoding",
    b"accept-language",
    b"cache-control",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"date",
    b"dnt",
    b"expect",
    b"host",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-unmodified-since",
    b"keep-alive",
    b"origin",
    b"pragma",
    b"priority",
    b"range",
    b"referer",
    b"sec-ch-ua",
    b"sec-ch-ua-mobile",
    b"sec-ch-ua-platform",
    b"sec-fetch-dest",
    b"sec-fetch-mode",
    b"sec-fetch-site",
    b"sec-fetch-user",
    b"te",
    b"transfer-encoding",
    b"upgrade-insecure-requests",
    b"user-agent",
];

/// Parts of the names of query parameters that may hold a credential.
const TELLING: [&str; 13] = [
    "auth",
    "code",
    "credential",
    "jwt",
    "key",
    "pass",
    "pwd",
    "saml",
    "secret",
    "session",
    "sid",
    "sig",
    "token",
];

/// Whether a request with fields of these names and this query showed that it carried no credential.
pub fn is_bare<'a>(names: impl IntoIterator<Item = &'a [u8]>, query: Option<&str>) -> bool {
    names.into_iter().all(is_harmless) && query.is_none_or(|query| !query.split(['&', ';']).any(is_telling))
}

fn is_harmless(name: &[u8]) -> bool {
    // Most names are told apart by their length and their first letter.
    let first = name.first().map(u8::to_ascii_lowercase);
    let is_it = |known: &&[u8]| {
        known.len() == name.len() && known.first().copied() == first && known.eq_ignore_ascii_case(name)
    };
    HARMLESS.iter().any(is_it)
}

/// Whether a part of a query may hold a credential: by its name, or because it has none or is escaped.
fn is_telling(part: &str) -> bool {
    let name = part.split_once('=').map_or(part, |(name, _)| name);
    let name = name.to_ascii_lowercase();
    name.contains('%') || name.len() > 40 || TELLING.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(names: &[&str], query: Option<&str>) -> bool {
        is_bare(names.iter().map(|name| name.as_bytes()), query)
    }

    #[test]
    fn only_what_is_known_to_hold_none_is_bare() {
        assert!(bare(&["Host", "User-Agent", "Accept", "Upgrade-Insecure-Requests"], None));
        assert!(bare(&[], Some("page=2&sort=asc&empty")));
        for (names, query) in [
            (&["Host", "Authorization"][..], None),
            (&["Cookie"], None),
            (&["X-Api-Key"], None),
            (&["X-Something"], None),
            (&["Proxy-Authorization-Of-Some-Length"], None),
            (&["Host"], Some("api_key=1")),
            (&["Host"], Some("a=1&Access_Token=x")),
            (&["Host"], Some("a=1;sig=x")),
            (&["Host"], Some("%6bey=1")),
            (&[""], None),
        ] {
            assert!(!bare(names, query), "{names:?} {query:?}");
        }
    }
}

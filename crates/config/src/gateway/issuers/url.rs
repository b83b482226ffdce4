//! Addresses from which keys of issuers are fetched: `https`, a host, a path, and nothing clever.

use model::HostName;

/// The longest address.
const URL_BYTES_MAX: usize = 2_048;

/// How to get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlScheme {
    Http,
    Https,
}

/// An address without user, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceUrl {
    pub scheme: UrlScheme,
    /// Name or address; an IPv6 address in brackets.
    pub host: HostName,
    pub port: u16,
    /// Begins with `/`, or is empty where the address ends with the host.
    pub path: String,
}

/// Why a text is no address for keys.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceUrlError {
    #[error("it begins with neither https:// nor http://")]
    Scheme,
    #[error("it has a user or a password, which would be in a file for everybody")]
    User,
    #[error("it has a query or a fragment")]
    Query,
    #[error("its path holds what could be read in two ways")]
    Path,
    #[error("its port is no port")]
    Port,
    #[error("it is over {URL_BYTES_MAX} bytes long")]
    TooLong,
    #[error("its host is none: {0}")]
    Host(String),
}

impl SourceUrl {
    /// Parses an address.
    pub fn parse(text: &str) -> Result<Self, SourceUrlError> {
        if URL_BYTES_MAX < text.len() {
            return Err(SourceUrlError::TooLong);
        }
        let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (UrlScheme::Https, rest),
            (None, Some(rest)) => (UrlScheme::Http, rest),
            (None, None) => return Err(SourceUrlError::Scheme),
        };
        if rest.contains(['?', '#']) {
            return Err(SourceUrlError::Query);
        }
        let (authority, path) = match rest.find('/').and_then(|at| rest.split_at_checked(at)) {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err(SourceUrlError::User);
        }
        let dots = |segment: &str| matches!(segment, "." | "..");
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte))
            || path.contains('%')
            || path.split('/').any(dots)
        {
            return Err(SourceUrlError::Path);
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                let port =
                    port.parse().ok().filter(|port| digits && 0 < *port).ok_or(SourceUrlError::Port)?;
                (host, port)
            }
            Some(_) | None => (authority, scheme.port()),
        };
        let host = HostName::parse(host).map_err(|fault| SourceUrlError::Host(fault.to_string()))?;
        Ok(Self { scheme, host, port, path: path.to_owned() })
    }

    /// What a `Host` field says.
    #[must_use]
    pub fn host_field(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl UrlScheme {
    /// The port where none is written.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// As it is written, with what follows it.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }
}

impl std::fmt::Display for SourceUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}{}", self.scheme.prefix(), self.host_field(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_can_be_read_in_one_way() {
        use SourceUrlError as E;
        for (text, expected) in [
            ("https://id.example.com/keys", Ok("https://id.example.com/keys")),
            ("https://ID.example.com", Ok("https://id.example.com")),
            ("https://id.example.com:8443/a/b", Ok("https://id.example.com:8443/a/b")),
            ("https://id.example.com:443/", Ok("https://id.example.com/")),
            ("http://127.0.0.1:3000/jwks", Ok("http://127.0.0.1:3000/jwks")),
            ("http://[::1]:3000/jwks", Ok("http://[::1]:3000/jwks")),
            ("http://[::1]/jwks", Ok("http://[::1]/jwks")),
            ("id.example.com", Err(E::Scheme)),
            ("HTTPS://id.example.com", Err(E::Scheme)),
            ("file:///etc/passwd", Err(E::Scheme)),
            ("https://user@id.example.com/", Err(E::User)),
            ("https://id.example.com?x", Err(E::Query)),
            ("https://id.example.com/#x", Err(E::Query)),
            ("https://id.example.com/../x", Err(E::Path)),
            ("https://id.example.com/%2e%2e/x", Err(E::Path)),
            ("https://id.example.com/a b", Err(E::Path)),
            ("https://id.example.com/a\r\nHost: x", Err(E::Path)),
            ("https://id.example.com:0/", Err(E::Port)),
            ("https://id.example.com:65536/", Err(E::Port)),
            ("https://id.example.com:/", Err(E::Port)),
            ("https://id.example.com:+1/", Err(E::Port)),
        ] {
            let read = SourceUrl::parse(text).map(|url| url.to_string());
            assert_eq!(read, expected.map(str::to_owned), "{text}");
        }
        for text in ["https://", "https:///x", "https://a b/", "https://[::1/", "https://*.example.com/"] {
            assert!(matches!(SourceUrl::parse(text), Err(E::Host(_))), "{text}");
        }
        let long = format!("https://a/{}", "x".repeat(URL_BYTES_MAX));
        assert_eq!(SourceUrl::parse(&long), Err(E::TooLong));
    }
}

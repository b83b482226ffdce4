//! Reads an upstream's address.

use model::HostName;
use model::host::parse_authority;

use super::{Upstream, UpstreamScheme};
use crate::fields::shown;

/// Why a text is no upstream.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    #[error("`{text}` begins neither with http:// nor with https://")]
    Scheme { text: String },
    #[error("an upstream has no {part}")]
    Part { part: &'static str },
    #[error("`{host}` is neither a host name nor an address in its usual spelling")]
    Address { host: String },
    #[error("{cause}")]
    Host { cause: model::HostNameError },
}

impl Upstream {
    /// Parses `http://HOST[:PORT][/]` or `https://…`; the port is the scheme's own when absent.
    pub fn parse(text: &str) -> Result<Self, UpstreamError> {
        let unknown = || UpstreamError::Scheme { text: shown(text) };
        let (written, rest) = text.split_once("://").ok_or_else(unknown)?;
        let known = [UpstreamScheme::Http, UpstreamScheme::Https];
        let scheme = known.into_iter().find(|scheme| written.eq_ignore_ascii_case(scheme.as_str()));
        let scheme = scheme.ok_or_else(unknown)?;
        for (sign, part) in [('@', "user"), ('?', "query"), ('#', "fragment")] {
            if rest.contains(sign) {
                return Err(UpstreamError::Part { part });
            }
        }
        let authority = match rest.split_once('/') {
            None => rest,
            Some((authority, "")) => authority,
            Some(_) => {
                return Err(UpstreamError::Part { part: "path; where the paths begin is `base_path`" });
            }
        };
        let parsed = parse_authority(authority.as_bytes()).map_err(|cause| UpstreamError::Host { cause })?;
        let host = String::from_utf8_lossy(parsed.host);
        if ends_in_a_number(&host) && host.parse::<std::net::Ipv4Addr>().is_err() {
            return Err(UpstreamError::Address { host: shown(&host) });
        }
        let host = HostName::parse(&host).map_err(|cause| UpstreamError::Host { cause })?;
        Ok(Self { scheme, host, port: parsed.port.unwrap_or_else(|| scheme.port()) })
    }
}

/// Resolvers read `127.1`, `0x7f000001` and `2130706433` as addresses; such spellings have no honest use.
fn ends_in_a_number(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let digits = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|hexadecimal| hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit()));
    digits || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

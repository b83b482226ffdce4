//! Requests that nobody sent: made of a method and a URL, to ask what policy says of them.

use catalog::request_made;
use model::{CanonicalRequest, Method};

use crate::ControlError;

pub(crate) use catalog::request_to;

/// Reads a method and a URL as a client would send them.
pub(crate) fn request_of(method: &str, url: &str) -> Result<CanonicalRequest, ControlError> {
    let invalid = |reason: String| ControlError::invalid(reason, "give it as GET https://host/path");
    if Method::of_token(method.as_bytes()) == Method::Unlisted {
        return Err(invalid(format!("`{method}` is no method")));
    }
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| invalid(format!("`{url}` is no URL")))?;
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, target) = rest.split_at_checked(at).unwrap_or((rest, ""));
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    request_made(method, &target, host)
        .map_err(|detail| invalid(format!("the gateway would refuse `{url}`: {detail}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_clients_send_them() {
        for (url, host, path) in [
            ("https://shop.example.com/orders/7", "shop.example.com", "/orders/7"),
            ("http://127.0.0.1:8080", "127.0.0.1", "/"),
            ("http://a.example?x=1", "a.example", "/"),
        ] {
            let request = request_of("GET", url).unwrap();
            assert_eq!((request.host(), request.path()), (host, path), "{url}");
        }
        for (method, url) in [
            ("get", "https://a.example/"),
            ("GET", "a.example/"),
            ("GET", "https://a.example/../b"),
            ("GET", "https:///b"),
            ("GET", "ftp://a.example/"),
        ] {
            assert!(request_of(method, url).is_err(), "{method} {url}");
        }
    }
}

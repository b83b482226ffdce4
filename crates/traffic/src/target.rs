//! Request lines, targets and hosts as logs hold them.

use memchr::{memchr, memrchr};

use crate::fault::FaultKind;

/// What a target names. Nothing in it is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    /// Of an absolute form.
    pub(crate) host: Option<&'a str>,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
}

/// A method and a target out of `GET /a HTTP/1.1`; the version may be missing, as HTTP/0.9 has none.
pub(crate) fn request_line(line: &str) -> Result<(&str, Target<'_>), FaultKind> {
    let space = memchr(b' ', line.as_bytes()).ok_or(FaultKind::NoRequest)?;
    let (method, rest) = line.split_at_checked(space).ok_or(FaultKind::NoRequest)?;
    let rest = rest.get(1..).unwrap_or_default();
    if !is_method(method) {
        return Err(FaultKind::NoRequest);
    }
    let version = memrchr(b' ', rest.as_bytes()).and_then(|space| rest.split_at_checked(space));
    let target = match version {
        Some((target, version)) if version.starts_with(" HTTP/") => target,
        Some(_) | None => rest,
    };
    if method == "CONNECT" {
        return Err(FaultKind::NoPath);
    }
    Ok((method, split(target)?))
}

/// A target in origin or absolute form (RFC 9112, 3.2). A fragment, which no client should send, is cut off.
pub(crate) fn split(target: &str) -> Result<Target<'_>, FaultKind> {
    if target == "*" {
        return Err(FaultKind::NoPath);
    }
    let target = memchr(b'#', target.as_bytes()).and_then(|end| target.get(..end)).unwrap_or(target);
    let (host, rest) = match scheme_end(target) {
        None => (None, target),
        Some(end) => {
            let rest = target.get(end..).unwrap_or_default();
            let length = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at_checked(length).unwrap_or((rest, ""));
            (Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host)), rest)
        }
    };
    let (path, query) = match memchr(b'?', rest.as_bytes()).and_then(|mark| rest.split_at_checked(mark)) {
        Some((path, query)) => (path, query.get(1..)),
        None => (rest, None),
    };
    let path = if path.is_empty() && host.is_some() { "/" } else { path };
    if !path.starts_with('/') {
        return Err(FaultKind::NoRequest);
    }
    // Without an early end, since nearly all are and several bytes are then looked at at once.
    if !target.bytes().fold(true, |all, byte| all & byte.is_ascii_graphic()) {
        return Err(FaultKind::Target);
    }
    Ok(Target { host, path, query })
}

fn scheme_end(target: &str) -> Option<usize> {
    let scheme = |scheme: &str| {
        let found = target.get(..scheme.len())?.eq_ignore_ascii_case(scheme);
        found.then_some(scheme.len())
    };
    SCHEMES.into_iter().find_map(scheme)
}

/// The schemes of requests of the web. A WebSocket begins as one (RFC 6455, section 4.1), and browsers write its own scheme.
pub(crate) const SCHEMES: [&str; 4] = ["http://", "https://", "ws://", "wss://"];

/// Whether `text` is a token (RFC 9110, 5.6.2) of a length that methods have.
pub(crate) fn is_method(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=32).contains(&text.len()) && text.bytes().all(is_token)
}

/// Whether a number can be a status: three digits (RFC 9110, 15). Logs write others where nothing was answered.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that filters take")]
pub(crate) fn is_status(status: &u16) -> bool {
    (100..1_000).contains(status)
}

/// A host in lower case without the port that a scheme implies; none where there is none or it cannot be one.
pub(crate) fn host<'a>(text: &'a str, scratch: &'a mut String) -> Option<&'a str> {
    let text = text.strip_suffix(":80").or_else(|| text.strip_suffix(":443")).unwrap_or(text);
    let text = text.strip_suffix('.').unwrap_or(text);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]%".contains(&byte);
    if matches!(text, "" | "-" | "_") || 255 < text.len() || !text.bytes().all(fits) {
        return None;
    }
    // No name has a label without a letter in it: `..` and `.a` are paths, if anything.
    if text.starts_with('.') || text.contains("..") {
        return None;
    }
    if !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(text);
    }
    scratch.clear();
    scratch.push_str(text);
    scratch.make_ascii_lowercase();
    Some(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_that_names_a_path() {
        let target = |host, path, query| Target { host, path, query };
        for (line, want) in [
            ("GET /a?b=c HTTP/1.1", target(None, "/a", Some("b=c"))),
            ("GET /a?? HTTP/1.0", target(None, "/a", Some("?"))),
            ("GET /", target(None, "/", None)),
            ("GET /a#b HTTP/1.1", target(None, "/a", None)),
            ("GET http://H.example/a HTTP/1.1", target(Some("H.example"), "/a", None)),
            ("GET HTTPS://u:p@h:8443?x HTTP/2.0", target(Some("h:8443"), "/", Some("x"))),
            ("GET wss://h/a?b HTTP/1.1", target(Some("h"), "/a", Some("b"))),
            ("PURGE //x HTTP/1.1", target(None, "//x", None)),
        ] {
            assert_eq!(request_line(line).unwrap().1, want, "{line}");
        }
    }

    #[test]
    fn what_names_no_path_is_told_apart() {
        for (line, want) in [
            ("", FaultKind::NoRequest),
            ("-", FaultKind::NoRequest),
            ("\u{16}\u{3}\u{1} x", FaultKind::NoRequest),
            ("GET a HTTP/1.1", FaultKind::NoRequest),
            ("GET  /a HTTP/1.1", FaultKind::NoRequest),
            ("CONNECT h:443 HTTP/1.1", FaultKind::NoPath),
            ("OPTIONS * HTTP/1.1", FaultKind::NoPath),
            ("GET /a b HTTP/1.1", FaultKind::Target),
            ("GET /a\u{7f} HTTP/1.1", FaultKind::Target),
        ] {
            assert_eq!(request_line(line), Err(want), "{line}");
        }
    }

    #[test]
    fn hosts_are_compared_without_case_and_usual_port() {
        let mut scratch = String::new();
        for (text, want) in [
            ("API.Example.com:443", Some("api.example.com")),
            ("api.example.com.", Some("api.example.com")),
            ("api.example.com:8080", Some("api.example.com:8080")),
            ("[2001:db8::1]:80", Some("[2001:db8::1]")),
            ("-", None),
            ("_", None),
            ("", None),
            ("a b", None),
            ("a/b", None),
            ("a.b", Some("a.b")),
            (".", None),
            ("..", None),
            ("..:443", None),
            ("...", None),
            (".a", None),
            ("a..b", None),
        ] {
            assert_eq!(host(text, &mut scratch), want, "{text}");
        }
    }
}

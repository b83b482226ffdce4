//! The common and combined log formats of Apache and nginx, with and without the virtual host in front.
//!
//! `[host[:port] ]client ident user [time] "request" status bytes[ "referer" "agent"[ …]]`. What stands behind the agent is
//! of each site's own making and is left out.

use crate::exchange::{Credential, Exchange};
use crate::fault::{Fault, FaultKind};
use crate::scan::Cursor;
use crate::{target, time};

/// `host` and `quoted` are scratch for what differs from the line.
pub(crate) fn read<'a>(
    line: &'a str,
    host: &'a mut String,
    quoted: &'a mut String,
) -> Result<Exchange<'a>, Fault> {
    let mut cursor = Cursor::new(line);
    let front = cursor.until(" [").ok_or_else(|| Fault::new(FaultKind::Form, 0))?;
    let (vhost, client, user) = caller(front).ok_or_else(|| Fault::new(FaultKind::Form, 0))?;
    let at = cursor.at();
    let written = cursor.until("] \"").ok_or_else(|| Fault::new(FaultKind::Form, at))?;
    let moment = time::clf(written).ok_or_else(|| Fault::new(FaultKind::Time, at))?;
    let at = cursor.at();
    let request = cursor.quoted(quoted).ok_or_else(|| Fault::new(FaultKind::Form, at))?;
    let (method, aimed) = target::request_line(request).map_err(|kind| Fault::new(kind, at))?;
    let at = cursor.at();
    let status = cursor.word().and_then(status).ok_or_else(|| Fault::new(FaultKind::Status, at))?;
    let bytes_out = cursor.word().and_then(|word| word.parse().ok());
    // The referer, and the quotation marks around it, tell nothing of this request.
    let agent = cursor.plain_quoted().and_then(|_| cursor.plain_quoted()).filter(|agent| *agent != "-");
    let caller = user.filter(|user| *user != "-" && !user.is_empty());
    // Servers write down the name that was tried, too; it is nobody's where the answer was a failure.
    let is_caller = status < 400;
    Ok(Exchange {
        at: Some(moment),
        host: vhost.or(aimed.host).and_then(|text| target::host(text, host)),
        method,
        path: aimed.path,
        query: aimed.query,
        status: Some(status),
        bytes_out,
        client: Some(client),
        agent,
        caller: caller.filter(|_| is_caller),
        // Apache has checked the name. nginx takes it from any `Authorization: Basic`, checked or not, and its lines look the same.
        credential: if caller.is_some() { Credential::Sent } else { Credential::NotShown },
        ..Exchange::default()
    })
}

/// The virtual host, the client and the user of what stands before the time. The identity (RFC 1413), which is a hyphen
/// nearly everywhere, tells whether a host comes first.
fn caller(front: &str) -> Option<(Option<&str>, &str, Option<&str>)> {
    let (first, rest) = front.split_once(' ')?;
    let (second, rest) = rest.split_once(' ')?;
    if second == "-" {
        return Some((None, first, Some(rest)));
    }
    match rest.split_once(' ') {
        Some(("-", user)) => Some((Some(first), second, Some(user))),
        Some(_) | None => Some((None, first, Some(rest))),
    }
}

/// Three digits from 100 up. nginx writes 000 where it answered nothing.
fn status(word: &str) -> Option<u16> {
    let fits = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    word.parse().ok().filter(|status| fits && 100 <= *status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, want: Exchange<'_>) {
        assert_eq!(read(line, &mut String::new(), &mut String::new()), Ok(want), "{line}");
    }

    const PLAIN: Exchange<'static> = Exchange {
        at: Some(971_211_336_000),
        host: None,
        method: "GET",
        path: "/a/1",
        query: Some("b=c"),
        status: Some(200),
        bytes_in: None,
        bytes_out: Some(2_326),
        duration: None,
        request_type: None,
        response_type: None,
        client: Some("127.0.0.1"),
        agent: None,
        caller: None,
        credential: Credential::NotShown,
        route: None,
        side: crate::Side::Server,
        own_answer: false,
        deprecated: false,
        sunset: None,
        request_body: None,
        response_body: None,
    };

    #[test]
    fn reads_common_and_combined_with_and_without_a_host() {
        let tail = r#"[10/Oct/2000:13:55:36 -0700] "GET /a/1?b=c HTTP/1.1" 200 2326"#;
        check(&format!("127.0.0.1 - - {tail}"), PLAIN);
        let agent = Some("curl/8 (x)");
        check(&format!(r#"127.0.0.1 - - {tail} "-" "curl/8 (x)" "more" 0.1"#), Exchange { agent, ..PLAIN });
        let host = Some("api.example.com");
        check(&format!(r#"API.example.com:443 127.0.0.1 - - {tail} "-" "-""#), Exchange { host, ..PLAIN });
        let client = Some("2001:db8::1");
        check(&format!("2001:db8::1 - - {tail}"), Exchange { client, ..PLAIN });
    }

    #[test]
    fn a_user_is_a_caller_only_where_the_answer_was_no_failure_and_verified_by_no_line() {
        let line = |user: &str, status: u16| {
            format!("127.0.0.1 - {user} [10/Oct/2000:13:55:36 -0700] \"GET /a/1?b=c HTTP/1.1\" {status} 2326")
        };
        let named = Exchange { caller: Some("ada"), credential: Credential::Sent, ..PLAIN };
        check(&line("ada", 200), named);
        check(&line("ada", 401), Exchange { status: Some(401), credential: Credential::Sent, ..PLAIN });
        check(&line("ada b", 200), Exchange { caller: Some("ada b"), ..named });
    }

    #[test]
    fn escapes_of_the_log_are_undone_and_bytes_outside_of_ascii_percent_encoded() {
        let line =
            r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /caf\xC3\xA9/\x22\"?b=c HTTP/1.1" 200 2326"#;
        check(line, Exchange { path: "/caf%C3%A9/\"\"", ..PLAIN });
    }

    #[test]
    fn says_where_a_line_ends_to_make_sense() {
        let whole = r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.1" 200 5"#;
        assert!(read(whole, &mut String::new(), &mut String::new()).is_ok());
        for (line, kind) in [
            ("", FaultKind::Form),
            ("127.0.0.1 - -", FaultKind::Form),
            ("127.0.0.1 [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1\" 200 5", FaultKind::Form),
            ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700 \"GET /a HTTP/1.1\" 200 5", FaultKind::Form),
            ("127.0.0.1 - - [10/Oct/2000:13:65:36 -0700] \"GET /a HTTP/1.1\" 200 5", FaultKind::Time),
            ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1", FaultKind::Form),
            ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"\\x16\\x03\\x01\" 400 5", FaultKind::NoRequest),
            ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"-\" 408 0", FaultKind::NoRequest),
            ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"OPTIONS * HTTP/1.1\" 200 0", FaultKind::NoPath),
            ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /a\\x00 HTTP/1.1\" 200 0", FaultKind::Target),
            ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1\" 000 0", FaultKind::Status),
            ("127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1\" - 0", FaultKind::Status),
        ] {
            assert_eq!(
                read(line, &mut String::new(), &mut String::new()).map_err(|fault| fault.kind),
                Err(kind),
                "{line}"
            );
        }
    }
}

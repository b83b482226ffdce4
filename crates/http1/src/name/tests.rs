//! Names and lists: what they are, and the nearest things that they are not.

use super::*;

fn text(members: Vec<&[u8]>) -> Vec<&str> {
    members.into_iter().map(|member| core::str::from_utf8(member).unwrap()).collect()
}

#[test]
fn hop_by_hop_fields_are_known_in_any_case_and_their_neighbours_are_not() {
    for name in [
        "Connection",
        "KEEP-ALIVE",
        "te",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "upgrade",
        "HTTP2-Settings",
        "Proxy-Connection",
        "Proxy-Authenticate",
        "Proxy-Authorization",
    ] {
        assert!(is_hop_by_hop(name.as_bytes()), "{name}");
        assert!(!is_hop_by_hop(format!("{name}x").as_bytes()), "{name}x");
        let changed = name.replacen(|letter: char| letter.is_ascii_alphabetic(), "x", 1);
        assert!(!is_hop_by_hop(changed.as_bytes()), "{changed}");
    }
    for name in ["", "Authorization", "Content-Length", "Host", "Cookie", "Connection ", "Trailers"] {
        assert!(!is_hop_by_hop(name.as_bytes()), "{name}");
    }
}

#[test]
fn trailers_may_not_frame_or_route() {
    for (name, forbidden) in [
        ("Content-Length", true),
        ("HOST", true),
        ("transfer-encoding", true),
        ("Connection", true),
        ("AUTHORIZATION", true),
        ("cookie", true),
        ("Content-Type", true),
        ("Cookies", false),
        ("Grpc-Status", false),
        ("Content-Lengths", false),
        ("Hos", false),
        ("Digest", false),
    ] {
        assert_eq!(is_forbidden_in_trailers(name.as_bytes()), forbidden, "{name}");
    }
}

#[test]
fn token_lists_skip_empty_members_and_stop_at_anything_else() {
    for (value, want) in [
        ("", &[][..]),
        (" , ,\t,", &[]),
        ("close", &["close"]),
        (" keep-alive ,\tX-A", &["keep-alive", "X-A"]),
        (",close,", &["close"]),
        ("a b", &["!"]),
        ("a, \"b\"", &["a", "!"]),
        ("a;q=1, b", &["!"]),
        ("a, b=c, d", &["a", "!"]),
        ("close\u{a0}", &["!"]),
        ("a/b", &["!"]),
    ] {
        let read: Vec<&[u8]> = tokens(value.as_bytes()).map(|token| token.unwrap_or(b"!")).collect();
        assert_eq!(text(read), want, "{value:?}");
    }
}

#[test]
fn list_members_keep_quoted_commas() {
    for (value, want) in [
        ("", &[][..]),
        (",, ,", &[]),
        ("a", &["a"]),
        (" a b , c;q=\"1,2\" ", &["a b", "c;q=\"1,2\""]),
        (r#""a\",b",c"#, &[r#""a\",b""#, "c"]),
        ("\"open, end", &["\"open, end"]),
        ("a\\,b", &["a\\", "b"]),
    ] {
        assert_eq!(text(list_members(value.as_bytes()).collect()), want, "{value:?}");
    }
}

#[test]
fn values_are_found_by_name_without_case_and_in_order() {
    let head = b"GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a:2\r\nX-AB: 3\r\nX_A: 4\r\nX-A:\r\n\r\n";
    let mut fields = Vec::new();
    assert!(crate::parse_request_head(head, &crate::Limits::STANDARD, &mut fields).is_ok());
    assert_eq!(text(values(head, &fields, b"x-a").collect()), ["1", "2", ""]);
    assert_eq!(values(head, &fields, b"x-c").count(), 0);
    assert_eq!(text(values(b"", &fields, b"").collect()), Vec::<&str>::new());
}

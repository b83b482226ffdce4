//! Request heads: what is accepted, as it is read, and the nearest things that are refused.

use super::*;

/// One line that says all about an accepted head, or the code of the refusal.
fn read_within(input: &[u8], limits: &Limits) -> String {
    let mut fields = Vec::new();
    let head = match parse_request_head(input, limits, &mut fields) {
        Ok(Parse::Complete(head)) => head,
        Ok(Parse::Partial) => return "partial".to_owned(),
        Err(refusal) => return refusal.code().to_owned(),
    };
    let text = |span: Span| String::from_utf8_lossy(span.of(input)).into_owned();
    let framing = match head.framing {
        Framing::Chunked => "chunked".to_owned(),
        Framing::Length(length) => length.to_string(),
        Framing::None => "none".to_owned(),
    };
    let mut said = vec![text(head.method), text(head.target), framing];
    if head.version == Version::Http10 {
        said.push("1.0".to_owned());
    }
    if head.persistence == Persistence::Close {
        said.push("close".to_owned());
    }
    if head.expect == Expectation::Continue {
        said.push("expects".to_owned());
    }
    if head.upgrade == Upgrade::Asked {
        said.push("upgrade".to_owned());
    }
    said.push(head.host.map_or_else(|| "hostless".to_owned(), |host| format!("@{}", text(host))));
    for field in fields.iter().filter(|field| !equals(field.name.of(input), b"host")) {
        said.push(format!("[{}={}]", text(field.name), text(field.value)));
    }
    assert!(input[..head.length].ends_with(b"\r\n\r\n"), "the head ends in an empty line");
    said.join(" ")
}

#[track_caller]
fn check(input: impl AsRef<[u8]>, want: &str) {
    let input = input.as_ref();
    assert_eq!(read_within(input, &Limits::STANDARD), want, "{}", input.escape_ascii());
}

/// A head of HTTP/1.1 with a host and these lines.
fn with(lines: impl AsRef<[u8]>) -> Vec<u8> {
    [b"POST / HTTP/1.1\r\nHost: h\r\n", lines.as_ref(), b"\r\n\r\n"].concat()
}

#[track_caller]
fn check_lines(lines: impl AsRef<[u8]>, want: &str) {
    check(with(lines), want);
}

#[test]
fn plain_heads_are_read_as_they_stand() {
    for (input, want) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / none @h"),
        ("GET /a?b=c HTTP/1.1\r\nhOST:h:80\r\n\r\nrest", "GET /a?b=c none @h:80"),
        ("OPTIONS * HTTP/1.1\r\nHost: \t h \t \r\n\r\n", "OPTIONS * none @h"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / none @"),
        ("GET / HTTP/1.1\r\nHost: \t \r\n\r\n", "GET / none @"),
        ("GET http://a/b HTTP/1.1\r\nHost: c\r\n\r\n", "GET http://a/b none @c"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "CONNECT a:443 none @a:443"),
        ("get /%2e\\|^{}\"<> HTTP/1.1\r\nHost: h\r\n\r\n", "get /%2e\\|^{}\"<> none @h"),
        ("!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: h\r\n\r\n", "!#$%&'*+-.^_`|~09azAZ / none @h"),
        ("GET / HTTP/1.0\r\n\r\n", "GET / none 1.0 close hostless"),
        (
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\nHost: h\r\n\r\n",
            "GET / none 1.0 close @h [Connection=keep-alive]",
        ),
        ("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / none @h"),
    ] {
        check(input, want);
    }
}

#[test]
fn fields_keep_order_case_and_inner_white_space() {
    check_lines(
        "X-A:  b \t c  \r\nx-a:\r\nX_B: \"q, r\"; s=\u{e4}.",
        "POST / none @h [X-A=b \t c] [x-a=] [X_B=\"q, r\"; s=\u{e4}.]",
    );
    check_lines("!#$%&'*+-.^_`|~9: v", "POST / none @h [!#$%&'*+-.^_`|~9=v]");
    check_lines("X: a\u{a0}b \u{4e2d} z", "POST / none @h [X=a\u{a0}b \u{4e2d} z]");
}

#[test]
fn broken_request_lines_are_refused() {
    for (input, want) in [
        (&b" GET / HTTP/1.1\r\n"[..], "method_malformed"),
        (b"\tGET / HTTP/1.1\r\n", "method_malformed"),
        (b"GET\t/ HTTP/1.1\r\n", "method_malformed"),
        (b"G\x00T / HTTP/1.1\r\n", "method_malformed"),
        (b"G\xc3\x84T / HTTP/1.1\r\n", "method_malformed"),
        (b"G:T / HTTP/1.1\r\n", "method_malformed"),
        (b"GET\r\n", "method_malformed"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "method_malformed"),
        (b"GET\n", "bare_line_break"),
        (b"GET  / HTTP/1.1\r\n", "target_empty"),
        (b"GET \t/ HTTP/1.1\r\n", "target_byte"),
        (b"GET /\tHTTP/1.1\r\n", "target_byte"),
        (b"GET /\x00 HTTP/1.1\r\n", "target_byte"),
        (b"GET /\x7f HTTP/1.1\r\n", "target_byte"),
        (b"GET /\xc3\xa4 HTTP/1.1\r\n", "target_byte"),
        (b"GET /a#b HTTP/1.1\r\n", "target_fragment"),
        (b"GET # HTTP/1.1\r\n", "target_fragment"),
        (b"GET /\r\n", "version_malformed"),
        (b"GET /\n", "bare_line_break"),
        (b"GET / \r\n", "version_malformed"),
        (b"GET /  HTTP/1.1\r\n", "version_malformed"),
        (b"GET /a b HTTP/1.1\r\n", "version_malformed"),
        (b"GET / http/1.1\r\n", "version_malformed"),
        (b"GET / HTTP/1,1\r\n", "version_malformed"),
        (b"GET / HTTP/1.1 \r\n", "version_malformed"),
        (b"GET / HTTP/1.10\r\n", "version_malformed"),
        (b"GET / HTTP/11.1\r\n", "version_malformed"),
        (b"GET / HTTP/+1.1\r\n", "version_malformed"),
        (b"GET / HTTPS/1.1\r\n", "version_malformed"),
        (b"GET / ICY/1.1\r\n", "version_malformed"),
        (b"GET / HTTP/1.1\n", "bare_line_break"),
        (b"GET / HTTP/1.1\rX", "bare_line_break"),
        (b"GET / HTTP/1.1\r\r\n", "bare_line_break"),
        (b"GET / HTTP/1.0\n", "bare_line_break"),
        (b"GET / HTTP/1.2\r\n", "version_unsupported"),
        (b"GET / HTTP/0.9\r\n", "version_unsupported"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "version_unsupported"),
        (b"\r\n\r\nGET / HTTP/1.1\r\n", "leading_lines"),
        (b"\nGET / HTTP/1.1\r\n", "bare_line_break"),
        (b"\r\n\nGET / HTTP/1.1\r\n", "bare_line_break"),
        (b"\rGET / HTTP/1.1\r\n", "bare_line_break"),
        (b"\r\n GET / HTTP/1.1\r\n", "method_malformed"),
    ] {
        check(input, want);
    }
}

#[test]
fn broken_field_lines_are_refused() {
    for (lines, want) in [
        (&b"X: a\nY: b"[..], "bare_line_break"),
        (b"X: a\rY: b", "bare_line_break"),
        (b"X: a\r\rY: b", "bare_line_break"),
        (b"X: a\r", "bare_line_break"),
        (b"X: a\n", "bare_line_break"),
        (b"X\n: a", "bare_line_break"),
        (b"X\r: a", "bare_line_break"),
        (b"\nX: a", "bare_line_break"),
        (b"\rX: a", "bare_line_break"),
        (b"X: a\r\n b", "field_folded"),
        (b"X: a\r\n\tb", "field_folded"),
        (b"X: a\r\n \r\nY: b", "field_folded"),
        (b" X: a", "field_folded"),
        (b"X : a", "field_name_space"),
        (b"X\t: a", "field_name_space"),
        (b"X y: a", "field_name_space"),
        (b"Content-Length : 5", "field_name_space"),
        (b"Transfer-Encoding\t: chunked", "field_name_space"),
        (b": a", "field_name_empty"),
        (b":", "field_name_empty"),
        (b"X", "field_colon_missing"),
        (b"X=a", "field_name_byte"),
        (b"X\x00: a", "field_name_byte"),
        (b"X\x0b: a", "field_name_byte"),
        (b"X\x7f: a", "field_name_byte"),
        (b"X\x85: a", "field_name_byte"),
        (b"X\xa0: a", "field_name_byte"),
        (b"\xa0X: a", "field_name_byte"),
        (b"\xef\xbb\xbfX: a", "field_name_byte"),
        (b"X\xc3\xa4: a", "field_name_byte"),
        (b"(X): a", "field_name_byte"),
        (b"X\": a", "field_name_byte"),
        (b"[X: a", "field_name_byte"),
        (b"X: a\x00b", "field_value_byte"),
        (b"X: \x00", "field_value_byte"),
        (b"X:\x0ba", "field_value_byte"),
        (b"X: a\x0c", "field_value_byte"),
        (b"X: a\x1b[1m", "field_value_byte"),
        (b"X: a\x7f", "field_value_byte"),
        (b"X: \x08a", "field_value_byte"),
        (b"X: \x85a", "field_value_edge"),
        (b"X: a\x85", "field_value_edge"),
        (b"X: \xa0a", "field_value_edge"),
        (b"X: a\xa0 ", "field_value_edge"),
        (b"X: a\xc2\xa0", "field_value_edge"),
        (b"X: a\xe3\x80\x80", "field_value_edge"),
        (b"X: caf\xc3\xa9", "field_value_edge"),
        (b"X: a\x85b", "field_value_encoding"),
        (b"X: a\xa0b", "field_value_encoding"),
        (b"X: caf\xe9.", "field_value_encoding"),
        (b"X: a\xc2\x85b", "field_value_encoding"),
        (b"X: a\xc0\x8ab", "field_value_encoding"),
        (b"X: a\xed\xa0\x80b", "field_value_encoding"),
        (b"X: a\xffb", "field_value_encoding"),
    ] {
        check_lines(lines, want);
    }
}

#[test]
fn the_framing_of_a_request_has_one_reading() {
    for (lines, want) in [
        ("Content-Length: 0", "POST / 0 @h [Content-Length=0]"),
        ("content-length:5", "POST / 5 @h [content-length=5]"),
        ("CONTENT-LENGTH:  5  ", "POST / 5 @h [CONTENT-LENGTH=5]"),
        (
            "Content-Length: 18446744073709551615",
            "POST / 18446744073709551615 @h [Content-Length=18446744073709551615]",
        ),
        ("Transfer-Encoding: chunked", "POST / chunked @h [Transfer-Encoding=chunked]"),
        ("transfer-encoding:  CHUNKED ", "POST / chunked @h [transfer-encoding=CHUNKED]"),
        ("Transfer_Encoding: gzip", "POST / none @h [Transfer_Encoding=gzip]"),
        ("Content_Length: x", "POST / none @h [Content_Length=x]"),
    ] {
        check_lines(lines, want);
    }
}

#[test]
fn lengths_that_are_not_one_plain_number_are_refused() {
    for value in [
        "",
        "+5",
        "-5",
        "-0",
        "05",
        "00",
        "5,",
        ",5",
        "5,5",
        "5, 5",
        "5 5",
        "5;q=1",
        "0x5",
        "5_0",
        "5.0",
        "1e3",
        "\"5\"",
        "5a",
        "a",
        // Beside the digits.
        ":",
        "5:",
        "/5",
        "18446744073709551616",
        "99999999999999999999",
        "100000000000000000000000000000000000000000",
        "5\u{661}5",
    ] {
        check_lines(format!("Content-Length: {value}"), "content_length_malformed");
    }
    for (lines, want) in [
        ("Content-Length: 5\r\nContent-Length: 5", "content_length_repeated"),
        ("Content-Length: 5\r\ncontent-length: 6", "content_length_repeated"),
        ("Content-Length: 0\r\nX: y\r\nContent-Length: 0", "content_length_repeated"),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", "content_length_with_transfer_encoding"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", "content_length_with_transfer_encoding"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0", "content_length_with_transfer_encoding"),
        ("Content-Length: 5\r\nTransfer-Encoding: identity", "content_length_with_transfer_encoding"),
        ("Content-Length: 5\r\nTransfer-Encoding:", "content_length_with_transfer_encoding"),
    ] {
        check_lines(lines, want);
    }
}

#[test]
fn transfer_encodings_other_than_one_chunked_are_refused() {
    for value in [
        "",
        ",",
        "chunked,",
        ",chunked",
        "chunked, chunked",
        "gzip, chunked",
        "chunked, gzip",
        "gzip",
        "identity",
        "xchunked",
        "chunked;q=1",
        "chunked ;",
        "\"chunked\"",
        "'chunked'",
        "chunke",
        "chunkedx",
        "chun ked",
        "identity, chunked",
        "cow",
        "ch\u{212a}unked",
    ] {
        check_lines(format!("Transfer-Encoding: {value}"), "transfer_encoding_unsupported");
    }
    for (lines, want) in [
        (&b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"[..], "transfer_encoding_repeated"),
        (b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow", "transfer_encoding_repeated"),
        (b"Transfer-Encoding: cow\r\nTransfer-encoding: chunked", "transfer_encoding_unsupported"),
        // White space to one reader, part of the coding to another.
        (b"Transfer-Encoding: chunked\t", "transfer_encoding_unsupported"),
        (b"Transfer-Encoding: chunked \t ", "transfer_encoding_unsupported"),
        (b"Transfer-Encoding:\tchunked", "transfer_encoding_unsupported"),
        (b"Transfer-Encoding: \t chunked", "transfer_encoding_unsupported"),
        (b"Content-Length:\t5", "content_length_malformed"),
        (b"Content-Length: \t 5", "content_length_malformed"),
        (b"Content-Length: 5\t", "content_length_malformed"),
        (b"Content-Length: 5 \t ", "content_length_malformed"),
        (b"Transfer-Encoding: \x0bchunked", "field_value_byte"),
        (b"Transfer-Encoding: chunked\x0c", "field_value_byte"),
        (b"Transfer-Encoding: \x00chunked", "field_value_byte"),
        (b"Transfer-Encoding: chunked\xa0", "field_value_edge"),
        (b"Transfer-Encoding: \x85chunked", "field_value_edge"),
        (b"Transfer-Encoding:\r\n chunked", "transfer_encoding_unsupported"),
        (b"X: y\r\n Transfer-Encoding: chunked", "field_folded"),
        (b"Transfer-Encoding\x00: chunked", "field_name_byte"),
        (b"X: y\rTransfer-Encoding: chunked", "bare_line_break"),
        (b"X: y\nTransfer-Encoding: chunked", "bare_line_break"),
    ] {
        check_lines(lines, want);
    }
    check("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer_encoding_in_http10");
    check(
        "POST / HTTP/1.0\r\nHost: h\r\nContent-Length: 3\r\n\r\n",
        "POST / 3 1.0 close @h [Content-Length=3]",
    );
}

#[test]
fn hosts_are_one_or_refused() {
    for (input, want) in [
        ("GET / HTTP/1.1\r\n\r\n", "host_missing"),
        ("GET / HTTP/1.1\r\nX-Host: h\r\nHosts: h\r\nHos: h\r\n\r\n", "host_missing"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "host_repeated"),
        ("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "host_repeated"),
        ("GET / HTTP/1.1\r\nHost:\r\nHOST:\r\n\r\n", "host_repeated"),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "host_repeated"),
    ] {
        check(input, want);
    }
}

#[test]
fn connections_are_lists_of_tokens() {
    for (lines, want) in [
        ("Connection: close", "POST / none close @h [Connection=close]"),
        ("connection: CLOSE", "POST / none close @h [connection=CLOSE]"),
        ("Connection: x, ,close", "POST / none close @h [Connection=x, ,close]"),
        (
            "Connection: keep-alive\r\nConnection: close",
            "POST / none close @h [Connection=keep-alive] [Connection=close]",
        ),
        ("Connection: close, keep-alive", "POST / none close @h [Connection=close, keep-alive]"),
        ("Connection: keep-alive", "POST / none @h [Connection=keep-alive]"),
        ("Connection: closed", "POST / none @h [Connection=closed]"),
        ("Connection:", "POST / none @h [Connection=]"),
        ("Connectiom: close", "POST / none @h [Connectiom=close]"),
        ("Connection: close;q=0", "connection_malformed"),
        ("Connection: \"close\"", "connection_malformed"),
        ("Connection: keep-alive close", "connection_malformed"),
        (
            "Connection: Upgrade\r\nUpgrade: websocket",
            "POST / none upgrade @h [Connection=Upgrade] [Upgrade=websocket]",
        ),
        ("Upgrade: h2c", "POST / none upgrade @h [Upgrade=h2c]"),
        ("Upgraded: h2c", "POST / none @h [Upgraded=h2c]"),
    ] {
        check_lines(lines, want);
    }
}

#[test]
fn only_a_continue_may_be_expected() {
    for (lines, want) in [
        (
            "Expect: 100-Continue\r\nContent-Length: 5",
            "POST / 5 expects @h [Expect=100-Continue] [Content-Length=5]",
        ),
        (
            "Transfer-Encoding: chunked\r\nExpect: 100-continue",
            "POST / chunked expects @h [Transfer-Encoding=chunked] [Expect=100-continue]",
        ),
        ("Expect: 100-continue", "POST / none @h [Expect=100-continue]"),
        ("Expect: 100-continue\r\nContent-Length: 0", "POST / 0 @h [Expect=100-continue] [Content-Length=0]"),
        ("Expect:", "expectation_unsupported"),
        ("Expect: 100-continued", "expectation_unsupported"),
        ("Expect: 100-continue, x", "expectation_unsupported"),
        ("Expect: 200-ok", "expectation_unsupported"),
        ("Expect: 100-continue\r\nExpect: 100-continue", "expectation_unsupported"),
    ] {
        check_lines(lines, want);
    }
    check(
        "POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        "POST / 5 1.0 close hostless [Content-Length=5] [Expect=100-continue]",
    );
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = Limits { head_bytes_max: 64, fields_max: 2, target_bytes_max: 10, ..Limits::STANDARD };
    let target = |length: usize| format!("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", "/".repeat(length));
    assert_eq!(read_within(target(10).as_bytes(), &limits), "GET ////////// none @h");
    assert_eq!(read_within(target(11).as_bytes(), &limits), "target_too_long");
    assert_eq!(read_within(&target(11).as_bytes()[..14], &limits), "partial");
    assert_eq!(read_within(&target(11).as_bytes()[..15], &limits), "target_too_long");
    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "a:\r\n".repeat(count));
    assert_eq!(read_within(fields(1).as_bytes(), &limits), "GET / none @h [a=]");
    assert_eq!(read_within(fields(2).as_bytes(), &limits), "too_many_fields");
    let head = |length: usize| format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "h".repeat(length - 26));
    assert!(read_within(head(64).as_bytes(), &limits).starts_with("GET / none @hhh"));
    assert_eq!(read_within(head(65).as_bytes(), &limits), "head_too_large");
    assert_eq!(read_within(&head(65).as_bytes()[..63], &limits), "partial");
    assert_eq!(read_within(&head(65).as_bytes()[..64], &limits), "head_too_large");
    let method = |length: usize| format!("{} / HTTP/1.1\r\nHost: h\r\n\r\n", "M".repeat(length));
    assert!(read_within(method(32).as_bytes(), &limits).starts_with("MMM"));
    assert_eq!(read_within(method(33).as_bytes(), &limits), "method_too_long");
    let whole = Limits { head_bytes_max: u16::MAX, ..Limits::STANDARD };
    assert!(read_within(head(65_535).as_bytes(), &whole).starts_with("GET / none @hhh"));
    assert_eq!(read_within(head(65_536).as_bytes(), &whole), "head_too_large");
}

#[test]
fn every_prefix_of_a_head_is_partial() {
    let head = b"\r\nPUT /abc HTTP/1.0\r\nHost: h\r\nX-Long-Name:  some value\t\r\nConnection: close\r\n\r\n";
    for length in 0..head.len() {
        check(&head[..length], "partial");
    }
    check(head, "PUT /abc none 1.0 close @h [X-Long-Name=some value] [Connection=close]");
}

#[test]
fn refusals_close_and_have_a_status() {
    for (lines, status) in [("X", 400), ("Expect: x", 417), ("Content-Length: x", 400)] {
        let refusal = parse_request_head(&with(lines), &Limits::STANDARD, &mut Vec::new()).unwrap_err();
        assert_eq!((refusal.status(), refusal.persistence()), (status, Persistence::Close));
    }
    assert_eq!(RequestRefusal::HeadTooLarge.status(), 431);
    assert_eq!(RequestRefusal::Field(FieldRefusal::TooMany).status(), 431);
    assert_eq!(RequestRefusal::TargetTooLong.status(), 414);
    assert_eq!(RequestRefusal::VersionUnsupported.status(), 505);
    assert_eq!(
        RequestRefusal::Field(FieldRefusal::Folded).to_string(),
        "header field lines must not be folded"
    );
}

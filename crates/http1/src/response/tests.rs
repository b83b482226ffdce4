//! Response heads: what is accepted, as it is read, and the nearest things that are refused.

use super::*;

fn read_for(input: &[u8], request: RequestMethodClass) -> String {
    let mut fields = Vec::new();
    let head = match parse_response_head(input, &Limits::STANDARD, &mut fields, request) {
        Ok(Parse::Complete(head)) => head,
        Ok(Parse::Partial) => return "partial".to_owned(),
        Err(refusal) => return refusal.code().to_owned(),
    };
    let text = |span: Span| String::from_utf8_lossy(span.of(input)).into_owned();
    let framing = match head.framing {
        ResponseFraming::Chunked => "chunked".to_owned(),
        ResponseFraming::Length(length) => length.to_string(),
        ResponseFraming::None => "none".to_owned(),
        ResponseFraming::UntilClose => "until-close".to_owned(),
    };
    let persistence = match head.persistence {
        Persistence::Close => "close",
        Persistence::KeepAlive => "keep",
    };
    let interim = if head.is_interim() { " interim" } else { "" };
    assert!(input[..head.length].ends_with(b"\r\n\r\n"), "the head ends in an empty line");
    format!("{} {:?} {framing} {persistence}{interim}", head.status, text(head.reason))
}

#[track_caller]
fn check(input: impl AsRef<[u8]>, want: &str) {
    let input = input.as_ref();
    assert_eq!(read_for(input, RequestMethodClass::Other), want, "{}", input.escape_ascii());
}

/// A response of HTTP/1.1 with this status and these lines.
fn with(status: u16, lines: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} R\r\n{lines}\r\n\r\n").into_bytes()
}

#[test]
fn plain_heads_are_read_as_they_stand() {
    for (input, want) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 \"OK\" 5 keep"),
        ("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200 \"\" 0 keep"),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200 \"\" 0 keep"),
        (
            "HTTP/1.1 404 Not  Found\t!\r\nTransfer-Encoding: chunked\r\n\r\n",
            "404 \"Not  Found\\t!\" chunked keep",
        ),
        ("HTTP/1.1 404 Non trouv\u{e9}\r\nContent-Length: 1\r\n\r\n", "404 \"Non trouv\u{e9}\" 1 keep"),
        ("HTTP/1.1 200 OK\r\n\r\n", "200 \"OK\" until-close close"),
        ("HTTP/1.1 599 X\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\n", "599 \"X\" 1 close"),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n", "200 \"OK\" 1 close"),
        ("HTTP/1.0 200 OK\r\n\r\n", "200 \"OK\" until-close close"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "100 \"Continue\" none keep interim"),
        ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "103 \"Early Hints\" none keep interim"),
    ] {
        check(input, want);
    }
}

#[test]
fn broken_status_lines_are_refused() {
    for (input, want) in [
        (&b"\r\nHTTP/1.1 200 OK\r\n"[..], "version_malformed"),
        (b" HTTP/1.1 200 OK\r\n", "version_malformed"),
        (b"http/1.1 200 OK\r\n", "version_malformed"),
        (b"HTTP/1.1\t200 OK\r\n", "version_malformed"),
        (b"HTTP/1.1\r\n", "version_malformed"),
        (b"HTTP/1.10 200 OK\r\n", "version_malformed"),
        (b"ICY 200 OK\r\n", "version_malformed"),
        (b"<html>", "version_malformed"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "version_malformed"),
        (b"HTTP/2.0 200 OK\r\n", "version_unsupported"),
        (b"HTTP/1.2 200 OK\r\n", "version_unsupported"),
        (b"HTTP/0.9 200 OK\r\n", "version_unsupported"),
        (b"HTTP/1.1  200 OK\r\n", "status_malformed"),
        (b"HTTP/1.1 20 OK\r\n", "status_malformed"),
        (b"HTTP/1.1 2000 OK\r\n", "status_malformed"),
        (b"HTTP/1.1 099 X\r\n", "status_malformed"),
        (b"HTTP/1.1 600 X\r\n", "status_malformed"),
        (b"HTTP/1.1 +20 X\r\n", "status_malformed"),
        (b"HTTP/1.1 2x0 X\r\n", "status_malformed"),
        (b"HTTP/1.1 20\xb2 X\r\n", "status_malformed"),
        (b"HTTP/1.1 200\tOK\r\n", "status_malformed"),
        (b"HTTP/1.1 200OK\r\n", "status_malformed"),
        (b"HTTP/1.1 \r\n", "status_malformed"),
        (b"HTTP/1.1 200 O\x00K\r\n", "reason_malformed"),
        (b"HTTP/1.1 200 O\x1bK\r\n", "reason_malformed"),
        (b"HTTP/1.1 200 O\x85K\r\n", "reason_malformed"),
        (b"HTTP/1.1 200 O\xc2\x85K\r\n", "reason_malformed"),
        (b"HTTP/1.1 200 OK\n", "bare_line_break"),
        (b"HTTP/1.1 200 OK\rX", "bare_line_break"),
        (b"HTTP/1.1 200\n", "bare_line_break"),
        (b"HTTP/1.1 200\rX", "bare_line_break"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "switching_protocols"),
    ] {
        check(input, want);
    }
}

#[test]
fn broken_field_lines_are_refused() {
    for (lines, want) in [
        ("X: a\nY: b", "bare_line_break"),
        ("X: a\rY: b", "bare_line_break"),
        ("X: a\r\n b", "field_folded"),
        ("X : a", "field_name_space"),
        (": a", "field_name_empty"),
        ("X", "field_colon_missing"),
        ("X\u{e4}: a", "field_name_byte"),
        ("X: a\0b", "field_value_byte"),
        ("X: \u{a0}b", "field_value_edge"),
        ("X: a\u{85}b", "field_value_encoding"),
    ] {
        check(with(200, lines), want);
    }
    check(with(200, &"a: b\r\n".repeat(101)), "too_many_fields");
    check(with(200, &format!("X: {}", "a".repeat(40_000))), "head_too_large");
}

#[test]
fn the_framing_of_a_response_has_one_reading() {
    for (lines, want) in [
        ("Content-Length: 5\r\nContent-Length: 5", "content_length_repeated"),
        ("Content-Length: 5, 5", "content_length_malformed"),
        ("Content-Length: 05", "content_length_malformed"),
        ("Content-Length: -1", "content_length_malformed"),
        ("Content-Length:", "content_length_malformed"),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", "content_length_with_transfer_encoding"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", "content_length_with_transfer_encoding"),
        ("Transfer-Encoding: chunked\t", "transfer_encoding_unsupported"),
        ("Transfer-Encoding:\tchunked", "transfer_encoding_unsupported"),
        ("Content-Length:\t 5", "content_length_malformed"),
        ("Content-Length: 5\t", "content_length_malformed"),
        ("Transfer-Encoding: gzip, chunked", "transfer_encoding_unsupported"),
        ("Transfer-Encoding: gzip", "transfer_encoding_unsupported"),
        ("Transfer-Encoding: identity", "transfer_encoding_unsupported"),
        ("Transfer-Encoding: chunked, chunked", "transfer_encoding_unsupported"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "transfer_encoding_repeated"),
        ("Connection: (close)", "connection_malformed"),
    ] {
        check(with(200, lines), want);
    }
    check("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "transfer_encoding_in_http10");
}

#[test]
fn statuses_without_a_body_may_not_announce_one() {
    for (status, lines, want) in [
        (204, "X: y", "204 \"R\" none keep"),
        (204, "Content-Length: 0", "204 \"R\" none keep"),
        (204, "Content-Length: 5", "body_forbidden"),
        (204, "Transfer-Encoding: chunked", "body_forbidden"),
        (103, "Content-Length: 0", "103 \"R\" none keep interim"),
        (103, "Content-Length: 1", "body_forbidden"),
        (100, "Transfer-Encoding: chunked", "body_forbidden"),
        (304, "Content-Length: 5", "304 \"R\" none keep"),
        (304, "Transfer-Encoding: chunked", "304 \"R\" none keep"),
        (304, "X: y", "304 \"R\" none keep"),
        (205, "Content-Length: 0", "205 \"R\" 0 keep"),
        (205, "X: y", "205 \"R\" until-close close"),
        (203, "Content-Length: 5", "203 \"R\" 5 keep"),
    ] {
        check(with(status, lines), want);
    }
}

#[test]
fn the_method_decides_what_follows() {
    for (request, input, want) in [
        (RequestMethodClass::Head, with(200, "Content-Length: 5"), "200 \"R\" none keep"),
        (RequestMethodClass::Head, with(200, "Transfer-Encoding: chunked"), "200 \"R\" none keep"),
        (RequestMethodClass::Head, with(200, "X: y"), "200 \"R\" none keep"),
        (RequestMethodClass::Head, with(200, "Content-Length: 5, 5"), "content_length_malformed"),
        (RequestMethodClass::Head, with(204, "Content-Length: 5"), "body_forbidden"),
        (RequestMethodClass::Other, with(200, "X: y"), "200 \"R\" until-close close"),
        (RequestMethodClass::Connect, with(200, "X: y"), "tunnel"),
        (RequestMethodClass::Connect, with(299, "X: y"), "tunnel"),
        (RequestMethodClass::Connect, with(407, "Content-Length: 5"), "407 \"R\" 5 keep"),
    ] {
        assert_eq!(read_for(&input, request), want, "{request:?} {}", input.escape_ascii());
    }
    let mut fields = Vec::new();
    let input = with(304, "Content-Length: 5");
    let head = parse_response_head(&input, &Limits::STANDARD, &mut fields, RequestMethodClass::Head);
    let Ok(Parse::Complete(head)) = head else { panic!("refused: {head:?}") };
    assert_eq!(head.content_length, Some(5), "the length that is announced is told all the same");
}

#[test]
fn every_prefix_of_a_head_is_partial() {
    let head = b"HTTP/1.1 200 OK\r\nX-Long-Name:  some value\t\r\nContent-Length: 0\r\n\r\n";
    for length in 0..head.len() {
        check(&head[..length], "partial");
    }
    check(head, "200 \"OK\" 0 keep");
}

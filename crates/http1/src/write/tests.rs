//! What is written, and what is not: nothing that fails leaves a byte.

use super::*;

#[track_caller]
fn check(write: impl FnOnce(&mut Vec<u8>) -> Result<(), WriteError>, want: Result<&str, WriteError>) {
    let mut out = b"before ".to_vec();
    let outcome = write(&mut out);
    assert_eq!(outcome.err(), want.err());
    assert_eq!(String::from_utf8_lossy(&out), format!("before {}", want.unwrap_or_default()));
}

#[test]
fn heads_are_written_plainly() {
    check(|out| write_request_line(out, b"GET", b"/a?b"), Ok("GET /a?b HTTP/1.1\r\n"));
    check(|out| write_status_line(out, 200, b"OK"), Ok("HTTP/1.1 200 OK\r\n"));
    check(|out| write_status_line(out, 599, b""), Ok("HTTP/1.1 599 \r\n"));
    check(|out| write_field(out, b"X-A", "b\tc \u{e4}".as_bytes()), Ok("X-A: b\tc \u{e4}\r\n"));
    check(|out| write_field(out, b"X-A", b""), Ok("X-A: \r\n"));
    for (length, want) in [
        (0, "content-length: 0\r\n"),
        (90, "content-length: 90\r\n"),
        (u64::MAX, "content-length: 18446744073709551615\r\n"),
    ] {
        let mut out = Vec::new();
        write_content_length(&mut out, length);
        assert_eq!(out, want.as_bytes());
    }
}

#[test]
fn line_breaks_and_nul_are_never_written() {
    for bad in [&b"a\r\nb"[..], b"\r", b"\n", b"a\0", b"\0", b"a\x7f", b"\x1b", b"long enough for a word\n"] {
        check(|out| write_field(out, b"X", bad), Err(WriteError::Value));
        check(|out| write_field(out, bad, b"v"), Err(WriteError::Name));
        check(|out| write_status_line(out, 200, bad), Err(WriteError::Reason));
        check(|out| write_request_line(out, b"GET", bad), Err(WriteError::Target));
        check(|out| write_request_line(out, bad, b"/"), Err(WriteError::Method));
        check(|out| write_last_chunk(out, [(&b"A"[..], &b"b"[..]), (b"X", bad)]), Err(WriteError::Value));
        check(|out| write_last_chunk(out, [(&b"A"[..], &b"b"[..]), (bad, b"v")]), Err(WriteError::Name));
    }
    for name in [&b""[..], b"a b", b"a:", b" a", b"\xc3\xa4"] {
        check(|out| write_field(out, name, b"v"), Err(WriteError::Name));
    }
    for target in [&b""[..], b"/a b", b"/\xc3\xa4", b"/#"] {
        check(|out| write_request_line(out, b"GET", target), Err(WriteError::Target));
    }
    for status in [0, 99, 600, 65_535] {
        check(|out| write_status_line(out, status, b"OK"), Err(WriteError::Status));
    }
}

#[test]
fn chunks_are_written_in_hexadecimal_and_never_empty() {
    for (length, want) in
        [(1, "1\r\n"), (255, "ff\r\n"), (4096, "1000\r\n"), (u64::MAX, "ffffffffffffffff\r\n")]
    {
        check(|out| write_chunk_head(out, length), Ok(want));
    }
    check(|out| write_chunk_head(out, 0), Err(WriteError::ChunkEmpty));
    check(|out| write_last_chunk(out, []), Ok("0\r\n\r\n"));
    check(|out| write_last_chunk(out, [(&b"A"[..], &b"b"[..])]), Ok("0\r\nA: b\r\n\r\n"));
    for name in [&b"Content-Length"[..], b"host", b"Transfer-Encoding", b"Connection"] {
        check(|out| write_last_chunk(out, [(name, &b"5"[..])]), Err(WriteError::TrailerForbidden));
    }
}

#[test]
fn usual_statuses_have_reasons_and_others_have_none() {
    for (status, want) in
        [(200, "OK"), (404, "Not Found"), (431, "Request Header Fields Too Large"), (599, "")]
    {
        assert_eq!(reason_phrase(status), want);
    }
}

#[test]
fn parsed_fields_are_written_in_one_form() {
    let span = |start, length| crate::Span { start, length };
    for (head, name, value, want) in [
        ("xA: b\r\n", span(1, 1), span(4, 1), Ok("A: b\r\n")),
        ("xA: b  \r\n", span(1, 1), span(4, 1), Ok("A: b\r\n")),
        ("xA:\t b\r\n", span(1, 1), span(5, 1), Ok("A: b\r\n")),
        ("xA:b\r\n", span(1, 1), span(3, 1), Ok("A: b\r\n")),
        ("A:\r\n", span(0, 1), span(2, 0), Ok("A: \r\n")),
        // Spans of some other head.
        ("A: b\r\nB: c", span(0, 1), span(3, 7), Err(WriteError::Value)),
        ("A\n: b", span(0, 2), span(4, 1), Err(WriteError::Name)),
        ("A\n:b", span(0, 2), span(3, 1), Err(WriteError::Name)),
        ("A: b", span(0, 1), span(3, 9), Ok("A: \r\n")),
        ("A: b", span(9, 1), span(3, 1), Err(WriteError::Name)),
        ("b: A", span(3, 1), span(0, 1), Ok("A: b\r\n")),
    ] {
        check(|out| write_parsed_field(out, head.as_bytes(), Field { name, value }), want);
    }
}

/// What a run of these fields writes.
fn run(head: &[u8], fields: &[Field]) -> Result<String, WriteError> {
    let mut out = Vec::new();
    let mut run = FieldRun::new(head);
    fields.iter().try_for_each(|field| run.push(&mut out, *field))?;
    run.break_off(&mut out);
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn a_run_of_fields_writes_what_they_write_one_by_one() {
    let head =
        "GET / HTTP/1.1\r\nHost: h\r\nA: b\tc\r\nB:c\r\nC:\td \r\nD: e \u{e4} e\r\nE:\r\nF: \r\nG: h\r\n\r\n";
    let mut fields = Vec::new();
    crate::parse_request_head(head.as_bytes(), &crate::Limits::STANDARD, &mut fields).unwrap();
    assert_eq!(fields.len(), 8);
    for kept in 0_u32..1 << fields.len() {
        let kept: Vec<Field> =
            (0..).zip(&fields).filter(|(place, _)| kept >> place & 1 == 1).map(|(_, field)| *field).collect();
        let mut one_by_one = Vec::new();
        for field in &kept {
            write_parsed_field(&mut one_by_one, head.as_bytes(), *field).unwrap();
        }
        assert_eq!(run(head.as_bytes(), &kept).unwrap().as_bytes(), one_by_one);
    }
}

#[test]
fn a_run_never_writes_a_line_break_that_is_not_the_end_of_a_line() {
    let span = |start, length| crate::Span { start, length };
    let field = |name: (u16, u16), value: (u16, u16)| Field {
        name: span(name.0, name.1),
        value: span(value.0, value.1),
    };
    for (head, fields, want) in [
        // Spans of some other head: a value over two lines, in the first and in a later line of a run.
        ("A: b\r\nB: c\r\n", vec![field((0, 1), (3, 7))], Err(WriteError::Value)),
        (
            "A: b\r\nB: c\r\nC: d\r\n",
            vec![field((0, 1), (3, 1)), field((6, 1), (9, 7))],
            Err(WriteError::Value),
        ),
        ("A: b\r\n\r\nB: c\r\n", vec![field((0, 1), (3, 3))], Err(WriteError::Value)),
        ("A: b\0c\r\n", vec![field((0, 1), (3, 3))], Err(WriteError::Value)),
        ("A: b\x7fc\r\n", vec![field((0, 1), (3, 3))], Err(WriteError::Value)),
        ("A\n: b\r\n", vec![field((0, 2), (4, 1))], Err(WriteError::Name)),
        ("A: b\r\n\r\nB: c\r\n", vec![field((0, 1), (3, 1)), field((8, 1), (11, 1))], Ok("A: b\r\nB: c\r\n")),
        ("A: b", vec![field((0, 1), (3, 9))], Ok("A: \r\n")),
    ] {
        assert_eq!(run(head.as_bytes(), &fields), want.map(str::to_owned), "{head:?}");
    }
}

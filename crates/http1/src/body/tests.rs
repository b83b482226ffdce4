//! Bodies: what they hold, where they end, and the nearest things that are refused.

use super::*;

/// Data, then `|` and the trailers, then how it ended and what was left over.
fn read(framing: ResponseFraming, input: &[u8], limits: &Limits) -> String {
    let mut decoder = BodyDecoder::response(framing, limits);
    let (mut said, mut left) = (String::new(), input);
    loop {
        let step = match decoder.decode(left) {
            Ok(step) => step,
            Err(refusal) => return format!("{said} !{}", refusal.code()),
        };
        if let BodyEvent::Data(range) = &step.event {
            said.push_str(std::str::from_utf8(&left[range.clone()]).unwrap());
        }
        left = &left[step.consumed..];
        match step.event {
            BodyEvent::Data(_) => assert!(decoder.trailers().is_none()),
            BodyEvent::Trailers => {
                let trailers = decoder.trailers().unwrap();
                for field in &trailers.fields {
                    let text =
                        |span: crate::Span| String::from_utf8_lossy(span.of(&trailers.bytes)).into_owned();
                    said.push_str(&format!("|{}={}", text(field.name), text(field.value)));
                }
            }
            BodyEvent::End => return format!("{said} end+{}", left.len()),
            BodyEvent::NeedMore => {
                return match decoder.finish_on_eof() {
                    Ok(()) => format!("{said} eof"),
                    Err(refusal) => format!("{said} !{}", refusal.code()),
                };
            }
        }
    }
}

#[track_caller]
fn check_chunked(input: impl AsRef<[u8]>, want: &str) {
    let input = input.as_ref();
    let read = read(ResponseFraming::Chunked, input, &Limits::STANDARD);
    assert_eq!(read, want, "{}", input.escape_ascii());
}

#[test]
fn lengths_and_ends_are_kept_apart() {
    for (framing, input, want) in [
        (ResponseFraming::None, "next", " end+4"),
        (ResponseFraming::Length(0), "next", " end+4"),
        (ResponseFraming::Length(3), "abcnext", "abc end+4"),
        (ResponseFraming::Length(3), "abc", "abc end+0"),
        (ResponseFraming::Length(3), "ab", "ab !body_truncated"),
        (ResponseFraming::Length(u64::MAX), "ab", "ab !body_truncated"),
        (ResponseFraming::UntilClose, "abc", "abc eof"),
        (ResponseFraming::UntilClose, "", " eof"),
        (ResponseFraming::Chunked, "", " !body_truncated"),
    ] {
        assert_eq!(read(framing, input.as_bytes(), &Limits::STANDARD), want, "{framing:?} {input:?}");
    }
}

#[test]
fn requests_and_responses_are_decoded_alike() {
    for (framing, input, want) in [
        (Framing::None, "x", BodyStep { consumed: 0, event: BodyEvent::End }),
        (Framing::Length(0), "x", BodyStep { consumed: 0, event: BodyEvent::End }),
        (Framing::Length(2), "xyz", BodyStep { consumed: 2, event: BodyEvent::Data(0..2) }),
        (Framing::Chunked, "2\r\nxyz", BodyStep { consumed: 5, event: BodyEvent::Data(3..5) }),
        (Framing::Chunked, "0\r\n\r\nz", BodyStep { consumed: 5, event: BodyEvent::End }),
    ] {
        let mut decoder = BodyDecoder::request(framing, &Limits::STANDARD);
        assert_eq!(decoder.decode(input.as_bytes()), Ok(want), "{framing:?}");
    }
}

#[test]
fn chunks_are_joined_and_extensions_dropped() {
    for (input, want) in [
        ("0\r\n\r\n", " end+0"),
        ("000\r\n\r\nnext", " end+4"),
        ("3\r\nabc\r\n0\r\n\r\n", "abc end+0"),
        ("0000000000000003\r\nabc\r\n0\r\n\r\n", "abc end+0"),
        ("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789 end+0"),
        ("3;a\r\nabc\r\n0;b=c;d=\"e\\\"; \tf\"\r\n\r\n", "abc end+0"),
        ("3;a;b=c;c=\"\";d\r\nabc\r\n0\r\n\r\n", "abc end+0"),
        ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n end+0"),
    ] {
        check_chunked(input, want);
    }
}

#[test]
fn broken_chunk_lines_are_refused() {
    for (input, want) in [
        (&b"\r\n\r\n"[..], " !chunk_size"),
        (b"\n", " !chunk_line_break"),
        (b";a\r\n", " !chunk_size"),
        (b"0x10\r\n", " !chunk_size"),
        (b"0_2e\r\n", " !chunk_size"),
        (b"+5\r\n", " !chunk_size"),
        (b"-1\r\n", " !chunk_size"),
        (b" 5\r\n", " !chunk_size"),
        (b"5 \r\n", " !chunk_size"),
        (b"5\t\r\n", " !chunk_size"),
        (b"5 ;a\r\n", " !chunk_size"),
        (b"g\r\n", " !chunk_size"),
        (b"5\x00\r\n", " !chunk_size"),
        (b"5\xa0\r\n", " !chunk_size"),
        (b"00000000000000003\r\n", " !chunk_size"),
        (b"10000000000000000\r\n", " !chunk_size"),
        (b"ffffffffffffffffff\r\n", " !chunk_size"),
        (b"3\nabc\r\n0\r\n\r\n", " !chunk_line_break"),
        (b"3\rabc\r\n0\r\n\r\n", " !chunk_line_break"),
        (b"3\r\r\nabc", " !chunk_line_break"),
        (b"3;a\nabc", " !chunk_line_break"),
        (b"3;a=\"\n\"\r\nabc", " !chunk_line_break"),
        (b"3;a=\"\r\n\"\r\nabc", " !chunk_extension"),
        (b"3;\r\n", " !chunk_extension"),
        (b"3;=a\r\n", " !chunk_extension"),
        (b"3;a=\r\n", " !chunk_extension"),
        (b"3;a =b\r\n", " !chunk_extension"),
        (b"3; a=b\r\n", " !chunk_extension"),
        (b"3;a= b\r\n", " !chunk_extension"),
        (b"3;a=b c\r\n", " !chunk_extension"),
        (b"3;;a\r\n", " !chunk_extension"),
        (b"3;a=\"b\"c\r\n", " !chunk_extension"),
        (b"3;a=\"b\r\n", " !chunk_extension"),
        (b"3;a=\"b\\\r\n", " !chunk_extension"),
        (b"3;a=\"\xc3\xa4\"\r\n", " !chunk_extension"),
        (b"3;a\x00\r\n", " !chunk_extension"),
    ] {
        check_chunked(input, want);
    }
}

#[test]
fn data_must_end_where_its_size_says() {
    for (input, want) in [
        ("3\r\nabcd\r\n0\r\n\r\n", "abc !chunk_end"),
        ("3\r\nabc\n0\r\n\r\n", "abc !chunk_end"),
        ("3\r\nabc\r0\r\n\r\n", "abc !chunk_end"),
        ("3\r\nabc0\r\n\r\n", "abc !chunk_end"),
        ("3\r\nab", "ab !body_truncated"),
        ("3\r\nabc", "abc !body_truncated"),
        ("3\r\nabc\r\n", "abc !body_truncated"),
        ("3\r\nabc\r\n0", "abc !body_truncated"),
        ("3\r\nabc\r\n0\r\n", "abc !body_truncated"),
        ("3\r\nabc\r\n0\r\n\r", "abc !body_truncated"),
        ("3\r\nabc\r\n0\r\nA: b\r\n", "abc !body_truncated"),
        ("ffffffffffffffff\r\nab", "ab !body_truncated"),
        ("0\r\nXX", " !body_truncated"),
    ] {
        check_chunked(input, want);
    }
}

#[test]
fn trailers_are_read_under_the_rules_of_fields() {
    for (input, want) in [
        ("0\r\nA: b\r\n\r\nnext", "|A=b end+4"),
        ("1\r\nx\r\n0\r\nGrpc-Status:0\r\nA: \t\r\n\r\n", "x|Grpc-Status=0|A= end+0"),
        ("0\r\n\rX", " !bare_line_break"),
        ("0\r\n\n", " !bare_line_break"),
        ("0\r\nA: b\n\r\n", " !bare_line_break"),
        ("0\r\nA: b\r\n\n", " !bare_line_break"),
        ("0\r\nA: b\rc\r\n\r\n", " !bare_line_break"),
        ("0\r\nA: b\r\n c\r\n\r\n", " !field_folded"),
        ("0\r\n A: b\r\n\r\n", " !field_folded"),
        ("0\r\nA : b\r\n\r\n", " !field_name_space"),
        ("0\r\nA\r\n\r\n", " !field_colon_missing"),
        ("0\r\n: b\r\n\r\n", " !field_name_empty"),
        ("0\r\nA: \0\r\n\r\n", " !field_value_byte"),
        ("0\r\nGET / HTTP/1.1\r\n\r\n", " !field_name_space"),
        ("0\r\nContent-Length: 5\r\n\r\n", " !trailer_forbidden"),
        ("0\r\ntransfer-encoding: chunked\r\n\r\n", " !trailer_forbidden"),
        ("0\r\nHOST: h\r\n\r\n", " !trailer_forbidden"),
        ("0\r\nConnection: close\r\n\r\n", " !trailer_forbidden"),
    ] {
        check_chunked(input, want);
    }
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = Limits {
        trailer_bytes_max: 10,
        trailer_fields_max: 2,
        chunk_line_bytes_max: 4,
        chunk_overhead_bytes_max: 0,
        ..Limits::STANDARD
    };
    for (input, want) in [
        ("1;ab\r\nx\r\n0\r\n\r\n", "x end+0"),
        ("1;abc\r\nx\r\n0\r\n\r\n", " !chunk_line_too_long"),
        ("00000\r\n\r\n", " !chunk_line_too_long"),
        ("0\r\nA: bcde\r\n\r\n", " !trailers_too_large"),
        ("0\r\nA: bcd\r\n\r\n", "|A=bcd end+0"),
        ("0\r\nA: b\r\n\r\n", "|A=b end+0"),
        ("0\r\nA:\r\nB:\r\n\r\n", "|A=|B= end+0"),
        ("0\r\nA: bcdefghi", " !trailers_too_large"),
    ] {
        assert_eq!(read(ResponseFraming::Chunked, input.as_bytes(), &limits), want, "{input:?}");
    }
    let limits = Limits { trailer_fields_max: 1, ..Limits::STANDARD };
    for (input, want) in [("0\r\nA:\r\n\r\n", "|A= end+0"), ("0\r\nA:\r\nB:\r\n\r\n", " !too_many_fields")] {
        assert_eq!(read(ResponseFraming::Chunked, input.as_bytes(), &limits), want, "{input:?}");
    }
}

#[test]
fn chunk_lines_may_not_outweigh_their_data() {
    // Each chunk pays 1 + 20 + 4 bytes and earns 16 + 2; seven are left.
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(19));
    let body = |chunks: usize| format!("{}0\r\n\r\n", chunk.repeat(chunks));
    let limits = Limits { chunk_overhead_bytes_max: 70, ..Limits::STANDARD };
    let read = |input: String| read(ResponseFraming::Chunked, input.as_bytes(), &limits);
    assert_eq!(read(body(10)), "xxxxxxxxxx end+0");
    assert_eq!(read(body(11)), "xxxxxxxxxx !chunk_overhead");
    // Data earns it back.
    let generous = format!("20\r\n{}\r\n", "y".repeat(32));
    assert!(read([chunk.repeat(10), generous, body(1)].concat()).ends_with(" end+0"));
    // The smallest chunks without extensions never get there.
    assert!(read(format!("{}0\r\n\r\n", "1\r\nx\r\n".repeat(10_000))).ends_with(" end+0"));
    // The standard limit: 16,384 bytes at seven a chunk.
    let standard = |chunks| self::read(ResponseFraming::Chunked, body(chunks).as_bytes(), &Limits::STANDARD);
    assert!(standard(2_340).ends_with(" end+0"));
    assert!(standard(2_341).ends_with(" !chunk_overhead"));
}

#[test]
fn the_end_and_a_refusal_last() {
    let mut decoder = BodyDecoder::request(Framing::Length(1), &Limits::STANDARD);
    assert!(!decoder.is_ended());
    assert_eq!(decoder.decode(b""), Ok(BodyStep { consumed: 0, event: BodyEvent::NeedMore }));
    assert_eq!(decoder.decode(b"ab"), Ok(BodyStep { consumed: 1, event: BodyEvent::Data(0..1) }));
    assert!(decoder.is_ended());
    for input in [&b"b"[..], b""] {
        assert_eq!(decoder.decode(input), Ok(BodyStep { consumed: 0, event: BodyEvent::End }));
    }
    assert_eq!(decoder.finish_on_eof(), Ok(()));

    let mut decoder = BodyDecoder::request(Framing::Chunked, &Limits::STANDARD);
    for input in [&b"x"[..], b"0\r\n\r\n", b""] {
        assert_eq!(decoder.decode(input), Err(BodyRefusal::ChunkSize));
    }
    assert_eq!(decoder.finish_on_eof(), Err(BodyRefusal::ChunkSize));

    let mut decoder = BodyDecoder::request(Framing::Chunked, &Limits::STANDARD);
    assert_eq!(decoder.decode(b"0\r\nA: b\r\nB"), Ok(BodyStep { consumed: 10, event: BodyEvent::NeedMore }));
    assert_eq!(decoder.trailers(), None, "trailers that are not complete are not shown");
    assert_eq!(decoder.decode(b"\r\n"), Err(BodyRefusal::Trailer(FieldRefusal::ColonMissing)));
    assert_eq!(decoder.trailers(), None, "nor are those that were refused");

    let mut decoder = BodyDecoder::request(Framing::Length(1), &Limits::STANDARD);
    assert_eq!(decoder.finish_on_eof(), Err(BodyRefusal::Truncated));
    assert_eq!(decoder.decode(b"a"), Err(BodyRefusal::Truncated));
}

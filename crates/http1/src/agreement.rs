//! Properties: nothing panics, splits do not matter, what is written is read back, and whatever this codec accepts
//! is read the same by httparse, which accepts more.

use proptest::prelude::*;

use crate::{
    Field, Limits, Parse, RequestMethodClass, Span, Version, fuzz, parse_request_head, parse_response_head,
};

/// Pieces of heads: lines that frame, lines that try to frame twice, and bytes that readers disagree about.
const PIECES: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\n",
    b"POST /a?b=c HTTP/1.1\r\n",
    b"PUT http://h/ HTTP/1.0\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 204 \r\n",
    b"HTTP/1.0 304\r\n",
    b"HTTP/1.1 100 Continue\r\n",
    b"Host: h\r\n",
    b"Host: i\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 05\r\n",
    b"Content-Length: 5, 5\r\n",
    b"Content-Length:\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: Chunked \r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding:\r\n chunked\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive, X-A\r\n",
    b"Connection: a b\r\n",
    b"Upgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"Expect: x\r\n",
    b"X-A: some \t longer value, to fill words \xc3\xa4 .\r\n",
    b"X:\r\n",
    b"X-B: \xa0v\r\n",
    b"X-C: v\x85\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"#",
    b"\0",
    b"\x7f",
    b"\xff",
    b"GET",
    b"/",
    b"HTTP/1.1",
    b"a",
    b"0",
];

/// A head that is accepted, or nearly.
fn head() -> impl Strategy<Value = Vec<u8>> {
    let start = prop::sample::select(&PIECES[..7]);
    let middle = prop::collection::vec(prop::sample::select(PIECES), 0..6);
    (start, middle, any::<bool>()).prop_map(|(start, middle, host)| {
        let host: &[u8] = if host { b"Host: h\r\n" } else { b"" };
        [start, host, &middle.concat(), b"\r\n"].concat()
    })
}

/// The same with a few bytes replaced, added or taken away.
fn mutated(head: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n :\t,;\0aZ0#\x85\xa0".as_slice())];
    let change = (any::<prop::sample::Index>(), byte, 0..3_u8);
    (head, prop::collection::vec(change, 0..4)).prop_map(|(mut bytes, changes)| {
        for (index, byte, kind) in changes {
            let place = index.index(bytes.len() + 1);
            match kind {
                0 => bytes.insert(place, byte),
                1 if place < bytes.len() => bytes[place] = byte,
                _ if place < bytes.len() => drop(bytes.remove(place)),
                _ => {}
            }
        }
        bytes
    })
}

/// Chunks, trailers and bytes in between.
fn chunks() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"3\r\nabc\r\n",
        b"a;b=\"c\"\r\n0123456789\r\n",
        b"1;long-extension=value\r\nx\r\n",
        b"0\r\n",
        b"0;a\r\n",
        b"A: b\r\n",
        b"Grpc-Status: 0\r\n",
        b"Host: h\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"0x1",
        b"+",
        b" ",
        b"ffffffffffffffff\r\n",
        b"3",
        b";",
    ];
    let body = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..8);
    (any::<u8>(), any::<u8>(), body)
        .prop_map(|(choice, split, body)| [&[choice, split][..], &body.concat(), b"0\r\n\r\n"].concat())
}

fn pairs(input: &[u8], fields: &[Field]) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|field| (field.name.of(input).to_vec(), field.value.of(input).to_vec())).collect()
}

fn their_pairs(headers: &[httparse::Header<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    headers.iter().map(|header| (header.name.as_bytes().to_vec(), header.value.to_vec())).collect()
}

fn text(span: Span, input: &[u8]) -> String {
    String::from_utf8(span.of(input).to_vec()).unwrap()
}

const fn minor(version: Version) -> u8 {
    match version {
        Version::Http10 => 0,
        Version::Http11 => 1,
    }
}

/// Whether the head was accepted; panics where httparse reads it differently.
fn request_agrees(input: &[u8]) -> bool {
    let mut fields = Vec::new();
    let Ok(Parse::Complete(ours)) = parse_request_head(input, &Limits::STANDARD, &mut fields) else {
        return false;
    };
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut theirs = httparse::Request::new(&mut headers);
    assert_eq!(theirs.parse(input), Ok(httparse::Status::Complete(ours.length)), "{}", input.escape_ascii());
    assert_eq!(theirs.method, Some(text(ours.method, input).as_str()));
    assert_eq!(theirs.path, Some(text(ours.target, input).as_str()));
    assert_eq!(theirs.version, Some(minor(ours.version)));
    assert_eq!(their_pairs(theirs.headers), pairs(input, &fields), "{}", input.escape_ascii());
    true
}

/// Whether the head was accepted; panics where httparse reads it differently.
fn response_agrees(input: &[u8]) -> bool {
    let mut fields = Vec::new();
    let parsed = parse_response_head(input, &Limits::STANDARD, &mut fields, RequestMethodClass::Other);
    let Ok(Parse::Complete(ours)) = parsed else { return false };
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut theirs = httparse::Response::new(&mut headers);
    assert_eq!(theirs.parse(input), Ok(httparse::Status::Complete(ours.length)), "{}", input.escape_ascii());
    assert_eq!(theirs.code, Some(ours.status));
    assert_eq!(theirs.version, Some(minor(ours.version)));
    let reason = text(ours.reason, input);
    if reason.is_ascii() {
        // Theirs hides a reason that is not ASCII.
        assert_eq!(theirs.reason.map(str::trim_start), Some(reason.trim_start()));
    }
    assert_eq!(their_pairs(theirs.headers), pairs(input, &fields), "{}", input.escape_ascii());
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn request_heads_hold_their_invariants_and_agree_with_httparse(input in mutated(head())) {
        prop_assert_eq!(fuzz::request(&input), Ok(()));
        request_agrees(&input);
    }

    #[test]
    fn response_heads_hold_their_invariants_and_agree_with_httparse(input in mutated(head())) {
        prop_assert_eq!(fuzz::response(&input), Ok(()));
        response_agrees(&input);
    }

    #[test]
    fn bodies_hold_their_invariants(input in mutated(chunks())) {
        prop_assert_eq!(fuzz::body(&input), Ok(()));
    }

    #[test]
    fn random_bytes_hold_the_invariants(input in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(fuzz::request(&input), Ok(()));
        prop_assert_eq!(fuzz::response(&input), Ok(()));
        prop_assert_eq!(fuzz::body(&input), Ok(()));
    }
}

/// The heads a generator makes must be accepted often enough for the properties to mean something.
#[test]
fn generated_heads_are_accepted_and_refused() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut accepted = [0_u32; 3];
    for _ in 0..2000 {
        let input = mutated(head()).new_tree(&mut runner).unwrap().current();
        accepted[0] += u32::from(request_agrees(&input));
        accepted[1] += u32::from(response_agrees(&input));
        let body = mutated(chunks()).new_tree(&mut runner).unwrap().current();
        let mut decoder = crate::BodyDecoder::request(crate::Framing::Chunked, &Limits::STANDARD);
        let mut left = body.get(2..).unwrap_or_default();
        while let Ok(step) = decoder.decode(left) {
            left = &left[step.consumed..];
            if matches!(step.event, crate::BodyEvent::End | crate::BodyEvent::NeedMore) {
                break;
            }
        }
        accepted[2] += u32::from(decoder.is_ended());
    }
    assert!(accepted.iter().all(|count| (50..1950).contains(count)), "{accepted:?}");
}

/// Heads that clients and servers in use really send.
#[test]
fn ordinary_heads_are_accepted() {
    for input in [
        &b"GET /search?q=a%20b HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
           AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\nAccept: text/html,application/xhtml+xml,\
           application/xml;q=0.9,image/avif,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: \
           en-GB,en;q=0.9\r\nsec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\nCookie: a=b; c=d\r\nConnection: \
           keep-alive\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n",
        b"POST /v1/x HTTP/1.1\r\nhost: api\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
        b"GET / HTTP/1.0\r\nHost: h\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n",
    ] {
        assert!(request_agrees(input), "{}", input.escape_ascii());
        assert_eq!(fuzz::request(input), Ok(()));
    }
    for input in [
        &b"HTTP/1.1 200 OK\r\nServer: nginx/1.27.0\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/html\r\n\
           Content-Length: 615\r\nLast-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\nConnection: keep-alive\r\nETag: \"x-y\"\r\n\
           Accept-Ranges: bytes\r\n\r\n"[..],
        b"HTTP/1.0 200 OK\r\nServer: SimpleHTTP/0.6 Python/3.12.3\r\nContent-type: text/plain\r\nContent-Length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"r\xc3\xa9sum\xc3\xa9.pdf\"\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 \r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nDate: x\r\n\r\n",
    ] {
        assert!(response_agrees(input), "{}", input.escape_ascii());
        assert_eq!(fuzz::response(input), Ok(()));
    }
}

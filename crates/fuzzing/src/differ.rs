//! The same bytes read by our codec, by httparse and by hyper: where two readings differ, ours refuses.
//!
//! Ours may refuse what others take, and often does. It may never take a message that one of the others takes and
//! reads otherwise: another method, target or status, other fields, another body, another place where it ends.

mod memory;
mod theirs;

use http1::{
    BodyDecoder, BodyEvent, Field, Framing, Limits, Parse, Persistence, RequestMethodClass, Span, Upgrade,
    Version, parse_request_head, parse_response_head,
};

/// How many messages are read from one input.
const MESSAGES_MAX: usize = 8;

/// The most fields that httparse is asked for; ours refuses earlier.
const FIELDS_MAX: usize = 128;

/// One message, as one of the readers reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    /// The method and the target, or the status.
    start: String,
    version: Version,
    /// Names in lower case, with their values in order; sorted by name.
    fields: Vec<(String, Vec<u8>)>,
    /// The data of the body, once its end was seen.
    body: Option<Vec<u8>>,
}

impl Message {
    /// hyper keeps the order of fields of one name only, so that is what can be compared.
    fn new(
        start: String,
        version: Version,
        mut fields: Vec<(String, Vec<u8>)>,
        body: Option<Vec<u8>>,
    ) -> Self {
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        Self { start, version, fields, body }
    }
}

/// Requests on a connection.
pub(crate) fn request(bytes: &[u8]) -> Result<(), String> {
    let ours = requests(bytes)?;
    if ours.is_empty() { Ok(()) } else { compare(&ours, &theirs::requests(bytes), bytes) }
}

/// One response, after any number of interim ones.
pub(crate) fn response(bytes: &[u8]) -> Result<(), String> {
    let ours = final_response(bytes)?;
    if ours.is_empty() { Ok(()) } else { compare(&ours, &theirs::response(bytes), bytes) }
}

/// What both have read must be the same, as far as both have read.
fn compare(ours: &[Message], theirs: &[Message], bytes: &[u8]) -> Result<(), String> {
    for (one, other) in ours.iter().zip(theirs) {
        let body = match (&one.body, &other.body) {
            (Some(one), Some(other)) => one == other,
            // Either of them refused what followed.
            (None, _) | (_, None) => true,
        };
        let same =
            body && (&one.start, one.version, &one.fields) == (&other.start, other.version, &other.fields);
        if !same {
            return Err(format!("hyper reads otherwise: {one:?} {other:?} in {}", bytes.escape_ascii()));
        }
    }
    Ok(())
}

fn text(span: Span, bytes: &[u8]) -> String {
    String::from_utf8_lossy(span.of(bytes)).into_owned()
}

fn pairs(fields: &[Field], bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let pair = |field: &Field| (text(field.name, bytes).to_ascii_lowercase(), field.value.of(bytes).to_vec());
    fields.iter().map(pair).collect()
}

/// Reads requests until one is refused, is not whole, or is one behind which the connection ends.
fn requests(bytes: &[u8]) -> Result<Vec<Message>, String> {
    let (mut found, mut rest, mut fields) = (Vec::new(), bytes, Vec::new());
    while found.len() < MESSAGES_MAX {
        let Ok(Parse::Complete(head)) = parse_request_head(rest, &Limits::STANDARD, &mut fields) else {
            break;
        };
        let (method, target) = (text(head.method, rest), text(head.target, rest));
        // These are answered before anything else is done, and end the connection. What is no path is refused.
        if method == "CONNECT" || head.upgrade == Upgrade::Asked || !target.starts_with('/') {
            break;
        }
        agree_on_request(&method, &target, head.length, &fields, rest)?;
        let decoder = BodyDecoder::request(head.framing, &Limits::STANDARD);
        let body = rest.get(head.length..).unwrap_or_default();
        let (data, length) = read(decoder, body);
        let is_over = data.is_none() || head.persistence == Persistence::Close;
        let start = format!("{method} {target}");
        found.push(Message::new(start, head.version, pairs(&fields, rest), data));
        if is_over || (head.framing != Framing::None && length == 0 && body.is_empty()) {
            break;
        }
        rest = body.get(length..).unwrap_or_default();
    }
    Ok(found)
}

/// Reads the response that is not an interim one, where there is one.
fn final_response(bytes: &[u8]) -> Result<Vec<Message>, String> {
    let (mut rest, mut fields) = (bytes, Vec::new());
    for _ in 0..MESSAGES_MAX {
        let parsed = parse_response_head(rest, &Limits::STANDARD, &mut fields, RequestMethodClass::Other);
        let Ok(Parse::Complete(head)) = parsed else { break };
        agree_on_response(head.status, head.length, &fields, rest)?;
        let body = rest.get(head.length..).unwrap_or_default();
        if head.is_interim() {
            rest = body;
            continue;
        }
        let is_until_close = head.framing == http1::ResponseFraming::UntilClose;
        let (data, _) = read(BodyDecoder::response(head.framing, &Limits::STANDARD), body);
        let data = if is_until_close { Some(body.to_vec()) } else { data };
        return Ok(vec![Message::new(head.status.to_string(), head.version, pairs(&fields, rest), data)]);
    }
    Ok(Vec::new())
}

/// The data of a body whose end is there, and where it ends.
fn read(mut decoder: BodyDecoder, bytes: &[u8]) -> (Option<Vec<u8>>, usize) {
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Ok(step) = decoder.decode(rest) else { return (None, at) };
        at += step.consumed;
        match step.event {
            BodyEvent::Data(range) => data.extend_from_slice(rest.get(range).unwrap_or_default()),
            BodyEvent::Trailers => {}
            BodyEvent::End => return (Some(data), at),
            BodyEvent::NeedMore => return (None, at),
        }
    }
}

/// httparse takes every head that ours takes, and reads the same.
fn agree_on_request(
    method: &str,
    target: &str,
    length: usize,
    fields: &[Field],
    bytes: &[u8],
) -> Result<(), String> {
    let mut headers = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut theirs = httparse::Request::new(&mut headers);
    let parsed = theirs.parse(bytes);
    let same = parsed == Ok(httparse::Status::Complete(length))
        && theirs.method == Some(method)
        && theirs.path == Some(target)
        && their_pairs(theirs.headers) == pairs(fields, bytes);
    if same { Ok(()) } else { Err(format!("httparse reads otherwise: {parsed:?} {theirs:?}")) }
}

fn agree_on_response(status: u16, length: usize, fields: &[Field], bytes: &[u8]) -> Result<(), String> {
    let mut headers = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut theirs = httparse::Response::new(&mut headers);
    let parsed = theirs.parse(bytes);
    let same = parsed == Ok(httparse::Status::Complete(length))
        && theirs.code == Some(status)
        && their_pairs(theirs.headers) == pairs(fields, bytes);
    if same { Ok(()) } else { Err(format!("httparse reads otherwise: {parsed:?} {theirs:?}")) }
}

fn their_pairs(headers: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That the readers agree says something only where both read: here they do.
    #[test]
    fn hyper_reads_what_we_read() {
        let bytes = b"POST /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\n\
            PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxyGET /c HTTP/1.0\r\nHost: h\r\n\r\n";
        let ours = requests(bytes).unwrap();
        assert_eq!(ours.iter().map(|one| &*one.start).collect::<Vec<_>>(), ["POST /a?b", "PUT /b", "GET /c"]);
        assert_eq!(ours, theirs::requests(bytes));
        for bytes in [
            &b"HTTP/1.1 103 E\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nxyz"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            b"HTTP/1.0 404 No\r\n\r\nuntil the end",
            b"HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n",
        ] {
            let ours = final_response(bytes).unwrap();
            assert_eq!(ours.len(), 1);
            assert!(ours.iter().all(|one| one.body.is_some()));
            assert_eq!(ours, theirs::response(bytes), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_difference_is_seen() {
        let bytes = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
        let ours = requests(bytes).unwrap();
        for other in [&b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n"[..], b"GET /a HTTP/1.1\r\nHost: i\r\n\r\n"] {
            assert!(compare(&ours, &theirs::requests(other), bytes).is_err());
        }
        assert!(compare(&ours, &theirs::requests(b"GET /a\r\n\r\n"), bytes).is_ok());
    }

    /// Most inputs are refused by somebody; enough must be read by both to mean something.
    #[test]
    fn mutated_heads_are_read_by_both_often_enough() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let mut both = [0; 2];
        for (place, name) in ["differ_request", "differ_response"].into_iter().enumerate() {
            let corpus = crate::Corpus::read(root, name).unwrap();
            let mut random = crate::mutate::Random::new(7);
            for _ in 0..2_000 {
                let words = crate::target(name).unwrap().words;
                let bytes = crate::mutate::input(&mut random, corpus.inputs(), words);
                let (ours, theirs) = match place {
                    0 => (requests(&bytes).unwrap(), theirs::requests(&bytes)),
                    _ => (final_response(&bytes).unwrap(), theirs::response(&bytes)),
                };
                both[place] += usize::from(!ours.is_empty() && !theirs.is_empty());
            }
        }
        assert!(both.iter().all(|count| 80 < *count), "{both:?}");
    }
}

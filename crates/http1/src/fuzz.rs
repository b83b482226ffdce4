//! The entry points of a fuzz harness: bytes in, and the first invariant that does not hold out.
//!
//! Each function drives every entry point of its side with the bytes, whole and in pieces, under generous and under
//! tight limits, and compares. Nothing here panics: a harness unwraps the outcome.

use crate::bytes::is_token;
use crate::name;
use crate::write::{
    write_chunk_end, write_chunk_head, write_content_length, write_field, write_head_end, write_last_chunk,
    write_parsed_field, write_request_line, write_status_line,
};
use crate::{
    BodyDecoder, BodyEvent, BodyRefusal, Field, Framing, HeadScan, Limits, Parse, Repeats, RequestHead,
    RequestMethodClass, ResponseFraming, ResponseHead, ScanStep, Trailers, parse_next_request_head,
    parse_next_response_head, parse_request_head, parse_response_head,
};

/// An invariant that does not hold: a fault in this crate, not in its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("broken invariant: {0}")]
pub struct Broken(&'static str);

const TIGHT: Limits = Limits {
    head_bytes_max: 64,
    fields_max: 3,
    target_bytes_max: 16,
    trailer_bytes_max: 24,
    trailer_fields_max: 2,
    chunk_line_bytes_max: 12,
    chunk_overhead_bytes_max: 16,
};

/// A copy may be longer than what was read by one space a field.
const COPY: Limits = Limits { head_bytes_max: u16::MAX, ..Limits::STANDARD };

/// Prefixes of longer inputs are tried at this distance, so that one input costs a bounded number of parses.
const PREFIXES_MAX: usize = 256;

fn ensure(holds: bool, what: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(what)) }
}

/// Reads `bytes` as a request head.
///
/// # Errors
///
/// An invariant does not hold.
pub fn request(bytes: &[u8]) -> Result<(), Broken> {
    for limits in [Limits::STANDARD, TIGHT] {
        let mut fields = Vec::new();
        let whole = parse_request_head(bytes, &limits, &mut fields);
        let mut others = Vec::new();
        prefixes(bytes, &limits, |prefix| {
            let part = parse_request_head(prefix, &limits, &mut others);
            outcome(&part, &whole, prefix.len(), |head| head.length)
        })?;
        if let Ok(Parse::Complete(head)) = whole {
            let next = bytes.get(head.length..).unwrap_or_default();
            let bytes = head_bytes(bytes, head.length, &limits)?;
            judge_fields(bytes, &fields, &limits)?;
            judge_request(bytes, &head, &fields)?;
            let mut seen = crate::Seen::new();
            for bytes in [bytes, bytes, next] {
                let anew = parse_request_head(bytes, &limits, &mut fields);
                let again = parse_next_request_head(bytes, &limits, &mut others, &mut seen);
                let again = again.map(|parsed| match parsed {
                    Parse::Complete(head) => Parse::Complete(RequestHead { repeats: Repeats::No, ..head }),
                    Parse::Partial => Parse::Partial,
                });
                let same = again == anew && (again.is_err() || others == fields);
                ensure(same, "what was seen changes how a request is read")?;
            }
        }
    }
    Ok(())
}

/// Reads `bytes` as a response head, for each class of request.
///
/// # Errors
///
/// An invariant does not hold.
pub fn response(bytes: &[u8]) -> Result<(), Broken> {
    for limits in [Limits::STANDARD, TIGHT] {
        for class in [RequestMethodClass::Connect, RequestMethodClass::Head, RequestMethodClass::Other] {
            let mut fields = Vec::new();
            let whole = parse_response_head(bytes, &limits, &mut fields, class);
            let mut others = Vec::new();
            prefixes(bytes, &limits, |prefix| {
                let part = parse_response_head(prefix, &limits, &mut others, class);
                outcome(&part, &whole, prefix.len(), |head| head.length)
            })?;
            if let Ok(Parse::Complete(head)) = whole {
                let next = bytes.get(head.length..).unwrap_or_default();
                let bytes = head_bytes(bytes, head.length, &limits)?;
                judge_fields(bytes, &fields, &limits)?;
                judge_response(bytes, &head, &fields, class)?;
                let mut seen = crate::Seen::new();
                for bytes in [bytes, bytes, next] {
                    let anew = parse_response_head(bytes, &limits, &mut fields, class);
                    let again = parse_next_response_head(bytes, &limits, &mut others, class, &mut seen);
                    ensure(
                        again == anew && others == fields,
                        "what was seen changes how a response is read",
                    )?;
                }
            }
        }
    }
    Ok(())
}

/// Calls `parse` with growing prefixes, as a connection would, and checks that the scan never holds back a head.
fn prefixes(
    bytes: &[u8],
    limits: &Limits,
    mut parse: impl FnMut(&[u8]) -> Result<PartIs, Broken>,
) -> Result<(), Broken> {
    let distance = bytes.len() / PREFIXES_MAX + 1;
    let mut scan = HeadScan::new();
    let mut first = true;
    for length in (0..=bytes.len()).step_by(distance) {
        let prefix = bytes.get(..length).unwrap_or(bytes);
        let part = parse(prefix)?;
        let step = scan.step(prefix, limits);
        if step == ScanStep::Wait && prefix.len() >= usize::from(limits.head_bytes_max) {
            return Err(Broken("the scan waits past the limit"));
        }
        match (step, part) {
            (ScanStep::Wait, PartIs::Complete) => return Err(Broken("the scan holds back a whole head")),
            (ScanStep::Parse, PartIs::Partial) if !first => {
                return Err(Broken("the scan asks for a parse that cannot end"));
            }
            (ScanStep::Parse | ScanStep::Wait, PartIs::Complete | PartIs::Partial | PartIs::Refused) => {}
        }
        first = false;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum PartIs {
    Complete,
    Partial,
    Refused,
}

/// A prefix is partial, or its outcome is that of the whole.
fn outcome<H: PartialEq, R: PartialEq>(
    part: &Result<Parse<H>, R>,
    whole: &Result<Parse<H>, R>,
    available: usize,
    length: impl Fn(&H) -> usize,
) -> Result<PartIs, Broken> {
    match (part, whole) {
        (Ok(Parse::Partial), Ok(Parse::Complete(head))) => {
            ensure(available < length(head), "a whole head is called partial")?;
            Ok(PartIs::Partial)
        }
        (Ok(Parse::Partial), Ok(Parse::Partial) | Err(_)) => Ok(PartIs::Partial),
        (Ok(Parse::Complete(_)), _) => {
            ensure(part == whole, "a prefix is accepted differently")?;
            Ok(PartIs::Complete)
        }
        (Err(_), _) => {
            ensure(part == whole, "a prefix is refused differently")?;
            Ok(PartIs::Refused)
        }
    }
}

fn head_bytes<'a>(bytes: &'a [u8], length: usize, limits: &Limits) -> Result<&'a [u8], Broken> {
    let head = bytes.get(..length).ok_or(Broken("a head is longer than its input"))?;
    ensure(length <= usize::from(limits.head_bytes_max), "a head is over its limit")?;
    ensure(head.ends_with(b"\r\n\r\n"), "a head does not end in an empty line")?;
    Ok(head)
}

fn judge_fields(head: &[u8], fields: &[Field], limits: &Limits) -> Result<(), Broken> {
    ensure(fields.len() <= usize::from(limits.fields_max), "more fields than the limit")?;
    let lines = head.iter().filter(|byte| **byte == b'\n').count();
    let leading = usize::from(head.starts_with(b"\r\n"));
    ensure(lines == fields.len() + 2 + leading, "not one field a line")?;
    for field in fields {
        let (name, value) = (field.name.of(head), field.value.of(head));
        ensure(name.len() == usize::from(field.name.length), "a name lies outside")?;
        ensure(value.len() == usize::from(field.value.length), "a value lies outside")?;
        ensure(is_token(name), "a name is not a token")?;
        let edges = [value.first(), value.last()];
        let fine = edges.into_iter().flatten().all(u8::is_ascii_graphic);
        ensure(fine, "a value starts or ends with something else than visible ASCII")?;
        let text = core::str::from_utf8(value).map_err(|_| Broken("a value is not UTF-8"))?;
        let control = text.chars().any(|c| c != '\t' && c.is_control());
        ensure(!control, "a value holds a control character")?;
    }
    Ok(())
}

/// The values of all fields of a name.
fn values<'a>(head: &'a [u8], fields: &'a [Field], lower: &'a [u8]) -> Vec<&'a [u8]> {
    name::values(head, fields, lower).collect()
}

fn judge_request(bytes: &[u8], head: &RequestHead, fields: &[Field]) -> Result<(), Broken> {
    let lengths = values(bytes, fields, b"content-length");
    let codings = values(bytes, fields, b"transfer-encoding");
    let agrees = match head.framing {
        Framing::Chunked => lengths.is_empty() && codings.len() == 1,
        Framing::Length(length) => lengths == [length.to_string().as_bytes()] && codings.is_empty(),
        Framing::None => lengths.is_empty() && codings.is_empty(),
    };
    ensure(agrees, "the framing of a request is not what its fields say")?;
    let hosts = values(bytes, fields, b"host");
    ensure(hosts.first().copied() == head.host.map(|host| host.of(bytes)), "another host")?;
    ensure(hosts.len() <= 1, "several hosts")?;
    let (method, target) = (head.method.of(bytes), head.target.of(bytes));
    let mut copy = Vec::new();
    write_request_line(&mut copy, method, target).map_err(|_| Broken("a request line cannot be written"))?;
    copy_fields(&mut copy, bytes, fields)?;
    if head.version == crate::Version::Http10 {
        // The copy is of HTTP/1.1, which asks for more.
        return Ok(());
    }
    let mut again = Vec::new();
    let Ok(Parse::Complete(second)) = parse_request_head(&copy, &COPY, &mut again) else {
        return Err(Broken("the copy of a request is not accepted"));
    };
    let same = second.method.of(&copy) == method
        && second.target.of(&copy) == target
        && second.framing == head.framing
        && second.persistence == head.persistence
        && second.expect == head.expect
        && second.upgrade == head.upgrade;
    ensure(same, "the copy of a request reads differently")?;
    same_fields((bytes, fields), (&copy, &again))
}

fn judge_response(
    bytes: &[u8],
    head: &ResponseHead,
    fields: &[Field],
    class: RequestMethodClass,
) -> Result<(), Broken> {
    let status = (100..=599).contains(&head.status) && head.status != 101;
    ensure(status, "a status is out of range")?;
    let lengths = values(bytes, fields, b"content-length");
    let codings = values(bytes, fields, b"transfer-encoding");
    let bodiless = head.status < 200 || matches!(head.status, 204 | 304) || class == RequestMethodClass::Head;
    let agrees = match head.framing {
        ResponseFraming::Chunked => !bodiless && lengths.is_empty() && codings.len() == 1,
        ResponseFraming::Length(length) => !bodiless && lengths == [length.to_string().as_bytes()],
        ResponseFraming::None => bodiless,
        ResponseFraming::UntilClose => !bodiless && lengths.is_empty() && codings.is_empty(),
    };
    ensure(agrees, "the framing of a response is not what its fields say")?;
    ensure(lengths.is_empty() || codings.is_empty(), "length and coding together")?;
    ensure(head.content_length.is_some() == (lengths.len() == 1), "another content length")?;
    if head.version == crate::Version::Http10 {
        return Ok(());
    }
    let reason = head.reason.of(bytes);
    let mut copy = Vec::new();
    write_status_line(&mut copy, head.status, reason).map_err(|_| Broken("a status cannot be written"))?;
    copy_fields(&mut copy, bytes, fields)?;
    let mut again = Vec::new();
    let Ok(Parse::Complete(second)) = parse_response_head(&copy, &COPY, &mut again, class) else {
        return Err(Broken("the copy of a response is not accepted"));
    };
    let same = second.status == head.status
        && second.reason.of(&copy) == reason
        && second.framing == head.framing
        && second.persistence == head.persistence;
    ensure(same, "the copy of a response reads differently")?;
    same_fields((bytes, fields), (&copy, &again))
}

fn copy_fields(copy: &mut Vec<u8>, bytes: &[u8], fields: &[Field]) -> Result<(), Broken> {
    for field in fields {
        let start = copy.len();
        write_field(copy, field.name.of(bytes), field.value.of(bytes))
            .map_err(|_| Broken("a field that was read cannot be written"))?;
        let mut line = Vec::new();
        write_parsed_field(&mut line, bytes, *field)
            .map_err(|_| Broken("a field cannot be written again"))?;
        ensure(copy.get(start..) == Some(line.as_slice()), "a field is written in two ways")?;
    }
    write_head_end(copy);
    Ok(())
}

fn same_fields(one: (&[u8], &[Field]), two: (&[u8], &[Field])) -> Result<(), Broken> {
    let pairs = |(bytes, fields): (&[u8], &[Field])| -> Vec<(Vec<u8>, Vec<u8>)> {
        fields.iter().map(|f| (f.name.of(bytes).to_vec(), f.value.of(bytes).to_vec())).collect()
    };
    ensure(pairs(one) == pairs(two), "the copy has other fields")
}

/// Reads `bytes` as a body: the first byte chooses its framing, the second where the rest is split.
///
/// # Errors
///
/// An invariant does not hold.
pub fn body(bytes: &[u8]) -> Result<(), Broken> {
    let [choice, split, rest @ ..] = bytes else { return Ok(()) };
    let framing = match choice % 4 {
        0 => ResponseFraming::UntilClose,
        1 => ResponseFraming::Length(u64::from(*choice)),
        _ => ResponseFraming::Chunked,
    };
    for limits in [Limits::STANDARD, TIGHT] {
        let whole = run(framing, &limits, [rest])?;
        let single = run(framing, &limits, rest.chunks(1))?;
        ensure(whole == single, "a body reads differently byte by byte")?;
        let pieces = run(framing, &limits, rest.chunks(usize::from(*split).max(1)))?;
        ensure(whole == pieces, "a body reads differently in pieces")?;
        let read = whole.data.len() + whole.trailers.as_ref().map_or(0, |trailers| trailers.bytes.len());
        ensure(read <= rest.len(), "a body has more bytes than its input")?;
        if whole.end == Ok(()) && framing == ResponseFraming::Chunked {
            judge_copy(&whole)?;
        }
    }
    Ok(())
}

/// All that is seen of one body.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    data: Vec<u8>,
    consumed: usize,
    trailers: Option<Trailers>,
    end: Result<(), BodyRefusal>,
}

fn run<'a>(
    framing: ResponseFraming,
    limits: &Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Seen, Broken> {
    let mut decoder = BodyDecoder::response(framing, limits);
    let mut seen = Seen { data: Vec::new(), consumed: 0, trailers: None, end: Ok(()) };
    for piece in pieces {
        let mut left = piece;
        loop {
            let step = match decoder.decode(left) {
                Ok(step) => step,
                Err(refusal) => {
                    ensure(decoder.decode(b"x") == Err(refusal), "a refusal does not last")?;
                    // Where in its piece a refusal stood is not told, so it is not compared.
                    return Ok(Seen { consumed: 0, end: Err(refusal), ..seen });
                }
            };
            let after = left.get(step.consumed..).ok_or(Broken("more was consumed than given"))?;
            seen.consumed += step.consumed;
            match step.event {
                BodyEvent::Data(range) => {
                    ensure(!range.is_empty() && range.end == step.consumed, "odd data")?;
                    let data = left.get(range).ok_or(Broken("data lies outside the input"))?;
                    seen.data.extend_from_slice(data);
                }
                BodyEvent::Trailers => seen.trailers = decoder.trailers().cloned(),
                BodyEvent::NeedMore => {
                    ensure(after.is_empty(), "more is needed but not all was consumed")?;
                    break;
                }
                BodyEvent::End => {
                    ensure(step.consumed == 0 || left.len() >= step.consumed, "odd end")?;
                    return Ok(seen);
                }
            }
            left = after;
        }
    }
    seen.end = decoder.finish_on_eof();
    if seen.end.is_err() {
        seen.consumed = 0;
    }
    Ok(seen)
}

/// What was read of a body, written again, reads the same.
fn judge_copy(seen: &Seen) -> Result<(), Broken> {
    let mut copy = Vec::new();
    for chunk in seen.data.chunks(7) {
        write_chunk_head(&mut copy, chunk.len() as u64).map_err(|_| Broken("a chunk cannot be written"))?;
        copy.extend_from_slice(chunk);
        write_chunk_end(&mut copy);
    }
    let pairs = |trailers: &Trailers| -> Vec<(Vec<u8>, Vec<u8>)> {
        let at = |span: crate::Span| span.of(&trailers.bytes).to_vec();
        trailers.fields.iter().map(|field| (at(field.name), at(field.value))).collect()
    };
    let trailers = seen.trailers.as_ref().map(pairs).unwrap_or_default();
    write_last_chunk(&mut copy, trailers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())))
        .map_err(|_| Broken("a trailer that was read cannot be written"))?;
    let again = run(ResponseFraming::Chunked, &Limits::STANDARD, [copy.as_slice()])?;
    let same = again.end == Ok(())
        && again.data == seen.data
        && again.consumed == copy.len()
        && again.trailers.as_ref().map(pairs).unwrap_or_default() == trailers;
    ensure(same, "the copy of a body reads differently")?;
    let mut counted = Vec::new();
    write_content_length(&mut counted, seen.data.len() as u64);
    let digits = seen.data.len().to_string();
    ensure(counted.windows(digits.len()).any(|part| part == digits.as_bytes()), "another number")
}

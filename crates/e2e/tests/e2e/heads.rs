//! Requests from a seed: valid ones, nearly valid ones, hostile ones.
//!
//! The pieces are those of the security cases A, B and C, put together and then tampered with. Every request says
//! which one it is in a field `X-Case`, so that it is known again wherever it arrives.

use http1::{BodyDecoder, BodyEvent, Field, Limits, Parse, parse_request_head};

/// The field that says which request this is.
pub(crate) const CASE: &str = "X-Case: c";

/// Numbers that look random and follow from the seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: usize) -> Self {
        Self(u64::try_from(seed).unwrap())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Whether something happens that does so `percent` times in a hundred.
    fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// How far a request can be trusted to end where it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Its bytes are one message, however it is judged.
    Tame,
    /// Nobody knows where it ends, or whether.
    Wild,
}

/// One generated request.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) number: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) method: &'static str,
    pub(crate) manner: Manner,
}

impl Case {
    pub(crate) fn shown(&self) -> String {
        format!("case {} ({:?}): {}", self.number, self.manner, self.bytes.escape_ascii())
    }
}

/// What requests are made of: where to, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    /// Hosts that are served; others are made from them.
    pub(crate) hosts: Vec<String>,
    /// Targets that mean something at these hosts.
    pub(crate) targets: &'static [&'static str],
    /// Own keys.
    pub(crate) keys: Vec<String>,
}

const METHODS: &[&str] =
    &["GET", "GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
const ODD_METHODS: &[&str] = &[
    "get",
    "Get",
    "GTE",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "M-SEARCH",
    "G.T",
    "PRI",
    "GETT",
    "HEAD",
    "POST|",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "GET,POST",
    "G(T",
    "",
];

/// What is put into targets. Bytes that no target has stand at the end.
const TARGET_PARTS: &[&[u8]] = &[
    b"/..",
    b"/.",
    b"/../",
    b"/./",
    b"/%2e%2e",
    b"/.%2e",
    b"/%2E.",
    b"%2e",
    b"/%252e%252e",
    b"%252f",
    b"%2f",
    b"%2F",
    b"%5c",
    b"\\",
    b"/\\..\\",
    b";x=y",
    b";",
    b"//",
    b"/",
    b"%00",
    b"%3b",
    b"%3f",
    b"%23",
    b"%25",
    b"%",
    b"%zz",
    b"%a",
    b"#",
    b"#x",
    b"?",
    b"?a=/../b",
    b"?x=%2e%2e%2f",
    b"??",
    b"?a#b",
    b"%c3%a9",
    b"%c0%af",
    b"%ff",
    b"%E2%82%AC",
    b"{id}",
    b"*",
    b":",
    b":cancel",
    b"@",
    b"..",
    b"...",
    b"..;",
    b"/..;/",
    b"%0d%0a",
    b"%20",
    b"+",
    b"~",
    b"%7e",
    b"%41",
    b"'",
    b"\"",
    b"<",
    b"|",
    b"^",
    b"`",
    b"[",
    b"]",
    b"&",
    b"=",
    b"\x80",
    b"\xc3\xa9",
    b"\xff",
    b"\0",
    b" ",
    b"\t",
    b"\x7f",
    b"\x0b",
];

const PLAIN_FIELDS: &[&str] = &[
    "Accept: */*",
    "User-Agent: curl/8.5.0",
    "accept-language: en",
    "X-Mine: a  b",
    "x-MiXeD: Q",
    "Cookie: a=b; c=d",
    "Cookie: e=f",
    "X-Empty:",
    "X-Tab:\tv\t",
    "X-Spaced:   v   ",
    "X-Utf: gr\u{fc}n",
    "Content-Type: application/json",
    "If-None-Match: \"x\"",
    "Accept-Encoding: gzip",
    "X.Custom: 1",
    "!#$%&'*+-^`|~: odd",
    "X-Dup: 1",
    "X-Dup: 2",
    "Authorization: Basic YTpi",
    "X-Colon: a: b:",
    "Via: 1.1 other",
    "Max-Forwards: 0",
    "Range: bytes=0-1",
    "X-Forward: not of the family",
    "Sallyportal: not ours",
    "X-Real-IPs: many",
];

/// What never arrives, what takes other fields along, and what is answered by the gateway itself.
const MANAGED_FIELDS: &[&str] = &[
    "Sallyport-Assertion: forged",
    "SALLYPORT_ASSERTION: forged",
    "Sallyport.Assertion: forged",
    "X-Sallyport-Caller: root",
    "x_sallyport_caller: root",
    "Sallyport-Decision-Id: forged",
    "Forwarded: for=1.2.3.4",
    "Forwarded: for=\"a,b\";",
    "X-Forwarded-For: 6.6.6.6",
    "X_Forwarded_For: 6.6.6.6",
    "x-forwarded-uri: /admin",
    "X-Forwarded-Host: evil",
    "X.Forwarded.For: 6.6.6.6",
    "X-Envoy-Original-Path: /admin",
    "X-HTTP-Method-Override: DELETE",
    "x-http-method: DELETE",
    "X-Original-URL: /admin",
    "X-Rewrite-Url: /admin",
    "X-Real-IP: 6.6.6.6",
    "X_Real_IP: 6.6.6.6",
    "True-Client-IP: 6.6.6.6",
    "Proxy-Authorization: Basic YTpi",
    "TE: trailers",
    "Trailer: X",
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Connection: keep-alive",
    "Connection: X-Mine",
    "connection: keep-alive, Sallyport-Assertion, x-dup",
    "Connection: Host, X-Api-Key",
    "Connection: Content-Type, Forwarded",
    "Connection: close",
    "X_Auth_User: root",
    "Remote_User: root",
    "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "tracestate: a=b",
    "Transfer_Encoding: chunked",
    "Content_Length: 5",
    "Content.Length: 7",
    "X-Api-Key: foreign",
];

/// What is refused or answered at once.
const HOSTILE_LINES: &[&[u8]] = &[
    b"X : a",
    b"X\t: a",
    b" folded",
    b"\tfolded",
    b": a",
    b"X: a\0b",
    b"X\0: a",
    b"X\x85: a",
    b"X: \xa0a",
    b"X: a\x85",
    b"X: a\rb",
    b"NoColon",
    b"Host : h",
    b"X: a\x0bb",
    b"X(: a",
    b"Upgrade: h2c",
    b"Expect: x",
    b"Connection: a b",
    b"Connection: ,",
    b"Host: orders.example",
    b"X-Api-Key: sp_live_x",
    b"Authorization: Bearer sp_live_000000000000_zzzz",
];

const FRAMINGS: &[&str] = &[
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: ,chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: chunked;q=1\r\n",
    "Transfer-Encoding:\r\n",
    "Transfer-Encoding : chunked\r\n",
    " Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding:\r\n chunked\r\n",
    "Transfer-Encoding:\u{b}chunked\r\n",
    "Transfer-Encoding: chunked\n",
    "Content-Length: 5\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: +5\r\n",
    "Content-Length: -5\r\n",
    "Content-Length: 0x5\r\n",
    "Content-Length: 5 5\r\n",
    "Content-Length:\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Content-Length : 5\r\n",
    "Content-Length: 05\r\n",
    "Content-Length: 400\r\n",
    "X-Header: a\n\r\nTransfer-Encoding: chunked\r\n",
];

const CHUNKS: &[&str] = &[
    "0_2e\r\n",
    "0x10\r\n",
    "+5\r\nabcde\r\n",
    "\r\n",
    "-1\r\n",
    "5 \r\nabcde\r\n",
    "5\nabcde\r\n",
    "5\r\nabcdeX",
    "5\r\nabcde\n",
    "5;\0\r\nabcde\r\n",
    "FFFFFFFFFFFFFFFFF\r\n",
    "5;a=\"\r\nabcde\r\n",
    "5;\n=x\r\nabcde\r\n",
    "5\r\nabc",
];

/// Makes the request of this number.
pub(crate) fn case(random: &mut Random, pieces: &Pieces, number: usize) -> Case {
    let method = if random.happens(5) { random.pick(ODD_METHODS) } else { random.pick(METHODS) };
    let mut manner = Manner::Tame;
    let mut bytes = format!("{method} ").into_bytes();
    bytes.extend(target(random, pieces, &mut manner));
    bytes.extend_from_slice(version(random).as_bytes());
    for line in fields(random, pieces, number) {
        bytes.extend_from_slice(&line);
        bytes.extend_from_slice(b"\r\n");
    }
    body(random, &mut bytes, number, &mut manner);
    if random.happens(15) {
        tamper(random, &mut bytes, number, &mut manner);
    }
    Case { number, bytes, method, manner }
}

fn version(random: &mut Random) -> &'static str {
    if random.happens(95) {
        return " HTTP/1.1\r\n";
    }
    random.pick(&[
        " HTTP/1.0\r\n",
        " HTTP/1.2\r\n",
        " HTTP/2.0\r\n",
        " http/1.1\r\n",
        "  HTTP/1.1\r\n",
        "\r\n",
        " HTTP/1.1 \r\n",
    ])
}

fn target(random: &mut Random, pieces: &Pieces, manner: &mut Manner) -> Vec<u8> {
    let base = random.pick(pieces.targets);
    let host = &pieces.hosts[random.below(pieces.hosts.len())];
    let mut target = match random.below(80) {
        0 => format!("http://{host}{base}"),
        1 => format!("http://other.example{base}"),
        2 => format!("{host}:443"),
        3 => "*".to_owned(),
        4 => format!("http:{base}"),
        5 => format!("//{host}{base}"),
        _ => base.to_owned(),
    }
    .into_bytes();
    for _ in 0..[0, 0, 0, 0, 0, 1, 1, 2][random.below(8)] {
        let part = random.pick(TARGET_PARTS);
        let place = random.below(target.len() + 1);
        target.splice(place..place, part.iter().copied());
    }
    if random.happens(3) {
        target.make_ascii_uppercase();
    }
    if target.contains(&b' ') {
        *manner = Manner::Wild;
    }
    target
}

/// The field lines, in any order.
fn fields(random: &mut Random, pieces: &Pieces, number: usize) -> Vec<Vec<u8>> {
    let mut lines = vec![format!("{CASE}{number:07}").into_bytes()];
    let host = pieces.hosts[random.below(pieces.hosts.len())].clone();
    let host = match random.below(100) {
        0 => format!("{host}:80"),
        1 => host.to_ascii_uppercase(),
        2 => format!("{host}."),
        3 => format!("{host}:99999"),
        4 => format!("user@{host}"),
        5 => format!("{host},x"),
        6 => "nowhere.example".to_owned(),
        7 => String::new(),
        8 => format!("{host}/x"),
        9 => format!("{host} x"),
        _ => host,
    };
    if random.happens(99) {
        let name = if random.happens(90) { "Host" } else { random.pick(&["host", "HOST", "hOst"]) };
        lines.push(format!("{name}: {host}").into_bytes());
    }
    if random.happens(85) {
        let key = &pieces.keys[random.below(pieces.keys.len())];
        let place = if random.happens(80) { "X-Api-Key: " } else { "Authorization: Bearer " };
        lines.push(format!("{place}{key}").into_bytes());
    }
    for _ in 0..random.below(6) {
        lines.push(random.pick(PLAIN_FIELDS).as_bytes().to_vec());
    }
    if random.happens(40) {
        for _ in 0..=random.below(2) {
            lines.push(random.pick(MANAGED_FIELDS).as_bytes().to_vec());
        }
    }
    if random.happens(5) {
        lines.push(random.pick(HOSTILE_LINES).to_vec());
    }
    for last in (1..lines.len()).rev() {
        lines.swap(last, random.below(last + 1));
    }
    lines
}

/// The framing, the end of the head and the body.
fn body(random: &mut Random, bytes: &mut Vec<u8>, number: usize, manner: &mut Manner) {
    let smuggled = format!("GET /smuggled HTTP/1.1\r\n{CASE}{number:07}\r\nHost: orders.example\r\n\r\n");
    if random.happens(5) {
        bytes.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    match random.below(100) {
        0..=64 => bytes.extend_from_slice(b"\r\n"),
        65..=79 => {
            let length = random.below(300);
            bytes.extend_from_slice(format!("Content-Length: {length}\r\n\r\n").as_bytes());
            bytes.extend((0..length).map(|at| b"abc\r\n"[at % 5]));
        }
        80..=90 => {
            bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            for _ in 0..random.below(4) {
                let size = 1 + random.below(40);
                let extension = random.pick(&["", "", ";a=b", ";a=\"b\"", ";x"]);
                bytes
                    .extend_from_slice(format!("{size:x}{extension}\r\n{}\r\n", "d".repeat(size)).as_bytes());
            }
            let trailers =
                random.pick(&["", "", "X-Sum: 1\r\n", "Sallyport-Decision-Id: forged\r\n", "Host: evil\r\n"]);
            bytes.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
            if trailers.starts_with("Host") {
                *manner = Manner::Wild;
            }
        }
        91..=95 => {
            *manner = Manner::Wild;
            bytes.extend_from_slice(random.pick(FRAMINGS).as_bytes());
            bytes.extend_from_slice(format!("\r\n0\r\n\r\n{smuggled}").as_bytes());
        }
        _ => {
            *manner = Manner::Wild;
            let chunk = random.pick(CHUNKS);
            bytes.extend_from_slice(
                format!("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n{chunk}0\r\n\r\n{smuggled}")
                    .as_bytes(),
            );
        }
    }
}

/// Changes a few bytes anywhere but in what says which request this is.
fn tamper(random: &mut Random, bytes: &mut Vec<u8>, number: usize, manner: &mut Manner) {
    let before = bytes.clone();
    for _ in 0..=random.below(3) {
        let place = random.below(bytes.len());
        let byte = random.pick(b"\r\n :\t,;\0aZ0#/%.\\?\x85\xa0\xff\x7f\x80\x0b_-\"");
        match random.below(5) {
            0 => bytes[place] = byte,
            1 => bytes.insert(place, byte),
            2 => drop(bytes.remove(place)),
            3 => bytes[place] ^= 1 << random.below(8),
            _ => {
                let end = (place + random.below(24)).min(bytes.len());
                let copy = bytes[place..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copy);
            }
        }
    }
    let token = format!("\r\n{CASE}{number:07}\r\n");
    let count = |bytes: &[u8]| {
        let names = testkit::count(&bytes.to_ascii_lowercase(), b"x-case");
        (names, testkit::count(bytes, token.as_bytes()))
    };
    if count(bytes) == count(&before) {
        *manner = Manner::Wild;
    } else {
        *bytes = before;
    }
}

/// One message, as the codec reads it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, String)>,
    /// The body without its framing; `None` where it does not end, or not well.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) length: usize,
}

impl Message {
    /// Every value of a field, by name without case.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Which case it belongs to.
    pub(crate) fn case(&self) -> Option<usize> {
        let head: String = self.fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        let at = head.find(CASE)? + CASE.len();
        head.get(at..at + 7)?.parse().ok()
    }
}

/// Reads the messages in these bytes with our codec, and each head with httparse too, which must agree. Ends at the
/// first that is refused, not whole, or followed by something that cannot be told apart.
pub(crate) fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(message) = message(rest) {
        let (is_whole, length) = (message.body.is_some(), message.length);
        found.push(message);
        if !is_whole {
            break;
        }
        rest = &rest[length..];
    }
    found
}

fn message(bytes: &[u8]) -> Option<Message> {
    let mut fields: Vec<Field> = Vec::new();
    let Ok(Parse::Complete(head)) = parse_request_head(bytes, &Limits::STANDARD, &mut fields) else {
        return None;
    };
    let text =
        |span: http1::Span| String::from_utf8(span.of(bytes).to_vec()).expect("an accepted head is UTF-8");
    let fields: Vec<(String, String)> =
        fields.iter().map(|field| (text(field.name), text(field.value))).collect();
    let (method, target) = (text(head.method), text(head.target));
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut theirs = httparse::Request::new(&mut headers);
    assert_eq!(
        theirs.parse(bytes),
        Ok(httparse::Status::Complete(head.length)),
        "httparse reads another head: {}",
        bytes.escape_ascii()
    );
    assert_eq!((theirs.method, theirs.path), (Some(&*method), Some(&*target)), "{}", bytes.escape_ascii());
    let theirs: Vec<(String, String)> = (theirs.headers.iter())
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    assert_eq!(theirs, fields, "{}", bytes.escape_ascii());
    let (body, length) = read_body(head, bytes);
    Some(Message { method, target, fields, body, length })
}

/// The body's data, where it ends, and where the message ends or breaks.
fn read_body(head: http1::RequestHead, bytes: &[u8]) -> (Option<Vec<u8>>, usize) {
    let mut decoder = BodyDecoder::request(head.framing, &Limits::STANDARD);
    let (mut data, mut at) = (Vec::new(), head.length);
    loop {
        let Ok(step) = decoder.decode(&bytes[at..]) else { return (None, at) };
        let from = at;
        at += step.consumed;
        match step.event {
            BodyEvent::Data(part) => data.extend_from_slice(&bytes[from..][part]),
            BodyEvent::Trailers => {}
            BodyEvent::End => return (Some(data), at),
            BodyEvent::NeedMore => return (None, at),
        }
    }
}

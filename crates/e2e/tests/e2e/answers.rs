//! Answers that lie about where they end: what our codec takes, Node's client reads as we do or not at all.

use std::process::{Command, Stdio};

use http1::{
    BodyDecoder, BodyEvent, Limits, Parse, RequestMethodClass, ResponseFraming, parse_response_head,
};
use serde_json::Value;
use testkit::Folder;

use super::heads::Random;
use super::same_request::number;
use super::world::root;

/// Answers, unless `SALLYPORT_CASES` says otherwise.
const CASES: usize = 20_000;
const SEED: usize = 23;

/// Reads each answer from a connection that holds nothing else, and writes down what Node's client made of it.
const READER: &str = r#"
const http = require('http'), fs = require('fs'), { Duplex } = require('stream');
const inputs = fs.readFileSync('answers.hex', 'utf8').split('\n').filter((line) => line);
const out = fs.openSync('read.json', 'w');
const read = (bytes) => new Promise((resolve) => {
  let told = false, asked = false;
  const tell = (seen) => { if (!told) { told = true; resolve(seen); } };
  const socket = new Duplex({
    read() {},
    write(chunk, encoding, done) {
      done();
      if (!asked) { asked = true; setImmediate(() => { socket.push(bytes); socket.push(null); }); }
    },
  });
  socket.setTimeout = socket.setNoDelay = socket.setKeepAlive = socket.ref = socket.unref = () => socket;
  const request = http.request({ host: 'h', createConnection: () => socket }, (answer) => {
    const parts = [];
    answer.on('data', (part) => parts.push(part));
    answer.on('error', () => {});
    answer.on('close', () => tell({ status: answer.statusCode, raw: answer.rawHeaders,
      body: answer.complete ? Buffer.concat(parts).toString('hex') : null }));
  });
  request.on('upgrade', () => tell({ refused: 'upgrade' }));
  request.on('error', (error) => tell({ refused: error.code || String(error) }));
  request.on('close', () => setImmediate(() => tell({ refused: 'closed' })));
  request.end();
});
(async () => {
  for (const line of inputs) {
    fs.writeSync(out, JSON.stringify(await read(Buffer.from(line, 'hex'))) + '\n');
  }
})();
"#;

const STARTS: &[&str] = &[
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 404 ",
    "HTTP/1.1 500",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made",
    "HTTP/1.1 101 Switching Protocols",
    "HTTP/1.1  200 OK",
    "HTTP/2 200",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 99 Low",
    "http/1.1 200 OK",
    "HTTP/1.1 200 O\u{b}K",
    "ICY 200 OK",
];

const FIELDS: &[&str] = &[
    "A: b",
    "X-Dup: 1",
    "X-Dup: 2",
    "Set-Cookie: a=b",
    "Set-Cookie: c=d",
    "X-Empty:",
    "Connection: close",
    "Connection: keep-alive",
    "Date: x",
    "X-Tab:\tv\t",
    "Content-Type: text/plain",
    "X : a",
    " folded",
    "X: a\0b",
    "X: a\rb",
    "NoColon",
    ": a",
    "Upgrade: h2c",
    "Trailer: X",
    "X_Y: z",
];

const FRAMINGS: &[&str] = &[
    "Content-Length: 5",
    "Content-Length: 5",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked",
    "Content-Length: 0",
    "Content-Length: 05",
    "Content-Length: +5",
    "Content-Length: 5, 5",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: ",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding:\u{b}chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: CHUNKED",
    "Content-Length: 99999999999999999999",
    "X: y",
];

const BODIES: &[&str] = &[
    "hello",
    "hello",
    "hell",
    "hello, and more",
    "",
    "5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\n\r\n",
    "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
    "5\r\nhelloX0\r\n\r\n",
    "5\nhello\n0\n\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n",
    "fffffffffffffffff\r\nhello",
    "5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
    "5;\n\r\nhello\r\n0\r\n\r\n",
    "05\r\nhello\r\n00\r\n\r\n",
];

/// One answer, mostly as servers write them, sometimes as nobody should.
pub(crate) fn answer(random: &mut Random) -> Vec<u8> {
    // What ordinary servers say comes first in the lists, and most often.
    let starts = if random.below(4) == 0 { STARTS } else { &STARTS[..10] };
    let mut text = format!("{}\r\n", random.pick(starts));
    for _ in 0..random.below(4) {
        let among = if random.below(10) == 0 { FIELDS } else { &FIELDS[..11] };
        text.push_str(random.pick(among));
        text.push_str("\r\n");
    }
    let (framing, body) = match random.below(10) {
        0..=3 => (FRAMINGS[0], BODIES[0]),
        4..=6 => (FRAMINGS[3], BODIES[5]),
        _ => (random.pick(FRAMINGS), random.pick(BODIES)),
    };
    text.push_str(&format!("{framing}\r\n\r\n{body}"));
    let mut bytes = text.into_bytes();
    for _ in 0..[0, 0, 0, 1, 2][random.below(5)] {
        let place = random.below(bytes.len());
        let byte = random.pick(b"\r\n :\t,;\0aZ05#\x85\xa0\xff\x7f\x0b");
        match random.below(3) {
            0 => bytes[place] = byte,
            1 => bytes.insert(place, byte),
            _ => drop(bytes.remove(place)),
        }
    }
    bytes
}

/// The final answer, as our codec reads it.
pub(crate) fn ours(bytes: &[u8]) -> Option<(u16, Vec<String>, Option<Vec<u8>>)> {
    let (mut rest, mut fields) = (bytes, Vec::new());
    loop {
        let parsed = parse_response_head(rest, &Limits::STANDARD, &mut fields, RequestMethodClass::Other);
        let Ok(Parse::Complete(head)) = parsed else { return None };
        let body = &rest[head.length..];
        if head.is_interim() {
            rest = body;
            continue;
        }
        let text = |span: http1::Span| String::from_utf8_lossy(span.of(rest)).into_owned();
        let raw = fields.iter().flat_map(|field| [text(field.name), text(field.value)]).collect();
        let data = match head.framing {
            ResponseFraming::UntilClose => Some(body.to_vec()),
            framing => whole(BodyDecoder::response(framing, &Limits::STANDARD), body),
        };
        return Some((head.status, raw, data));
    }
}

fn whole(mut decoder: BodyDecoder, bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut data, mut rest) = (Vec::new(), bytes);
    loop {
        let step = decoder.decode(rest).ok()?;
        match step.event {
            BodyEvent::Data(range) => data.extend_from_slice(&rest[range]),
            BodyEvent::Trailers => {}
            BodyEvent::End => return Some(data),
            BodyEvent::NeedMore => return None,
        }
        rest = &rest[step.consumed..];
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn node_and_we_read_the_same_answers_alike() {
    let folder = Folder::new(root(), "answers");
    let mut random = Random::new(number("SALLYPORT_SEED", SEED));
    let answers: Vec<Vec<u8>> = (0..number("SALLYPORT_CASES", CASES)).map(|_| answer(&mut random)).collect();
    folder.write("answers.hex", &answers.iter().map(|bytes| hex(bytes) + "\n").collect::<String>());
    folder.write("reader.js", READER);
    let ran = Command::new("node").arg("reader.js").current_dir(folder.path()).stdin(Stdio::null()).output();
    let ran = ran.expect("node is installed by `cargo xtask ensure`");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let read = folder.read("read.json");
    let read: Vec<Value> = read.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read.len(), answers.len(), "{}", String::from_utf8_lossy(&ran.stderr));
    let (mut both, mut ended) = (0, 0);
    for (bytes, theirs) in answers.iter().zip(&read) {
        let Some((status, raw, body)) = ours(bytes) else { continue };
        if theirs["refused"].is_string() {
            continue;
        }
        let shown = format!("{}: {theirs}", bytes.escape_ascii());
        assert_eq!(theirs["status"], status, "{shown}");
        let latin: Vec<Vec<u8>> = theirs["raw"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect())
            .collect();
        assert!(latin.iter().map(Vec::as_slice).eq(raw.iter().map(String::as_bytes)), "{raw:?} {shown}");
        both += 1;
        if let (Some(ours), Some(theirs)) = (body, theirs["body"].as_str()) {
            assert_eq!(hex(&ours), theirs, "{shown}");
            ended += 1;
        }
    }
    println!("{both} of {} answers read alike, {ended} to their end", answers.len());
    assert!(answers.len() / 8 < both && answers.len() / 16 < ended, "{both} {ended}");
}

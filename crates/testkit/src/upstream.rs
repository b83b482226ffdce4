//! An upstream on loopback that keeps every byte it receives and answers as it is told.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::bytes::find;
use crate::{Gate, WAIT, until};

/// How long a connection's thread waits for bytes before it looks whether the upstream has ended.
const LOOK: Duration = Duration::from_millis(50);

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Every byte of the request, head and body.
    pub raw: Vec<u8>,
    /// The head as text, the empty line excluded.
    pub head: String,
    /// The body as it was framed on the wire.
    pub body: Vec<u8>,
    /// Which connection brought it, from 0.
    pub connection: usize,
}

impl Received {
    /// The request line.
    #[must_use]
    pub fn line(&self) -> &str {
        self.head.split("\r\n").next().unwrap_or_default()
    }

    /// Names and values in their order and spelling.
    #[must_use]
    pub fn fields(&self) -> Vec<(&str, &str)> {
        self.head.split("\r\n").skip(1).map(|line| line.split_once(": ").unwrap_or((line, ""))).collect()
    }

    /// Every value of a field, by name without case and with `_` as `-`.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let like = |field: &str| field.replace('_', "-").eq_ignore_ascii_case(name);
        self.fields().into_iter().filter(|(field, _)| like(field)).map(|(_, value)| value).collect()
    }
}

/// One step of an answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// Ends the connection in order.
    Close,
    /// Sends so many bytes, all alike, without holding them.
    Fill(u64),
    /// Sends bytes.
    Send(Vec<u8>),
    /// Waits until the test opens the gate.
    Wait(Gate),
}

/// What a request is answered with.
#[derive(Clone, Debug)]
pub enum Reply {
    /// 200 with a body that says how many requests came before; the connection stays.
    Count,
    /// As soon as the head is there, before the body is read; then the connection ends.
    Early(Vec<u8>),
    /// The connection ends without an answer; where the client has sent more than was read, it is reset.
    Reset,
    /// Nothing, for as long as the connection lasts.
    Silence,
    /// These steps, after the whole request was read.
    Steps(Vec<Step>),
}

impl Reply {
    /// These bytes, and the connection stays.
    #[must_use]
    pub fn bytes(text: &str) -> Self {
        Self::Steps(vec![Step::Send(text.as_bytes().to_vec())])
    }

    /// These bytes, and the connection ends.
    #[must_use]
    pub fn last(text: &str) -> Self {
        Self::Steps(vec![Step::Send(text.as_bytes().to_vec()), Step::Close])
    }

    /// 200 with this body.
    #[must_use]
    pub fn ok(body: &str) -> Self {
        let length = body.len();
        Self::bytes(&format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    }
}

#[derive(Default)]
struct Shared {
    /// Bytes per connection, as they came.
    connections: Mutex<Vec<Vec<u8>>>,
    requests: Mutex<Vec<Received>>,
    /// By path without query.
    replies: Mutex<HashMap<String, Reply>>,
    /// Connections that have ended.
    ended: Mutex<usize>,
    stop: AtomicBool,
}

/// The upstream. Ends with the value.
pub struct Upstream {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Upstream({})", self.address)
    }
}

impl Upstream {
    /// Starts on a free port. Without [`Upstream::reply`] every request gets [`Reply::Count`].
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            let mut serving: Vec<JoinHandle<()>> = Vec::new();
            for stream in listener.incoming() {
                // A thread that has ended keeps its stack until its handle is gone, and there can be a hundred thousand.
                serving.retain(|thread| !thread.is_finished());
                if own.stop.load(Ordering::Relaxed) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let number = {
                    let mut connections = own.connections.lock().unwrap();
                    connections.push(Vec::new());
                    connections.len() - 1
                };
                let shared = Arc::clone(&own);
                serving.push(std::thread::spawn(move || {
                    serve(stream, number, &shared);
                    *shared.ended.lock().unwrap() += 1;
                }));
            }
            for thread in serving {
                drop(thread.join());
            }
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// How requests for this path are answered from now on.
    pub fn reply(&self, path: &str, reply: Reply) {
        self.shared.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The one request so far.
    #[must_use]
    pub fn request(&self) -> Received {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:#?}");
        requests.remove(0)
    }

    /// The last request so far.
    #[must_use]
    pub fn last(&self) -> Received {
        self.requests().pop().expect("a request has arrived")
    }

    /// Forgets the requests so far; bytes of connections are kept.
    pub fn forget(&self) {
        self.shared.requests.lock().unwrap().clear();
    }

    /// Every byte that ever came, of all connections.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.shared.connections.lock().unwrap().concat()
    }

    /// Every byte that ever came, connection by connection.
    #[must_use]
    pub fn streams(&self) -> Vec<Vec<u8>> {
        self.shared.connections.lock().unwrap().clone()
    }

    /// How many connections were made.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.lock().unwrap().len()
    }

    /// Waits until this many connections have ended.
    pub fn wait_ended(&self, count: usize) {
        until("the end of upstream connections", || {
            (count <= *self.shared.ended.lock().unwrap()).then_some(())
        });
    }

    /// Waits until this text has arrived.
    pub fn wait_for(&self, text: &str) {
        until(text, || crate::contains(&self.bytes(), text.as_bytes()).then_some(()));
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect_timeout(&self.address, WAIT));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

/// Serves one connection until either side ends it.
fn serve(mut stream: TcpStream, number: usize, shared: &Shared) {
    stream.set_read_timeout(Some(LOOK)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut pending = Vec::new();
    let mut read = |pending: &mut Vec<u8>, stream: &mut TcpStream| read(pending, stream, number, shared);
    loop {
        let Some(end) = read_until(&mut pending, &mut stream, &mut read, |bytes| find(bytes, b"\r\n\r\n"))
        else {
            return;
        };
        let head = String::from_utf8_lossy(&pending[..end]).into_owned();
        let target = head.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let reply = shared.replies.lock().unwrap().get(path).cloned().unwrap_or(Reply::Count);
        if let Reply::Early(bytes) = &reply {
            drop(stream.write_all(bytes));
            drop(stream.shutdown(Shutdown::Write));
            while read(&mut pending, &mut stream) {}
            return;
        }
        if matches!(reply, Reply::Reset) {
            return reset(&stream);
        }
        let body_at = end + 4;
        let whole = read_until(&mut pending, &mut stream, &mut read, |bytes| body_end(&head, bytes, body_at));
        let Some(whole) = whole else { return };
        let rest = pending.split_off(whole);
        let raw = std::mem::replace(&mut pending, rest);
        let body = raw[body_at..].to_vec();
        let earlier = {
            let mut requests = shared.requests.lock().unwrap();
            requests.push(Received { raw, head, body, connection: number });
            requests.len() - 1
        };
        if !answer(reply, earlier, &mut stream, shared) {
            return;
        }
    }
}

/// Carries an answer out; `false` where the connection ends with it.
fn answer(reply: Reply, earlier: usize, stream: &mut TcpStream, shared: &Shared) -> bool {
    let steps = match reply {
        Reply::Count => {
            let body = format!("request {earlier}");
            let length = body.len();
            let text = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            vec![Step::Send(text.into_bytes())]
        }
        Reply::Steps(steps) => steps,
        Reply::Silence => {
            let mut nothing = [0; 64];
            loop {
                match stream.read(&mut nothing) {
                    Ok(0) => return false,
                    Ok(_) => {}
                    Err(error) if is_pause(error.kind()) && !shared.stop.load(Ordering::Relaxed) => {}
                    Err(_) => return false,
                }
            }
        }
        Reply::Early(_) | Reply::Reset => return false,
    };
    for step in steps {
        let done = match step {
            Step::Close => return false,
            Step::Fill(length) => std::io::copy(&mut std::io::repeat(b'g').take(length), stream).is_ok(),
            Step::Send(bytes) => stream.write_all(&bytes).is_ok(),
            Step::Wait(gate) => gate.pass(),
        };
        if !done {
            return false;
        }
    }
    true
}

/// Waits for more of the body and leaves it unread: then the system resets the connection instead of closing it.
fn reset(stream: &TcpStream) {
    drop(stream.peek(&mut [0; 1]));
}

/// Reads until `end` is found, and gives it; `None` at the end of the connection.
fn read_until(
    pending: &mut Vec<u8>,
    stream: &mut TcpStream,
    read: &mut impl FnMut(&mut Vec<u8>, &mut TcpStream) -> bool,
    end: impl Fn(&[u8]) -> Option<usize>,
) -> Option<usize> {
    loop {
        if let Some(end) = end(pending) {
            return Some(end);
        }
        if !read(pending, stream) {
            return None;
        }
    }
}

/// Reads once and keeps the bytes; `false` at the end.
fn read(pending: &mut Vec<u8>, stream: &mut TcpStream, number: usize, shared: &Shared) -> bool {
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(length) => {
                pending.extend_from_slice(&buffer[..length]);
                shared.connections.lock().unwrap()[number].extend_from_slice(&buffer[..length]);
                return true;
            }
            Err(error) if is_pause(error.kind()) && !shared.stop.load(Ordering::Relaxed) => {}
            Err(_) => return false,
        }
    }
}

fn is_pause(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Where the request ends, once all of it is there.
fn body_end(head: &str, bytes: &[u8], body_at: usize) -> Option<usize> {
    let lower = head.to_ascii_lowercase();
    if lower.contains("\r\ntransfer-encoding: chunked") {
        return chunks_end(bytes, body_at);
    }
    let length = lower.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let length = length.map_or(0, |text| text.trim().parse().expect("the gateway writes lengths"));
    (body_at + length <= bytes.len()).then_some(body_at + length)
}

fn chunks_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let line = find(bytes.get(at..)?, b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("the gateway writes sizes");
        let size = usize::from_str_radix(size, 16).expect("the gateway writes sizes");
        at += line + 2;
        if size == 0 {
            break;
        }
        at += size + 2;
    }
    // Trailers until an empty line.
    loop {
        let line = find(bytes.get(at..)?, b"\r\n")?;
        at += line + 2;
        if line == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Connection};

    #[test]
    fn what_a_client_sends_is_kept_byte_for_byte_and_answered_as_told() {
        let upstream = Upstream::start();
        upstream.reply("/told", Reply::ok("as told"));
        let call =
            Call::new(upstream.address, "a.example", "POST /told?x").field("X-Odd", "a  b").body(b"body");
        assert_eq!(call.send().body, b"as told");
        assert_eq!(upstream.request().raw, call.bytes());
        assert_eq!(upstream.request().all("x_odd".replace('_', "-").as_str()), ["a  b"]);
        let mut connection = Connection::open(upstream.address);
        connection.send(b"GET /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n");
        assert_eq!([connection.answer().body, connection.answer().body], [b"request 1", b"request 2"]);
        assert_eq!(upstream.last().body, b"1\r\nx\r\n0\r\nA: b\r\n\r\n");
        assert_eq!(upstream.connections(), 2);
    }

    #[test]
    fn an_early_answer_does_not_wait_for_the_body_and_a_gate_waits_for_the_test() {
        let upstream = Upstream::start();
        upstream
            .reply("/early", Reply::Early(b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n".to_vec()));
        let mut connection = Connection::open(upstream.address);
        connection.send(b"POST /early HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
        assert_eq!(connection.answer().status, 409);
        let gate = Gate::new();
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
        upstream
            .reply("/gate", Reply::Steps(vec![Step::Wait(gate.clone()), Step::Send(answer), Step::Close]));
        let mut connection = Connection::open(upstream.address);
        connection.send(b"GET /gate HTTP/1.1\r\n\r\n");
        upstream.wait_for("GET /gate");
        gate.open();
        assert_eq!(connection.answer().status, 204);
        assert_eq!(connection.piece(), None);
    }
}

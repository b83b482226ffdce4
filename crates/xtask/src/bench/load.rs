//! The load generator: a closed loop over keep-alive connections that checks every answer.
//!
//! It sends exactly as many requests as it is told to, so that counts can be divided by them. One answer that
//! is not the expected one ends the run with an error: a figure over wrong answers means nothing.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;

const ANSWER_BYTES_MAX: usize = 1 << 20;

/// How long one answer may take; generous, because the peer may run under valgrind.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// A prepared request and what must come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    pub(crate) status: u16,
    /// Bytes of the body; `None` where the length does not matter.
    pub(crate) length: Option<usize>,
}

/// What is sent: prepared requests in turn, over some connections.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) requests: Vec<Request>,
    pub(crate) connections: usize,
}

impl Load {
    /// Sends `count` requests and returns when each has its answer.
    pub(crate) fn send(&self, count: u64) -> anyhow::Result<()> {
        self.while_true(&|sent| sent < count).map(drop)
    }

    /// Sends requests as long as `more`, which is given the number sent so far, says so. Returns how many.
    pub(crate) fn while_true(&self, more: &(dyn Fn(u64) -> bool + Sync)) -> anyhow::Result<u64> {
        let next = AtomicU64::new(0);
        let done = AtomicU64::new(0);
        let worker = || -> anyhow::Result<()> {
            let mut connection = Connection::open(self.address)?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if !more(number) {
                    return Ok(());
                }
                let count = u64::try_from(self.requests.len()).context("too many requests")?;
                let index = number.checked_rem(count).context("no requests to send")?;
                let request = self.requests.get(usize::try_from(index)?).context("no such request")?;
                connection.exchange(request)?;
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.connections).map(|_| scope.spawn(worker)).collect();
            let results = workers.into_iter().map(|worker| worker.join());
            results
                .map(|result| {
                    result.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread of the load panicked")))
                })
                .collect::<anyhow::Result<Vec<()>>>()
        })?;
        Ok(done.into_inner())
    }
}

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true).context("cannot set TCP_NODELAY")?;
        stream.set_read_timeout(Some(ANSWER_LIMIT)).context("cannot set a limit for reading")?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends one request, reads one answer and compares it with what is expected.
    pub(crate) fn exchange(&mut self, request: &Request) -> anyhow::Result<()> {
        let sent = String::from_utf8_lossy(&request.bytes);
        self.stream.write_all(&request.bytes).context("cannot send a request")?;
        let answer = self.read().with_context(|| format!("no whole answer to\n{sent}"))?;
        let fits =
            answer.status == request.status && request.length.is_none_or(|length| length == answer.length);
        anyhow::ensure!(
            fits,
            "expected {} with {:?} bytes, got {} with {} bytes:\n{}\nto\n{sent}",
            request.status,
            request.length,
            answer.status,
            answer.length,
            String::from_utf8_lossy(&self.buffer)
        );
        Ok(())
    }

    /// Sends one request and gives whatever comes back, with the id of its decision.
    pub(crate) fn ask(&mut self, request: &Request) -> anyhow::Result<Answered> {
        self.stream.write_all(&request.bytes).context("cannot send a request")?;
        let status = self.read()?.status;
        let text = String::from_utf8_lossy(&self.buffer);
        let id = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("sallyport-decision-id").then(|| value.trim().to_owned())
        });
        Ok(Answered { status, id: id.with_context(|| format!("no decision id in\n{text}"))? })
    }

    fn read(&mut self) -> anyhow::Result<Answer> {
        self.buffer.clear();
        loop {
            if let Some(answer) = parse(&self.buffer)? {
                let whole = answer.head + answer.length;
                if whole <= self.buffer.len() {
                    anyhow::ensure!(
                        whole == self.buffer.len(),
                        "{} bytes too many",
                        self.buffer.len() - whole
                    );
                    return Ok(answer);
                }
            }
            anyhow::ensure!(self.buffer.len() <= ANSWER_BYTES_MAX, "an answer over {ANSWER_BYTES_MAX} bytes");
            let mut chunk = [0; 16 * 1024];
            let count = self.stream.read(&mut chunk).context("cannot read")?;
            anyhow::ensure!(0 < count, "the connection closed after {} bytes", self.buffer.len());
            self.buffer.extend(chunk.iter().take(count));
        }
    }
}

/// An answer of the gateway.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) id: String,
}

/// What the head of an answer says.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// Bytes of the head, its empty line included.
    head: usize,
    /// Bytes of the body.
    length: usize,
}

/// Reads a head once it is whole. The generator's own upstream always sends a length.
fn parse(bytes: &[u8]) -> anyhow::Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = bytes.get(..end).unwrap_or_default();
    let text = std::str::from_utf8(head).context("a head that is not UTF-8")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let status = status.with_context(|| format!("no status in\n{text}"))?;
    let length = match status {
        204 | 304 => 0,
        _ => length.with_context(|| format!("no Content-Length in\n{text}"))?,
    };
    Ok(Some(Answer { status, head: end + 4, length }))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn reads_the_head_of_an_answer() {
        let text = b"HTTP/1.1 200 OK\r\nServer: a\r\ncontent-length: 12\r\n\r\nbody";
        assert_eq!(parse(text).unwrap(), Some(Answer { status: 200, head: 50, length: 12 }));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nContent-").unwrap(), None);
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().length, 0);
    }

    #[test]
    fn refuses_an_answer_without_status_or_length() {
        assert!(parse(b"HTTP/1.1\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }

    /// A server that gives one fixed answer to everything, on as many connections as come.
    fn server(answer: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    while stream.read(&mut buffer).is_ok_and(|count| 0 < count)
                        && stream.write_all(answer).is_ok()
                    {}
                });
            }
        });
        address
    }

    fn load(answer: &'static [u8]) -> Load {
        let request =
            Request { bytes: b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), status: 200, length: Some(2) };
        Load { address: server(answer), requests: vec![request], connections: 3 }
    }

    #[test]
    fn sends_exactly_as_many_as_asked() {
        let load = load(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(load.while_true(&|sent| sent < 100).unwrap(), 100);
    }

    #[test]
    fn fails_on_a_wrong_status_or_length() {
        assert!(load(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").send(1).is_err());
        assert!(load(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noks").send(1).is_err());
        assert!(load(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\noks").send(1).is_err());
    }
}

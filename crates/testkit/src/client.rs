//! A client that sends exact bytes and reads answers strictly.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};

use serde_json::Value;

use crate::WAIT;
use crate::bytes::find;

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    /// The head as it came, without the empty line.
    pub head: String,
    /// Names as they were written.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// Statuses of the interim answers before this one.
    pub interim: Vec<u16>,
}

impl Response {
    /// Every value of a field, by name without case.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that may stand once at most.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} stands {} times: {self:?}", all.len());
        all.first().copied()
    }

    /// The id of the decision, which every answer has; that it is there is a test of its own.
    pub fn decision(&self) -> String {
        self.field("sallyport-decision-id").unwrap_or_else(|| panic!("no decision id: {self:?}")).to_owned()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The slug of the problem that refused the request; empty where the answer is no problem.
    #[must_use]
    pub fn problem(&self) -> String {
        if self.field("content-type") != Some("application/problem+json") {
            return String::new();
        }
        let problem = self.json();
        let kind = problem["type"].as_str().unwrap_or_default();
        kind.strip_prefix("urn:sallyport:problem:").unwrap_or_else(|| panic!("{problem}")).to_owned()
    }

    /// `403 no_grant`, or the status alone.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} {}", self.status, self.problem()).trim_end().to_owned()
    }
}

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// Read, and not yet part of an answer.
    pending: Vec<u8>,
}

impl Connection {
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        let stream =
            TcpStream::connect_timeout(&address, WAIT).unwrap_or_else(|error| panic!("{address}: {error}"));
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.set_write_timeout(Some(WAIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, pending: Vec::new() }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap_or_else(|error| panic!("cannot send: {error}"));
    }

    /// Sends bytes to a server that may have ended the connection already, as it may after a refusal.
    pub fn send_what_is_taken(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes));
    }

    /// Says that nothing more will be sent; answers can still be read.
    pub fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// As [`Connection::finish`], to a server that may have ended the connection already.
    pub fn finish_if_open(&self) {
        drop(self.stream.shutdown(Shutdown::Write));
    }

    /// Reads the next answer to a request that was not HEAD.
    #[must_use]
    pub fn answer(&mut self) -> Response {
        self.answer_to("GET")
    }

    /// Reads the next answer to a request of this method, interim ones included.
    #[must_use]
    pub fn answer_to(&mut self, method: &str) -> Response {
        let mut interim = Vec::new();
        loop {
            let mut response = self.head();
            if (100..200).contains(&response.status) && response.status != 101 {
                interim.push(response.status);
                continue;
            }
            self.body(method, &mut response);
            response.interim = interim;
            return response;
        }
    }

    /// Reads a head and leaves what follows.
    #[must_use]
    pub fn head(&mut self) -> Response {
        let end = loop {
            if let Some(end) = find(&self.pending, b"\r\n\r\n") {
                break end;
            }
            assert!(
                self.more(),
                "the connection ended inside a head: {:?}",
                String::from_utf8_lossy(&self.pending)
            );
        };
        let head = String::from_utf8(self.take(end + 4)).expect("heads are UTF-8").trim_end().to_owned();
        assert!(!head.replace("\r\n", "").contains(['\r', '\n', '\0']), "stray line break in {head:?}");
        let mut lines = head.split("\r\n");
        let status =
            lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|line| line.get(..3));
        let status =
            status.and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status: {head}"));
        let fields = lines.map(field).collect();
        let (body, trailers, interim) = (Vec::new(), Vec::new(), Vec::new());
        Response { status, head, fields, body, trailers, interim }
    }

    /// Reads at least one more byte; `None` at the end of the connection.
    #[must_use]
    pub fn piece(&mut self) -> Option<Vec<u8>> {
        if self.pending.is_empty() && !self.more() {
            return None;
        }
        Some(std::mem::take(&mut self.pending))
    }

    /// Goes away without reading what has come, so that the server's next write fails. Waits until something has.
    pub fn vanish(self) {
        let peeked = self.stream.peek(&mut [0; 1]).unwrap_or_else(|error| panic!("nothing came: {error}"));
        assert_eq!(peeked, 1, "the server went away first");
        // Dropped with bytes unread: the system resets the connection.
    }

    /// Everything that still comes, until the server ends the connection.
    #[must_use]
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.pending)
    }

    fn body(&mut self, method: &str, response: &mut Response) {
        let chunked = response.field("transfer-encoding").map(str::to_owned);
        let length = response.field("content-length").map(|text| text.parse::<usize>().expect("a length"));
        assert!(chunked.is_none() || length.is_none(), "two framings: {}", response.head);
        if method == "HEAD" || matches!(response.status, 101 | 204 | 304) {
            return;
        }
        match (chunked.as_deref(), length) {
            (Some("chunked"), _) => self.chunks(response),
            (Some(other), _) => panic!("transfer coding `{other}`"),
            (None, Some(length)) => response.body = self.exactly(length),
            (None, None) => response.body = self.rest(),
        }
    }

    fn chunks(&mut self, response: &mut Response) {
        loop {
            let size = self.line();
            let size = usize::from_str_radix(&size, 16).unwrap_or_else(|_| panic!("chunk size `{size}`"));
            if size == 0 {
                break;
            }
            response.body.extend(self.exactly(size));
            assert_eq!(self.line(), "", "a chunk ends with a line break");
        }
        loop {
            let line = self.line();
            if line.is_empty() {
                return;
            }
            response.trailers.push(field(&line));
        }
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = find(&self.pending, b"\r\n") {
                let line = self.take(end + 2);
                return String::from_utf8(line[..end].to_vec()).expect("lines are UTF-8");
            }
            assert!(
                self.more(),
                "the connection ended inside a line: {:?}",
                String::from_utf8_lossy(&self.pending)
            );
        }
    }

    /// Reads a body's bytes; a connection that ends before them fails the test.
    fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.pending.len() < length {
            assert!(self.more(), "the body ended after {} of {length} bytes", self.pending.len());
        }
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.pending.split_off(length);
        std::mem::replace(&mut self.pending, rest)
    }

    /// Reads once; `false` at the end of the connection, a reset one included.
    fn more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.pending.extend_from_slice(&buffer[..read]);
                true
            }
            // A process that was stopped and goes on finds its call interrupted where it waits with a bound.
            Err(error) if error.kind() == ErrorKind::Interrupted => self.more(),
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => false,
            Err(error) => {
                panic!("nothing came: {error}; before it {:?}", String::from_utf8_lossy(&self.pending))
            }
        }
    }
}

fn field(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("`{line}` is no field"));
    assert!(!name.is_empty() && !name.contains([' ', '\t']), "`{line}` is no field");
    (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
}

/// One request on a connection of its own.
#[derive(Clone, Debug)]
pub struct Call {
    address: SocketAddr,
    method: String,
    target: String,
    host: String,
    fields: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Call {
    /// `line` is the method and the target: `GET /orders/7`.
    #[must_use]
    pub fn new(address: SocketAddr, host: &str, line: &str) -> Self {
        let (method, target) = line.split_once(' ').expect("METHOD TARGET");
        let (method, target, host) = (method.to_owned(), target.to_owned(), host.to_owned());
        Self { address, method, target, host, fields: Vec::new(), body: None }
    }

    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// With an own key in its usual place.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.field("X-Api-Key", key)
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body of known length.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Self {
        self.body = Some(body.to_vec());
        self
    }

    /// The request as bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.host);
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends it and reads the answer.
    #[must_use]
    pub fn send(&self) -> Response {
        let mut connection = Connection::open(self.address);
        connection.send_what_is_taken(&self.bytes());
        connection.answer_to(&self.method)
    }
}

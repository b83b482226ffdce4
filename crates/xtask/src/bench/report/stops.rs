//! From the request that makes a block to the first call that is refused, and to the end of an answer under way.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Deserialize;

use super::table;
use crate::bench::directory::{Directory, Size};
use crate::bench::process::Folder;
use crate::bench::scenario::Scenario;
use crate::bench::subject::{Subject, Under};
use crate::clock;

const ROUNDS: usize = 200;
/// What no answer takes.
const LIMIT: Duration = Duration::from_secs(20);
/// In the query of a call whose answer never ends.
const HOLD: &str = "hold";

/// Where the admin API is and by which token.
struct Admin {
    address: SocketAddr,
    token: String,
}

/// What `up` leaves for commands.
#[derive(Deserialize)]
struct Left {
    url: String,
}

/// What making a block answers.
#[derive(Deserialize)]
struct Made {
    id: String,
}

pub(super) fn measure() -> anyhow::Result<String> {
    let binary = crate::bench::binary()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
    let (upstream, ended) = (listener.local_addr()?, AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| serve(&listener, &ended));
        let measured = rounds(&binary, upstream);
        ended.store(true, Ordering::Relaxed);
        // The accepting thread looks at the flag when somebody comes.
        drop(TcpStream::connect(upstream));
        measured
    })
}

fn rounds(binary: &Path, upstream: SocketAddr) -> anyhow::Result<String> {
    let folder = Folder::new("report")?;
    let directory = Directory::make(binary, &folder, Scenario::WholePath, Size::SMALL, upstream)?;
    let requests = Scenario::WholePath.requests(&directory);
    let call = requests.first().context("no requests to send")?.bytes.clone();
    let held = String::from_utf8(call.clone())?.replacen(" HTTP/1.1", &format!("?{HOLD} HTTP/1.1"), 1);
    let subject = Subject::gateway(binary, &directory, folder.path(), Under::Nothing)?;
    let admin = Admin::of(binary, &directory)?;
    let (mut refused, mut broken) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut calling = TcpStream::connect(subject.address)?;
        anyhow::ensure!(exchange(&mut calling, &call)? == 200, "the call is not allowed");
        let mut under_way = TcpStream::connect(subject.address)?;
        under_way.set_read_timeout(Some(LIMIT))?;
        under_way.write_all(held.as_bytes())?;
        anyhow::ensure!(0 < under_way.read(&mut [0; 4_096])?, "the answer does not begin");
        let start = clock::now();
        let (id, of_call, of_answer) = std::thread::scope(|scope| -> anyhow::Result<_> {
            let ending = scope.spawn(|| until_it_ends(&mut under_way, start));
            let made = scope.spawn(|| admin.block());
            let of_call = loop {
                if exchange(&mut calling, &call)? == 403 {
                    break start.elapsed();
                }
                anyhow::ensure!(start.elapsed() < LIMIT, "the block does not count");
            };
            let joined = |_| anyhow::anyhow!("a thread of the rig panicked");
            Ok((made.join().map_err(joined)??, of_call, ending.join().map_err(joined)??))
        })?;
        refused.push(of_call);
        broken.push(of_answer);
        admin.post(&format!("/v1/blocks/{id}/remove"), r#"{"reason":"measured"}"#)?;
    }
    let row = |what: &str, times: Vec<Duration>| {
        let (middle, last) = (of_rank(&times, 50), of_rank(&times, 99));
        vec![what.to_owned(), format!("{middle:.1}"), format!("**{last:.1}**"), "1,000".to_owned()]
    };
    let rows =
        [row("the first call that is refused", refused), row("the end of an answer under way", broken)];
    Ok(format!(
        "{}\n{ROUNDS} rounds with the gateway on one core; from the first byte of `POST /v1/blocks`, which answers when the block is recorded and stored.\n",
        table(&["from making a block to", "p50, ms", "p99, ms", "must, ms"], &rows)
    ))
}

impl Admin {
    /// Finds the admin API as commands do; the first one gets a token.
    fn of(binary: &Path, directory: &Directory) -> anyhow::Result<Self> {
        directory.run(binary, &["block", "list"])?;
        let read = |name: &str| {
            let path = directory.state(name);
            std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
        };
        let left: Left = serde_json::from_str(&read("admin.json")?)?;
        let address = left.url.trim_start_matches("http://").parse()?;
        Ok(Self { address, token: read("token")?.trim().to_owned() })
    }

    fn block(&self) -> anyhow::Result<String> {
        let body = r#"{"kind":"network","name":"127.0.0.0/8","for":"1m","reason":"measured"}"#;
        let answer = self.post("/v1/blocks", body)?;
        Ok(serde_json::from_str::<Made>(&answer).with_context(|| answer.clone())?.id)
    }

    fn post(&self, path: &str, body: &str) -> anyhow::Result<String> {
        let Self { address, token } = self;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("no answer of the admin API")?;
        anyhow::ensure!(head.starts_with("HTTP/1.1 20"), "the admin API answered {answer}");
        Ok(body.to_owned())
    }
}

/// Sends one request and reads its whole answer; gives the status.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> anyhow::Result<u16> {
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    loop {
        let mut block = [0; 4_096];
        let count = stream.read(&mut block)?;
        anyhow::ensure!(0 < count, "the connection ended");
        answer.extend_from_slice(block.get(..count).unwrap_or_default());
        let text = String::from_utf8_lossy(&answer).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::parse::<usize>)
        });
        if length.context("an answer without a length")?? <= body.len() {
            let status = head.get(9..12).context("no status")?;
            return Ok(status.parse()?);
        }
    }
}

/// Reads to the end, which is a broken one.
fn until_it_ends(stream: &mut TcpStream, start: Instant) -> anyhow::Result<Duration> {
    loop {
        match stream.read(&mut [0; 4_096]) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        anyhow::ensure!(start.elapsed() < LIMIT, "the answer goes on");
    }
    Ok(start.elapsed())
}

/// Answers at once, or begins an answer that does not end, until the flag is set.
fn serve(listener: &TcpListener, ended: &AtomicBool) {
    std::thread::scope(|scope| {
        for stream in listener.incoming().map_while(Result::ok) {
            if ended.load(Ordering::Relaxed) {
                return;
            }
            scope.spawn(|| drop(answer(stream, ended)));
        }
    });
}

fn answer(mut stream: TcpStream, ended: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let (mut head, mut block) = (Vec::new(), [0; 4_096]);
    while !ended.load(Ordering::Relaxed) {
        match stream.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => head.extend_from_slice(block.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        if head.ends_with(b"\r\n\r\n") {
            let is_held = String::from_utf8_lossy(&head).contains(&format!("?{HOLD} "));
            head.clear();
            stream.write_all(if is_held {
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n"
            } else {
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            })?;
        }
    }
    Ok(())
}

/// The value below which this many in a hundred are, in milliseconds.
fn of_rank(times: &[Duration], percent: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort();
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_sorted_times() {
        let times: Vec<Duration> = (1..=200).rev().map(Duration::from_millis).collect();
        assert!((of_rank(&times, 50) - 101.0).abs() < 1e-9);
        assert!((of_rank(&times, 99) - 199.0).abs() < 1e-9);
    }
}

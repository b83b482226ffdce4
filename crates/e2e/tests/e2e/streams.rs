//! A gigabyte each way past somebody who does not read: what is held of it stays small, and all of it arrives.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use testkit::{WAIT, until};

use super::world::{API, HOST, World};

const GIGABYTE: u64 = 1 << 30;
/// How much more than before the stream the process may hold at its peak: less than a hundredth of what passes. What it
/// holds before depends on how it was built, and of what it holds more, up to 2 MB are pages of the program that no
/// request had touched, as many as the kernel thinks fit to map at once.
const GROWTH_KILOBYTES_MAX: u64 = 8 << 10;
/// For how many looks nothing may move before a stream counts as standing still.
const STILL: u32 = 20;

/// A number of bytes that went one way, for the other side to watch.
#[derive(Clone, Default)]
struct Moved(Arc<AtomicU64>);

impl Moved {
    fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits until something has moved and nothing moves any more: whoever sends waits for whoever reads.
    fn until_it_stands_still(&self) -> u64 {
        let (mut last, mut same) = (0, 0);
        until("a sender that waits", || {
            let now = self.count();
            same = if 0 < now && now == last { same + 1 } else { 0 };
            last = now;
            (STILL <= same).then_some(now)
        })
    }
}

fn send(stream: &mut TcpStream, moved: &Moved) {
    let block = vec![b'x'; 64 << 10];
    let mut left = GIGABYTE;
    while 0 < left {
        let piece = &block[..at_most(left, block.len())];
        let count = stream.write(piece).unwrap();
        moved.add(count);
        left -= count as u64;
    }
}

fn at_most(left: u64, block: usize) -> usize {
    usize::try_from(left).map_or(block, |left| left.min(block))
}

fn receive(stream: &mut TcpStream, count: u64) {
    let mut block = vec![0; 64 << 10];
    let mut left = count;
    while 0 < left {
        let most = at_most(left, block.len());
        let read = match stream.read(&mut block[..most]) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read.unwrap(),
        };
        assert!(0 < read, "the stream broke off with {left} bytes to come");
        assert!(block[..read].iter().all(|byte| *byte == b'x'), "other bytes than were sent");
        left -= read as u64;
    }
}

/// Reads a head and nothing behind it.
fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

/// An upstream for one request, which `serve` answers.
fn upstream(serve: impl FnOnce(&mut TcpStream) + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.set_read_timeout(Some(WAIT)).unwrap();
        stream.set_write_timeout(Some(WAIT)).unwrap();
        serve(&mut stream);
    });
    (address, serving)
}

fn world_before(upstream: SocketAddr) -> World {
    World::with(|place| {
        let text = place.read(API);
        let line = text.lines().find(|line| line.starts_with("upstream:")).unwrap().to_owned();
        place.edit(API, &line, &format!("upstream: http://{upstream}"));
    })
}

fn client(world: &World, line: &str, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.gateway().address).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    stream.set_write_timeout(Some(WAIT)).unwrap();
    let key = &world.keys.writer;
    write!(stream, "{line} HTTP/1.1\r\nHost: {HOST}\r\nX-Api-Key: {key}\r\n{more}\r\n").unwrap();
    stream
}

/// What the gateway holds, in kilobytes: `VmRSS` now, `VmHWM` at its peak.
fn held(world: &World, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.gateway().id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The memory of a gateway that has served a request and has nothing to do.
fn settled(world: &World) -> u64 {
    assert_eq!(world.call("GET /orders").send().status, 401);
    held(world, "VmRSS")
}

fn held_little_more(world: &World, before: u64) {
    let peak = held(world, "VmHWM");
    assert!(peak < before + GROWTH_KILOBYTES_MAX, "{peak} kB at the peak, {before} kB before");
}

#[test]
fn a_gigabyte_comes_down_past_a_reader_that_waits() {
    let sent = Moved::default();
    let watched = sent.clone();
    let (address, serving) = upstream(move |stream| {
        head(stream);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {GIGABYTE}\r\n\r\n").unwrap();
        send(stream, &sent);
    });
    let world = world_before(address);
    let before = settled(&world);
    let mut client = client(&world, "GET /stream", "");
    assert!(head(&mut client).starts_with("HTTP/1.1 200 "));
    let waiting = watched.until_it_stands_still();
    assert!(waiting < GIGABYTE / 8, "{waiting} bytes left the upstream, and nobody reads");
    receive(&mut client, GIGABYTE);
    serving.join().unwrap();
    held_little_more(&world, before);
}

#[test]
fn a_gigabyte_goes_up_past_an_upstream_that_waits() {
    let sent = Moved::default();
    let watched = sent.clone();
    let (address, serving) = upstream(move |stream| {
        assert!(head(stream).to_ascii_lowercase().contains(&format!("content-length: {GIGABYTE}")));
        let waiting = watched.until_it_stands_still();
        assert!(waiting < GIGABYTE / 8, "{waiting} bytes left the client, and nobody reads");
        receive(stream, GIGABYTE);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    });
    let world = world_before(address);
    let before = settled(&world);
    let mut client = client(&world, "POST /orders", &format!("Content-Length: {GIGABYTE}\r\n"));
    send(&mut client, &sent);
    assert!(head(&mut client).starts_with("HTTP/1.1 200 "));
    serving.join().unwrap();
    held_little_more(&world, before);
}

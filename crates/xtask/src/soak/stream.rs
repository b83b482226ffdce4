//! `cargo xtask soak --stream`: gigabytes each way past somebody who does not read for a while.
//!
//! What must hold: while nobody reads, the sender comes to a stand; all bytes arrive; and the process never holds more
//! than the design allows for it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;

use crate::args::Args;
use crate::bench::{Folder, Subject, binary, peak};
use crate::{clock, shell, system};

const GIGABYTES: u64 = 10;
const GIGABYTE: u64 = 1 << 30;
const BLOCK: usize = 256 << 10;
/// The row of design section 11.
const PEAK_MEGABYTES_MAX: f64 = 32.0;
/// For how long whoever should read does not.
const STALL: Duration = Duration::from_secs(5);
/// What fits into the buffers of four sockets and of the gateway, with room to spare.
const STALLED_BYTES_MAX: u64 = 64 << 20;
const LIMIT: Duration = Duration::from_secs(300);
const HOST: &str = "stream.example";

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Down,
    Up,
}

/// The command.
pub(super) fn run(mut args: Args) -> anyhow::Result<()> {
    let gigabytes = args.value::<u64>("--gigabytes")?.unwrap_or(GIGABYTES);
    args.finish()?;
    anyhow::ensure!((1..=1_000).contains(&gigabytes), "`--gigabytes` wants 1 to 1000");
    system::ensure_programs()?;
    shell::run(&mut shell::cargo(&["build", "--release", "--locked", "--package", "sallyport"])?)?;
    let binary = binary()?;
    for way in [Way::Down, Way::Up] {
        let (stalled, megabytes) = pass(&binary, way, gigabytes * GIGABYTE)?;
        println!(
            "stream: {gigabytes} GB {}, {stalled} bytes on the way while nobody read, {megabytes:.1} MB held at the peak",
            if way == Way::Down { "down" } else { "up" }
        );
        anyhow::ensure!(
            megabytes <= PEAK_MEGABYTES_MAX,
            "{megabytes:.1} MB at the peak; {PEAK_MEGABYTES_MAX} MB are the limit"
        );
    }
    Ok(())
}

/// Lets `total` bytes pass. Returns how many were on the way while nobody read, and the peak of what was held.
pub(crate) fn pass(binary: &Path, way: Way, total: u64) -> anyhow::Result<(u64, f64)> {
    let folder = Folder::new("stream")?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen on loopback")?;
    let mut subject = gateway(binary, &folder, listener.local_addr()?)?;
    let moved = AtomicU64::new(0);
    let stalled = std::thread::scope(|scope| -> anyhow::Result<u64> {
        let upstream = scope.spawn(|| serve(&listener, way, total, &moved));
        let asked = ask(subject.address, way, total, &moved);
        let served = upstream.join().map_err(|_| anyhow::anyhow!("the upstream panicked"))?;
        Ok(asked.context("the client's side")?.max(served.context("the upstream's side")?))
    })?;
    anyhow::ensure!(
        0 < stalled && stalled < STALLED_BYTES_MAX,
        "{stalled} bytes were sent while nobody read; {STALLED_BYTES_MAX} are the limit"
    );
    subject.process.check()?;
    Ok((stalled, peak(subject.process.pid())?))
}

/// A gateway in observe, where every call passes: what is looked at is the stream.
fn gateway(binary: &Path, folder: &Folder, upstream: SocketAddr) -> anyhow::Result<Subject> {
    let directory = crate::bench::Directory::bare(folder)?;
    let url = format!("http://{upstream}");
    directory.init(binary, &["--upstream", &url, "--host", HOST, "--name", "stream"])?;
    Subject::gateway(binary, &directory, folder.path(), crate::bench::Under::Nothing)
}

/// The client. Downwards it is the one who does not read; it says how much was on the way meanwhile.
fn ask(address: SocketAddr, way: Way, total: u64, moved: &AtomicU64) -> anyhow::Result<u64> {
    let mut stream = patient(TcpStream::connect(address)?)?;
    match way {
        Way::Down => {
            write!(stream, "GET /stream HTTP/1.1\r\nHost: {HOST}\r\n\r\n")?;
            expect_200(&mut stream)?;
            let stalled = stall(moved);
            receive(&mut stream, total)?;
            Ok(stalled)
        }
        Way::Up => {
            write!(stream, "POST /stream HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {total}\r\n\r\n")?;
            send(&mut stream, total, moved)?;
            expect_200(&mut stream)?;
            Ok(0)
        }
    }
}

/// The upstream of one request.
fn serve(listener: &TcpListener, way: Way, total: u64, moved: &AtomicU64) -> anyhow::Result<u64> {
    let mut stream = patient(listener.accept()?.0)?;
    head(&mut stream)?;
    match way {
        Way::Down => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {total}\r\n\r\n")?;
            send(&mut stream, total, moved)?;
            Ok(0)
        }
        Way::Up => {
            let stalled = stall(moved);
            receive(&mut stream, total)?;
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
            Ok(stalled)
        }
    }
}

fn stall(moved: &AtomicU64) -> u64 {
    clock::pause(STALL);
    moved.load(Ordering::Relaxed)
}

fn patient(stream: TcpStream) -> anyhow::Result<TcpStream> {
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}

fn send(stream: &mut TcpStream, total: u64, moved: &AtomicU64) -> anyhow::Result<()> {
    let block = vec![b'x'; BLOCK];
    let mut left = total;
    while 0 < left {
        let piece = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        let count = stream.write(block.get(..piece).unwrap_or_default()).context("cannot send")?;
        moved.fetch_add(count as u64, Ordering::Relaxed);
        left -= count as u64;
    }
    Ok(())
}

fn receive(stream: &mut TcpStream, total: u64) -> anyhow::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut left = total;
    while 0 < left {
        let piece = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        let count = stream.read(block.get_mut(..piece).unwrap_or_default()).context("cannot read")?;
        anyhow::ensure!(0 < count, "the stream ended with {left} bytes to come");
        anyhow::ensure!(block.iter().take(count).all(|byte| *byte == b'x'), "other bytes than were sent");
        left -= count as u64;
    }
    Ok(())
}

fn expect_200(stream: &mut TcpStream) -> anyhow::Result<()> {
    let head = head(stream)?;
    anyhow::ensure!(head.starts_with("HTTP/1.1 200 "), "answered\n{head}");
    Ok(())
}

/// Reads a head and nothing behind it.
fn head(stream: &mut TcpStream) -> anyhow::Result<String> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).context("no whole head")?;
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).context("a head that is no text")
}

//! A relay that keeps what clients send through it: put before a server that keeps nothing itself.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::WAIT;

/// Bytes by connection, in the order in which connections came.
type Streams = Arc<Mutex<Vec<Vec<u8>>>>;

/// The relay. Ends with the value, and its connections with the peers that made them.
#[derive(Debug)]
pub struct Relay {
    pub address: SocketAddr,
    streams: Streams,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Relay {
    /// Listens on a free port and passes everything on to `server`.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (streams, stop) = (Streams::default(), Arc::new(AtomicBool::new(false)));
        let (kept, stopped) = (Arc::clone(&streams), Arc::clone(&stop));
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                // A server that does not answer is for the client to see.
                let Ok(server) = TcpStream::connect_timeout(&server, WAIT) else { continue };
                let number = {
                    let mut streams = kept.lock().unwrap();
                    streams.push(Vec::new());
                    streams.len() - 1
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || {
                    copy(&from, &to, |bytes| kept.lock().unwrap()[number].extend_from_slice(bytes));
                });
                std::thread::spawn(move || copy(&server, &client, |_| {}));
            }
        });
        Self { address, streams, stop, accepting: Some(accepting) }
    }

    /// What clients have sent so far, connection by connection.
    #[must_use]
    pub fn streams(&self) -> Vec<Vec<u8>> {
        self.streams.lock().unwrap().clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect_timeout(&self.address, WAIT));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

/// Copies until either side ends, and then ends the other.
fn copy(mut from: &TcpStream, mut to: &TcpStream, mut keep: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length) = from.read(&mut buffer) {
        let bytes = &buffer[..length];
        // Kept before it is passed on: whoever sees an answer sees what it answers.
        keep(bytes);
        if length == 0 || to.write_all(bytes).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Write));
    drop(from.shutdown(Shutdown::Read));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Upstream};

    #[test]
    fn what_passes_is_kept_and_arrives() {
        let upstream = Upstream::start();
        let relay = Relay::to(upstream.address);
        let call = Call::new(relay.address, "a.example", "POST /x").body(b"body");
        assert_eq!(call.send().body, b"request 0");
        assert_eq!(relay.streams(), [call.bytes()]);
        assert_eq!(upstream.request().raw, call.bytes());
    }
}

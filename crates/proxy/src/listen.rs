//! Listeners: one per worker on the same address, so that the kernel spreads connections over the workers.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait in the kernel to be accepted; above it the kernel lets new ones wait.
const BACKLOG: i32 = 1_024;

/// Opens a listener that others may share (`SO_REUSEPORT`), ready for a worker.
///
/// With port 0 the kernel picks one; ask [`TcpListener::local_addr`], and open the other workers' listeners on that.
///
/// # Errors
///
/// What the operating system says, above all that the address is in use by a program that does not share it, or by
/// another user's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // One address, one meaning: an IPv6 listener never takes IPv4 connections by the way.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_one_address() {
        let first = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let second = listen(first.local_addr().unwrap()).unwrap();
        assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
    }

    #[test]
    fn an_address_held_by_another_program_is_refused() {
        let other = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        assert!(listen(other.local_addr().unwrap()).is_err());
    }
}

//! Listeners: one per worker on the same address, so that the kernel spreads connections over the workers.
//!
//! The workers of one gateway share an address, and nobody else does: a second gateway on it would answer some of the
//! requests by its own policies.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait in the kernel to be accepted; above it the kernel lets new ones wait.
const BACKLOG: i32 = 1_024;

/// Opens a listener for each of `workers` on one address that nobody else listens on.
///
/// With port 0 the kernel picks one; ask [`TcpListener::local_addr`]. Connections of an earlier gateway that are still
/// ending do not stand in the way.
///
/// # Errors
///
/// What the operating system says, above all that the address is in use, be it by another gateway.
pub fn listen(address: SocketAddr, workers: NonZeroUsize) -> io::Result<Vec<TcpListener>> {
    let first = socket(address)?;
    // The first one claims the address without `SO_REUSEPORT`, which fails where anybody listens there, also where he
    // would share it. Only then are the others let in, so two gateways that start at once never both succeed.
    first.bind(&address.into())?;
    first.listen(BACKLOG)?;
    first.set_reuse_port(true)?;
    let first = TcpListener::from(first);
    let bound = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers.get() {
        let next = socket(bound)?;
        next.set_reuse_port(true)?;
        next.bind(&bound.into())?;
        next.listen(BACKLOG)?;
        listeners.push(next.into());
    }
    Ok(listeners)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // One address, one meaning: an IPv6 listener never takes IPv4 connections by the way.
        socket.set_only_v6(true)?;
    }
    // For a restart while connections of the last run are still ending; it never shares with one who listens.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    fn workers(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    #[test]
    fn workers_share_one_address_and_each_gets_connections() {
        let listeners = listen(ANY, workers(3)).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == address));
        // By the hash of their ports; that one of three gets none of 200 has no chance worth naming.
        let clients: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
        let taken = listeners.iter().map(|listener| std::iter::from_fn(|| listener.accept().ok()).count());
        let taken: Vec<_> = taken.collect();
        assert!(taken.iter().all(|taken| 0 < *taken), "{taken:?}");
        assert_eq!(taken.iter().sum::<usize>(), clients.len());
    }

    #[test]
    fn an_address_held_by_another_program_is_refused() {
        let other = TcpListener::bind(ANY).unwrap();
        assert!(listen(other.local_addr().unwrap(), workers(1)).is_err());
    }

    #[test]
    fn an_address_held_by_another_gateway_is_refused_however_many_workers_share_it() {
        for count in [1, 4] {
            let other = listen(ANY, workers(count)).unwrap();
            let address = other[0].local_addr().unwrap();
            let refused = listen(address, workers(2)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
            // The same port on every address takes this one along.
            let everywhere = SocketAddr::from(([0, 0, 0, 0], address.port()));
            assert_eq!(listen(everywhere, workers(1)).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        }
    }

    #[test]
    fn an_address_is_free_at_once_when_its_gateway_stops_listening() {
        let first = listen(ANY, workers(2)).unwrap();
        let address = first[0].local_addr().unwrap();
        // A connection that is under way, as of a gateway that drains.
        let client = TcpStream::connect(address).unwrap();
        let served = std::iter::from_fn(|| first.iter().find_map(|listener| listener.accept().ok())).next();
        drop(first);
        let second = listen(address, workers(2)).unwrap();
        assert_eq!(second.len(), 2);
        // One whose last word is still awaited does not stand in the way either.
        drop((served, client, second));
        assert!(listen(address, workers(1)).is_ok());
    }
}

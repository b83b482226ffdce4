//! The listener of the admin API over TLS: a connection reaches the router once its handshake is over.
//!
//! Bounded: so many handshakes at a time, each with a deadline, and none of them keeps another waiting. Whoever opens
//! connections and says nothing must not keep others out: with one handshake too many, the one that has taken longest ends.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use control::ServerTls;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Handshakes under way.
const HANDSHAKES_MAX: usize = 64;
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// After an error of the operating system, above all too many open files.
const PAUSE: Duration = Duration::from_millis(250);

type Shaken = Result<(TlsStream<TcpStream>, SocketAddr), (io::Error, SocketAddr)>;

/// Accepts connections and their handshakes.
pub(super) struct Secured {
    listener: TcpListener,
    tls: ServerTls,
    under_way: JoinSet<Shaken>,
    /// The same, the oldest first.
    order: VecDeque<AbortHandle>,
}

impl Secured {
    pub(super) fn new(listener: TcpListener, tls: ServerTls) -> Self {
        Self { listener, tls, under_way: JoinSet::new(), order: VecDeque::new() }
    }

    fn begin(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.order.retain(|handshake| !handshake.is_finished());
        if HANDSHAKES_MAX <= self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            oldest.abort();
        }
        // Asked for at each connection, so that a renewed certificate is shown from the next handshake on.
        let acceptor = TlsAcceptor::from(Arc::clone(&self.tls.load().config));
        let handshake = self.under_way.spawn(async move {
            match tokio::time::timeout(HANDSHAKE_WAIT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Ok((stream, peer)),
                Ok(Err(error)) => Err((error, peer)),
                Err(late) => Err((late.into(), peer)),
            }
        });
        self.order.push_back(handshake);
    }
}

impl axum::serve::Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => self.begin(stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection of an administrator");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(ended) = self.under_way.join_next(), if !self.under_way.is_empty() => match ended {
                    Ok(Ok(shaken)) => return shaken,
                    Ok(Err((error, peer))) => tracing::debug!(%peer, %error, "no TLS with an administrator"),
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => tracing::error!(%error, "a handshake ended abnormally"),
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

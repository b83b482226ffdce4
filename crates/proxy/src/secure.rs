//! TLS on the connections of clients: the handshake, within its deadline and its limit, and what it settled.
//!
//! The configuration is asked for at each connection, so new certificates are shown from the next handshake on and
//! connections that are there are left alone.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use model::channel::ClientCertificate;
use model::{Channel, DenyReason, Fingerprint, Presented, Refusal, Timestamp, Workload, WorkloadName};
use recorder::HandshakeFailure;
use tls::{CertificateDer, ClientConfig, Peer, PeerFault, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsStream, rustls};

use crate::link::{Link, without_delay};
use crate::timers::{Activity, Phase, Watch};
use crate::worker::{Stage, Worker};

/// From the beginning of a second to its last moment.
const LAST_MOMENT: Duration = Duration::from_micros(999_999);

/// How a listener speaks TLS; may be replaced at any time.
pub type ServerTls = Arc<ArcSwap<ServerConfig>>;
/// How upstreams are called over TLS, by [`enforce::Upstream::tls`]; may be replaced at any time.
pub type UpstreamConfigs = Arc<ArcSwap<BTreeMap<Box<str>, Arc<ClientConfig>>>>;

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeFault {
    #[error("the handshake failed")]
    Failed(#[source] std::io::Error),
    #[error("the handshake was not over in time")]
    Late,
    /// The worker stops, or others needed the place.
    #[error("the handshake was broken off")]
    BrokenOff,
}

impl HandshakeFault {
    /// How it is counted.
    pub(crate) fn failure(&self) -> HandshakeFailure {
        match self {
            Self::BrokenOff => HandshakeFailure::BrokenOff,
            Self::Late => HandshakeFailure::Late,
            Self::Failed(error) => {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                match inner {
                    Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
                        HandshakeFailure::Certificate
                    }
                    Some(_) => HandshakeFailure::Protocol,
                    None => HandshakeFailure::Gone,
                }
            }
        }
    }
}

/// Carries out the handshake of a client.
pub(crate) async fn accept(
    worker: &Worker,
    tls: &ServerTls,
    stream: TcpStream,
    watch: &Watch,
) -> Result<(Link, Arc<Channel>), HandshakeFault> {
    let _under_way = worker.begin_handshake();
    without_delay(&stream);
    watch.set_activity(Activity::Handshake);
    watch.arm(Phase::Main, worker.ticks.handshake);
    let mut accepting = pin!(TlsAcceptor::from(tls.load_full()).accept(stream));
    let mut is_hurried = false;
    let outcome = std::future::poll_fn(|context| {
        watch.register(context);
        // Once the worker drains, a handshake that goes on may end in order, and one that does not keeps nobody waiting.
        if worker.stage() == Stage::Draining && !is_hurried {
            is_hurried = true;
            watch.arm(Phase::Main, worker.ticks.linger);
        }
        match accepting.as_mut().poll(context) {
            Poll::Ready(outcome) => Poll::Ready(outcome.map_err(HandshakeFault::Failed)),
            Poll::Pending if watch.activity() == Activity::Dismissed || worker.stage() == Stage::Stopped => {
                Poll::Ready(Err(HandshakeFault::BrokenOff))
            }
            Poll::Pending if watch.is_over(Phase::Main) => Poll::Ready(Err(HandshakeFault::Late)),
            Poll::Pending => Poll::Pending,
        }
    });
    let outcome = outcome.await;
    watch.disarm(Phase::Main);
    let stream = outcome?;
    let session = stream.get_ref().1;
    let certificate = presented(session.peer_certificates().unwrap_or_default());
    let channel = Arc::new(Channel::new(session.server_name(), certificate));
    Ok((Link::secured(TlsStream::Server(stream)), channel))
}

/// Whom a chain names that was verified in the handshake, or in the one that is resumed.
fn presented(chain: &[CertificateDer<'_>]) -> Presented {
    let Some(first) = chain.first() else { return Presented::Nothing };
    let unusable = |fault: PeerFault| {
        Presented::Unusable(Refusal::new(DenyReason::InvalidCredential, fault.code(), fault.detail()))
    };
    let peer = match Peer::of(first) {
        Ok(peer) => peer,
        Err(fault) => return unusable(fault),
    };
    match WorkloadName::parse(&peer.name) {
        Ok(name) => Presented::Usable(ClientCertificate {
            workload: Arc::new(Workload { name, team: None }),
            fingerprint: Fingerprint::of_hash(&peer.digest),
            begins: Timestamp::from_seconds(peer.begins),
            // Its last second counts whole (RFC 5280 section 4.1.2.5).
            ends: Timestamp::from_seconds(peer.ends).plus(LAST_MOMENT),
        }),
        Err(_) if peer.name.starts_with("spiffe:") => unusable(PeerFault::SpiffeId),
        Err(_) => unusable(PeerFault::DnsName),
    }
}

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
use model::channel::{ClientCertificate, TransportCertificate};
use model::{Channel, DenyReason, Fingerprint, Presented, Refusal, Timestamp, Workload, WorkloadName};
use recorder::HandshakeFailure;
use tls::{CertificateDer, ClientConfig, Peer, PeerFault, RefusedCertificate, Role, Server, Shown};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsStream, rustls};

use crate::link::{Link, without_delay};
use crate::timers::{Activity, Phase, Watch};
use crate::worker::{Stage, Worker};

/// From the beginning of a second to its last moment.
const LAST_MOMENT: Duration = Duration::from_micros(999_999);

/// How a listener speaks TLS; may be replaced at any time.
pub type ServerTls = Arc<ArcSwap<Server>>;
/// How upstreams are called over TLS, by [`enforce::Upstream::tls`]; may be replaced at any time.
pub type UpstreamConfigs = Arc<ArcSwap<BTreeMap<Box<str>, Arc<ClientConfig>>>>;

const WITHDRAWN: Refusal = Refusal::new(
    DenyReason::RevokedCredential,
    "certificate_withdrawn",
    "the client certificate of this connection is not believed any more: it, or its authority, was taken back",
);
const DEMANDED: Refusal = Refusal::new(
    DenyReason::InvalidCredential,
    "certificate_demanded",
    "by now a client certificate is demanded, which this connection has not shown; connect again with one",
);

/// What the handshake of a connection settled. The files may change while it lasts: what they say by now counts, at each
/// request and for each that is under way.
#[derive(Debug)]
pub(crate) struct Secured {
    tls: ServerTls,
    /// By what the certificate was last judged.
    by: Arc<Server>,
    /// What the client showed, leaf first.
    chain: Box<[CertificateDer<'static>]>,
    channel: Arc<Channel>,
}

impl Secured {
    /// As it is to be judged at `now`.
    pub(crate) fn channel(&mut self, now: Timestamp) -> &Arc<Channel> {
        let current = self.tls.load();
        if !Arc::ptr_eq(&current, &self.by) {
            if !current.trust.is_same(&self.by.trust) {
                self.channel = Arc::new(self.channel.with(judged(&current, &self.chain, now)));
            }
            self.by = Arc::clone(&current);
        }
        &self.channel
    }

    /// Whether what was shown still counts at `now`, for a request that is under way.
    pub(crate) fn still_counts(&self, now: Timestamp) -> Result<(), Refusal> {
        let current = self.tls.load();
        if Arc::ptr_eq(&current, &self.by) || current.trust.is_same(&self.by.trust) {
            return Ok(());
        }
        match judged(&current, &self.chain, now) {
            Presented::Unusable(refusal) => Err(refusal),
            Presented::Nothing | Presented::Transport(_) | Presented::Usable(_) => Ok(()),
        }
    }
}

/// What a chain that was shown earlier is taken for by the files of now.
fn judged(server: &Server, chain: &[CertificateDer<'_>], now: Timestamp) -> Presented {
    if server.trust.believes(chain, now.as_micros().div_euclid(1_000_000)) {
        return presented(chain, server.trust.role());
    }
    Presented::Unusable(if chain.is_empty() { DEMANDED } else { WITHDRAWN })
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeFault {
    #[error("the handshake failed")]
    Failed(#[source] std::io::Error, Option<Box<RefusedCertificate>>),
    #[error("the handshake was not over in time")]
    Late,
    /// The worker stops, or others needed the place.
    #[error("the handshake was broken off")]
    BrokenOff,
}

impl HandshakeFault {
    /// The certificate that was refused, if it was that.
    pub(crate) fn refused(&self) -> Option<&RefusedCertificate> {
        match self {
            Self::Failed(_, refused) => refused.as_deref(),
            Self::BrokenOff | Self::Late => None,
        }
    }

    /// How it is counted.
    pub(crate) fn failure(&self) -> HandshakeFailure {
        match self {
            Self::BrokenOff => HandshakeFailure::BrokenOff,
            Self::Late => HandshakeFailure::Late,
            Self::Failed(error, _) => {
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
) -> Result<(Link, Secured), HandshakeFault> {
    let _under_way = worker.begin_handshake();
    without_delay(&stream);
    watch.set_activity(Activity::Handshake);
    watch.arm(Phase::Main, worker.ticks.handshake);
    let server = tls.load_full();
    let mut accepting = pin!(TlsAcceptor::from(Arc::clone(&server.config)).accept(stream));
    let mut is_hurried = false;
    let outcome = std::future::poll_fn(|context| {
        watch.register(context);
        // Once the worker drains, a handshake that goes on may end in order, and one that does not keeps nobody waiting.
        if worker.stage() == Stage::Draining && !is_hurried {
            is_hurried = true;
            watch.arm(Phase::Main, worker.ticks.linger);
        }
        match accepting.as_mut().poll(context) {
            Poll::Ready(Ok(stream)) => Poll::Ready(Ok(stream)),
            // Taken before anything else is polled on this thread.
            Poll::Ready(Err(error)) => {
                Poll::Ready(Err(HandshakeFault::Failed(error, tls::take_refused().map(Box::new))))
            }
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
    let chain: Box<[_]> = session.peer_certificates().unwrap_or_default().into();
    let channel = Arc::new(Channel::new(session.server_name(), presented(&chain, server.trust.role())));
    let secured = Secured { tls: Arc::clone(tls), by: server, chain, channel };
    Ok((Link::secured(TlsStream::Server(stream)), secured))
}

/// Whom a chain names that was verified in the handshake, or in the one that is resumed.
fn presented(chain: &[CertificateDer<'_>], role: Role) -> Presented {
    let Some(first) = chain.first() else { return Presented::Nothing };
    let unusable = |fault: PeerFault| {
        Presented::Unusable(Refusal::new(DenyReason::InvalidCredential, fault.code(), fault.detail()))
    };
    // Its last second counts whole (RFC 5280 section 4.1.2.5).
    let last_moment = |ends: i64| Timestamp::from_seconds(ends).plus(LAST_MOMENT);
    match role {
        Role::Caller => {}
        Role::Transport => {
            return match Shown::of(first) {
                Ok(shown) => Presented::Transport(TransportCertificate {
                    fingerprint: Fingerprint::of_hash(&shown.digest),
                    begins: Timestamp::from_seconds(shown.begins),
                    ends: last_moment(shown.ends),
                }),
                Err(fault) => unusable(fault),
            };
        }
    }
    let peer = match Peer::of(first) {
        Ok(peer) => peer,
        Err(fault) => return unusable(fault),
    };
    match WorkloadName::parse(&peer.name) {
        Ok(name) => Presented::Usable(ClientCertificate {
            workload: Arc::new(Workload { name, team: None }),
            fingerprint: Fingerprint::of_hash(&peer.digest),
            begins: Timestamp::from_seconds(peer.begins),
            ends: last_moment(peer.ends),
        }),
        Err(_) if peer.name.starts_with("spiffe:") => unusable(PeerFault::SpiffeId),
        Err(_) => unusable(PeerFault::DnsName),
    }
}

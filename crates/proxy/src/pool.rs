//! Connections to upstreams, worker by worker: free lists, and making new ones.
//!
//! A connection comes back only after a whole request and a whole response with nothing behind it. Before it is used
//! again it must be quiet: what an upstream sends unasked would be taken for the answer to somebody else.

use std::cell::{RefCell, RefMut};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use smallvec::SmallVec;
use tls::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use crate::link::{Link, without_delay};
use crate::secure::UpstreamConfigs;
use crate::settings::Settings;
use crate::timers::Timers;

/// Addresses of one name that are kept and tried.
const ADDRESSES_MAX: usize = 4;
/// How many ticks an upstream that nobody calls is remembered.
const FORGET_TICKS: u32 = 2_400;

/// Why there is no connection to an upstream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("the name does not resolve")]
    Name(#[source] io::Error),
    #[error("the name has no addresses")]
    NoAddress,
    #[error("the upstream is this gateway itself")]
    Own,
    #[error("no connection in time")]
    Late,
    /// Where TLS is needed there is never a connection without.
    #[error("no TLS with the upstream")]
    Tls(#[source] io::Error),
    /// The files that say whom to believe are not usable.
    #[error("the upstream is to be called over TLS, and how is not known")]
    TlsUnknown,
}

/// Whether a connection has carried a request before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Again,
    First,
}

/// A connection to an upstream, in use.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) link: Link,
    pub(crate) used: Use,
    /// The tick at which it was made.
    made: u32,
    /// Where it comes back to.
    pool: Rc<RefCell<Pool>>,
}

#[derive(Debug)]
struct Idle {
    link: Link,
    made: u32,
    since: u32,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Vec<Idle>,
    addresses: SmallVec<[SocketAddr; ADDRESSES_MAX]>,
    resolved: u32,
    last_use: u32,
    /// The field lines of the last response.
    seen: http1::Seen,
}

/// The pools of a worker.
#[derive(Debug)]
pub(crate) struct Pools {
    pools: RefCell<HashMap<Box<str>, Rc<RefCell<Pool>>, RandomState>>,
    /// Where this gateway itself listens.
    own: Box<[SocketAddr]>,
    /// How upstreams are called over TLS.
    tls: UpstreamConfigs,
    settings: Settings,
    idle_ticks: u32,
    age_ticks: u32,
    name_ticks: u32,
}

impl Upstream {
    /// The field lines of the last response that came from there. Servers say much the same with each, whatever the
    /// connection.
    pub(crate) fn seen(&self) -> RefMut<'_, http1::Seen> {
        RefMut::map(self.pool.borrow_mut(), |pool| &mut pool.seen)
    }
}

impl Pools {
    pub(crate) fn new(settings: &Settings, own: &[SocketAddr], tls: UpstreamConfigs) -> Self {
        let ticks = Timers::ticks;
        Self {
            pools: RefCell::default(),
            own: own.into(),
            tls,
            settings: *settings,
            idle_ticks: ticks(settings.limits.pool_idle_age),
            age_ticks: ticks(settings.limits.pool_age),
            name_ticks: ticks(settings.limits.name_age),
        }
    }

    /// The connection of this pool that was used last, if one can be used.
    pub(crate) fn take(&self, pool: &str, now: u32) -> Option<Upstream> {
        let pools = self.pools.borrow();
        let shared = pools.get(pool)?;
        let mut pool = shared.borrow_mut();
        pool.last_use = now;
        while let Some(mut idle) = pool.idle.pop() {
            if self.is_usable(&mut idle, now) {
                let pool = Rc::clone(shared);
                return Some(Upstream { link: idle.link, used: Use::Again, made: idle.made, pool });
            }
        }
        None
    }

    /// Keeps a connection whose request and response are over.
    pub(crate) fn give(&self, upstream: Upstream, now: u32) {
        let Upstream { link, made, pool, used: _ } = upstream;
        // A pool that was forgotten meanwhile, because nobody had called for a very long time, goes with the last of its
        // connections, which is this one.
        let mut pool = pool.borrow_mut();
        if pool.idle.len() < self.settings.limits.pool_idle_max {
            pool.idle.push(Idle { link, made, since: now });
        }
    }

    fn is_usable(&self, idle: &mut Idle, now: u32) -> bool {
        now.saturating_sub(idle.since) <= self.idle_ticks
            && now.saturating_sub(idle.made) <= self.age_ticks
            && idle.link.is_quiet()
    }

    /// Makes a new connection.
    ///
    /// # Errors
    ///
    /// The upstream has no address, is this gateway, or none of its addresses takes the connection in time.
    pub(crate) async fn connect(
        &self,
        upstream: &enforce::Upstream,
        now: u32,
        timeout: Duration,
    ) -> Result<Upstream, ConnectError> {
        let connected = async {
            let stream = self.resolve_and_connect(upstream, now).await?;
            match &upstream.tls {
                None => Ok(Link::new(stream)),
                Some(tls) => Box::pin(self.secure(tls, stream)).await,
            }
        };
        let link = tokio::time::timeout(timeout, connected).await.map_err(|_| ConnectError::Late)??;
        let pool = Rc::clone(self.pools.borrow_mut().entry(upstream.pool().into()).or_default());
        Ok(Upstream { link, used: Use::First, made: now, pool })
    }

    /// Carries out the handshake; the upstream proves that it bears its name, or there is no connection.
    async fn secure(&self, tls: &enforce::UpstreamTls, stream: TcpStream) -> Result<Link, ConnectError> {
        let config = self.tls.load().get(&tls.profile).cloned().ok_or(ConnectError::TlsUnknown)?;
        let name = ServerName::try_from(tls.name.as_ref())
            .map_err(|error| ConnectError::Tls(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        without_delay(&stream);
        let connected = TlsConnector::from(config).connect(name.to_owned(), stream).await;
        Ok(Link::secured(TlsStream::Client(connected.map_err(ConnectError::Tls)?)))
    }

    async fn resolve_and_connect(
        &self,
        upstream: &enforce::Upstream,
        now: u32,
    ) -> Result<TcpStream, ConnectError> {
        let addresses = self.resolve(upstream, now).await?;
        let mut last = ConnectError::NoAddress;
        for remote in addresses {
            if is_own(&self.own, remote, None) {
                last = ConnectError::Own;
                continue;
            }
            match TcpStream::connect(remote).await {
                Err(error) => last = ConnectError::Connect(error),
                Ok(stream) => {
                    let local = stream.local_addr().map_err(ConnectError::Connect)?;
                    if !is_own(&self.own, remote, Some(local.ip())) {
                        return Ok(stream);
                    }
                    last = ConnectError::Own;
                }
            }
        }
        Err(last)
    }

    async fn resolve(
        &self,
        upstream: &enforce::Upstream,
        now: u32,
    ) -> Result<SmallVec<[SocketAddr; ADDRESSES_MAX]>, ConnectError> {
        let address = &*upstream.address;
        if let Some(known) = self.known(upstream.pool(), now) {
            return Ok(known);
        }
        let found: SmallVec<[SocketAddr; ADDRESSES_MAX]> = match address.parse::<SocketAddr>() {
            Ok(literal) => std::iter::once(literal).collect(),
            Err(_) => {
                let found = tokio::net::lookup_host(address).await.map_err(ConnectError::Name)?;
                found.take(ADDRESSES_MAX).collect()
            }
        };
        let mut pools = self.pools.borrow_mut();
        let mut pool = pools.entry(upstream.pool().into()).or_default().borrow_mut();
        pool.addresses.clone_from(&found);
        pool.resolved = now;
        pool.last_use = now;
        Ok(found)
    }

    fn known(&self, pool: &str, now: u32) -> Option<SmallVec<[SocketAddr; ADDRESSES_MAX]>> {
        let pools = self.pools.borrow();
        let pool = pools.get(pool)?.borrow();
        let is_fresh = now.saturating_sub(pool.resolved) <= self.name_ticks;
        (is_fresh && !pool.addresses.is_empty()).then(|| pool.addresses.clone())
    }

    /// Closes what can't be used any more, and forgets upstreams that nobody calls.
    pub(crate) fn sweep(&self, now: u32) {
        self.pools.borrow_mut().retain(|_, pool| {
            let mut pool = pool.borrow_mut();
            pool.idle.retain_mut(|idle| self.is_usable(idle, now));
            !pool.idle.is_empty() || now.saturating_sub(pool.last_use) <= FORGET_TICKS
        });
    }
}

/// Whether `remote` is where one of our own listeners is reached. A listener on every address is also reached at the
/// very address from which a connection to it comes.
fn is_own(own: &[SocketAddr], remote: SocketAddr, local: Option<IpAddr>) -> bool {
    let remote_ip = remote.ip().to_canonical();
    let is_here = remote_ip.is_loopback()
        || remote_ip.is_unspecified()
        || local.is_some_and(|local| local.to_canonical() == remote_ip);
    own.iter().any(|own| {
        let own_ip = own.ip().to_canonical();
        // Connecting to no address in particular means connecting to this machine.
        own.port() == remote.port()
            && (own_ip == remote_ip
                || (own_ip.is_unspecified() && is_here)
                || (own_ip.is_loopback() && remote_ip.is_unspecified()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_own_listeners_by_any_of_their_addresses() {
        for (own, remote, local, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", None, true),
            ("127.0.0.1:80", "127.0.0.1:81", None, false),
            ("127.0.0.1:80", "127.0.0.2:80", None, false),
            ("127.0.0.1:80", "[::ffff:127.0.0.1]:80", None, true),
            ("127.0.0.1:80", "0.0.0.0:80", None, true),
            ("0.0.0.0:80", "127.0.0.9:80", None, true),
            ("0.0.0.0:80", "10.0.0.1:80", None, false),
            ("0.0.0.0:80", "10.0.0.1:80", Some("10.0.0.1"), true),
            ("0.0.0.0:80", "10.0.0.2:80", Some("10.0.0.1"), false),
            ("[::]:80", "[::1]:80", None, true),
            ("10.0.0.1:80", "10.0.0.1:80", Some("10.0.0.1"), true),
            ("10.0.0.1:80", "10.0.0.2:80", Some("10.0.0.2"), false),
        ] {
            let local = local.map(|local: &str| local.parse().unwrap());
            let found = is_own(&[own.parse().unwrap()], remote.parse().unwrap(), local);
            assert_eq!(found, expected, "{own} {remote} {local:?}");
        }
    }
}

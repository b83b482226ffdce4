//! Where a request came from: the peer of the connection, or what trusted proxies say about it.
//!
//! `Forwarded` and `X-Forwarded-For` are read only where the peer itself is trusted, from the right, and only as far
//! as each hop is trusted as well. Whatever is malformed, or contradicts itself, gives no address, so that rules
//! about addresses deny (security cases 25 and 28).

use std::net::IpAddr;

use model::request::Scheme;
use model::{CanonicalRequest, FieldKind};
use smallvec::SmallVec;

use crate::Networks;
use crate::forwarded::{Hop, Hops, Malformed, read_forwarded, read_forwarded_for};

/// Whether the peer of the connection is a trusted proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Trusted,
    Untrusted,
}

/// The client's address and the way it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// The client; `None` where trusted proxies do not tell it in one reading.
    pub address: Option<IpAddr>,
    pub peer: Peer,
    /// The client, where known, and the trusted hops from it to us: what the upstream is told.
    pub path: SmallVec<[IpAddr; 2]>,
    /// The scheme by which the client came, as far as trusted.
    pub scheme: Scheme,
}

impl ClientAddress {
    /// Finds the client of `request`.
    #[must_use]
    pub fn of(request: &CanonicalRequest, trusted: &Networks) -> Self {
        let peer = request.peer();
        if !trusted.hold(peer) {
            return Self {
                address: Some(peer),
                peer: Peer::Untrusted,
                path: SmallVec::from_slice(&[peer]),
                scheme: request.scheme(),
            };
        }
        behind_proxies(request, trusted)
    }
}

#[cold]
fn behind_proxies(request: &CanonicalRequest, trusted: &Networks) -> ClientAddress {
    let peer = request.peer();
    let (address, path) = match told(request) {
        Ok(hops) => walk(&hops, peer, trusted),
        Err(Malformed) => (None, SmallVec::from_slice(&[peer])),
    };
    let scheme = told_scheme(request).unwrap_or_else(|| request.scheme());
    ClientAddress { address, peer: Peer::Trusted, path, scheme }
}

/// The hops that the fields tell. Where both fields stand they must agree.
fn told(request: &CanonicalRequest) -> Result<Hops, Malformed> {
    let (mut standard, mut common) = (Hops::new(), Hops::new());
    for field in request.fields() {
        if field.kind == FieldKind::Forwarded {
            read_forwarded(field.value, &mut standard)?;
        } else if field.kind == FieldKind::ForwardedFor {
            read_forwarded_for(field.value, &mut common)?;
        }
    }
    match (standard.is_empty(), common.is_empty()) {
        (_, true) => Ok(standard),
        (true, false) => Ok(common),
        (false, false) if standard == common => Ok(common),
        (false, false) => Err(Malformed),
    }
}

/// From the peer outwards, as long as each hop is trusted to tell the next.
fn walk(hops: &[Hop], peer: IpAddr, trusted: &Networks) -> (Option<IpAddr>, SmallVec<[IpAddr; 2]>) {
    let mut path = SmallVec::from_slice(&[peer]);
    let mut address = Some(peer);
    for hop in hops.iter().rev() {
        address = *hop;
        let Some(known) = *hop else { break };
        path.push(known);
        if !trusted.hold(known) {
            break;
        }
    }
    path.reverse();
    (address, path)
}

/// `X-Forwarded-Proto` of a trusted proxy: the rightmost value, where it is a scheme.
fn told_scheme(request: &CanonicalRequest) -> Option<Scheme> {
    let mut fields = request.fields().filter(|field| field.name.eq_ignore_ascii_case(b"x-forwarded-proto"));
    let field = fields.next()?;
    if fields.next().is_some() {
        return None;
    }
    let last = field.value.rsplit(|&byte| byte == b',').next()?.trim_ascii();
    [Scheme::Http, Scheme::Https]
        .into_iter()
        .find(|scheme| last.eq_ignore_ascii_case(scheme.as_str().as_bytes()))
}

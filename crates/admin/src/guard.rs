//! The way in: which requests reach a handler, and as whom.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use control::{Actor, Control};

use crate::answer::Problem;

/// How requests come to the router.
#[derive(Clone, Debug)]
pub enum Door {
    /// Over a loopback listener at this address; every request brings a token.
    Listener(SocketAddr),
    /// From this process itself, under the lock of the folder.
    Offline(Actor),
}

/// What every handler gets.
#[derive(Clone)]
pub(crate) struct AdminState {
    pub(crate) control: Arc<Control>,
    pub(crate) door: Door,
}

/// The longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 256;

impl AdminState {
    /// Refuses what a browser could be tricked into sending (security case 96): a request for another host than this
    /// listener, or one that another origin's page made.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Door::Listener(address) = &self.door else {
            return Ok(());
        };
        let refused = |detail| Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail);
        let host =
            single(headers, header::HOST).ok_or_else(|| refused("the request has no single `Host`"))?;
        if !is_ours(host, *address) {
            return Err(refused("the request is for another host than this listener"));
        }
        match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
            None => Ok(()),
            Some(Ok(origin))
                if origin.strip_prefix("http://").is_some_and(|origin| is_ours(origin, *address)) =>
            {
                Ok(())
            }
            Some(_) => Err(refused("the request comes from a page of another origin")),
        }
    }

    /// The actor of a request.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<Actor, Problem> {
        if let Door::Offline(actor) = &self.door {
            return Ok(actor.clone());
        }
        let token = single(headers, header::AUTHORIZATION)
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token)
            .filter(|token| token.len() <= TOKEN_BYTES_MAX)
            .ok_or_else(Problem::unauthenticated)?;
        Ok(self.control.authenticate(token)?)
    }
}

fn single(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Whether an authority names this listener: by its address, or by a name of the loopback interface.
fn is_ours(authority: &str, address: SocketAddr) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().ok()),
        _ => (authority, Some(80)),
    };
    if port != Some(address.port()) {
        return false;
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip == address.ip() || (ip.is_loopback() && address.ip().is_loopback()),
        Err(_) => host.eq_ignore_ascii_case("localhost") && address.ip().is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_listener_is_ours() {
        let address: SocketAddr = "127.0.0.1:8181".parse().unwrap();
        for (authority, ours) in [
            ("127.0.0.1:8181", true),
            ("localhost:8181", true),
            ("LOCALHOST:8181", true),
            ("[::1]:8181", true),
            ("127.0.0.1:8080", false),
            ("127.0.0.1", false),
            ("rebound.example:8181", false),
            ("localhost.example:8181", false),
            ("10.0.0.1:8181", false),
            ("", false),
        ] {
            assert_eq!(is_ours(authority, address), ours, "{authority}");
        }
    }
}

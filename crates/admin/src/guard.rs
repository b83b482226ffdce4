//! The way in: which requests reach a handler, and as whom.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};
use control::{Actor, Control, ServerTls};

use crate::answer::Problem;

/// How requests come to the router.
#[derive(Clone, Debug)]
pub enum Door {
    /// Over a listener at this address; every request brings a token. With TLS the address may be any, and the names are
    /// those of the certificates; without, it is of this machine alone.
    Listener { address: SocketAddr, tls: Option<ServerTls> },
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
        let Door::Listener { address, tls } = &self.door else {
            return Ok(());
        };
        let (scheme, names) = match tls {
            None => ("http://", Vec::new()),
            Some(tls) => {
                let server = tls.load();
                ("https://", server.certificates.iter().flat_map(|facts| facts.names.clone()).collect())
            }
        };
        let is_ours = |authority: &str| is_ours(authority, *address, tls.is_some().then_some(&names));
        let refused = |detail| Problem::new(StatusCode::FORBIDDEN, "foreign_origin", detail);
        let host =
            single(headers, header::HOST).ok_or_else(|| refused("the request has no single `Host`"))?;
        if !is_ours(host) {
            return Err(refused("the request is for another host than this listener"));
        }
        match headers.get(header::ORIGIN).map(|origin| origin.to_str()) {
            None => Ok(()),
            Some(Ok(origin)) if origin.strip_prefix(scheme).is_some_and(is_ours) => Ok(()),
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

/// Whether an authority names this listener: by its address, by a name of the loopback interface, or, with TLS, by a name of
/// its certificates. A page that gave itself the address of this listener under a name of its own has none of these; an
/// address in place of a name is nobody's page, since with TLS the browser has asked for a certificate of that address.
fn is_ours(authority: &str, address: SocketAddr, certified: Option<&Vec<String>>) -> bool {
    let standard = if certified.is_some() { 443 } else { 80 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse::<u16>().ok()),
        _ => (authority, Some(standard)),
    };
    if port != Some(address.port()) {
        return false;
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => {
            certified.is_some() || ip == address.ip() || (ip.is_loopback() && address.ip().is_loopback())
        }
        Err(_) => {
            let host = host.to_ascii_lowercase();
            let is_certified = certified.is_some_and(|names| names.iter().any(|name| covers(name, &host)));
            is_certified || (host == "localhost" && address.ip().is_loopback())
        }
    }
}

/// Whether a name of a certificate, which may begin with a star for one label, is for this host.
fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        None => name == host,
        Some(rest) => host.split_once('.').is_some_and(|(label, parent)| !label.is_empty() && parent == rest),
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
            assert_eq!(is_ours(authority, address, None), ours, "{authority}");
        }
    }
    #[test]
    fn with_tls_the_names_of_the_certificates_are_ours_too() {
        let address: SocketAddr = "0.0.0.0:8181".parse().unwrap();
        let names = vec!["admin.example".to_owned(), "*.ops.example".to_owned()];
        for (authority, ours) in [
            ("admin.example:8181", true),
            ("ADMIN.example:8181", true),
            ("a.ops.example:8181", true),
            ("10.0.0.1:8181", true),
            ("[fd00::1]:8181", true),
            ("ops.example:8181", false),
            (".ops.example:8181", false),
            ("a.b.ops.example:8181", false),
            ("rebound.example:8181", false),
            ("admin.example.evil:8181", false),
            ("admin.example:443", false),
            ("admin.example", false),
            ("localhost:8181", false),
        ] {
            assert_eq!(is_ours(authority, address, Some(&names)), ours, "{authority}");
        }
        let standard: SocketAddr = "10.0.0.1:443".parse().unwrap();
        assert!(is_ours("admin.example", standard, Some(&names)));
    }
}

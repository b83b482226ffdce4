//! TLS in both directions: certificates, keys and authorities from files, and what `rustls` is told to do with them.
//!
//! What always holds:
//!
//! * Versions are TLS 1.3 and 1.2, cryptography is `aws-lc-rs`. There is no early data, because what can be replayed
//!   must not reach a decision that counts, and no renegotiation.
//! * The other side's certificate is verified wherever one is asked for. No setting and no function switches that off.
//! * A file counts whole or not at all: a fault in any of them is an error that names the file and what to do, and
//!   whoever holds an earlier configuration keeps it.
//!
//! What it never does: read or write a socket, watch a file, print a key.

mod client;
mod clients;
mod error;
mod files;
pub mod fuzz;
mod pair;
mod peer;
mod roots;
mod server;
#[cfg(test)]
mod testing;

pub use client::{Client, ClientFiles, ReadClient, client_config};
pub use clients::{Asked, Clients, LISTS_MAX, Presence, RefusedCertificate, Role, Trust, take_refused};
pub use error::{FileFault, TlsFileError};
pub use pair::{CertificateFacts, KeyAccess, PairFiles};
pub use peer::{Peer, PeerFault, SPIFFE_ID_BYTES_MAX, Shown};
pub use roots::Roots;
pub use rustls::pki_types::{CertificateDer, ServerName};
pub use rustls::{ClientConfig, ServerConfig};
pub use server::{PAIRS_MAX, ReadServer, Server, ServerFiles};

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;

/// What both sides may speak, the better first.
const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
/// The only application protocol there is (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// The one library of cryptography, named each time so that no process-wide default can replace it.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

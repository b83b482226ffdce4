//! The side that is called: which certificate to show, and whether clients must show one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SignatureScheme};
use sha2::{Digest as _, Sha256};

use crate::clients::{Clients, ReadClients, Trust};
use crate::error::{FileFault, TlsFileError};
use crate::pair::{CertificateFacts, Pair, PairFiles, ReadPair};
use crate::{HTTP_1_1, VERSIONS, provider};

/// Certificates that one listener may have.
pub const PAIRS_MAX: usize = 256;

/// Tickets that a client gets with a TLS 1.3 handshake.
const TICKETS: usize = 1;

/// From which files a listener is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// The first is shown to whoever asks for no name, or for one that none of them has.
    pub pairs: Vec<PairFiles>,
    pub clients: Clients,
}

/// The files of a listener as they were at one moment.
pub struct ReadServer {
    pairs: Vec<ReadPair>,
    clients: ReadClients,
    digest: [u8; 32],
}

/// A listener's configuration, with what is told about it.
#[derive(Clone, Debug)]
pub struct Server {
    pub config: Arc<ServerConfig>,
    /// Which clients are believed.
    pub trust: Trust,
    /// In the order of the files.
    pub certificates: Vec<CertificateFacts>,
    /// Tells one state of the files from another.
    pub digest: [u8; 32],
}

impl std::fmt::Debug for ReadServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ReadServer").field("pairs", &self.pairs.len()).finish_non_exhaustive()
    }
}

impl ServerFiles {
    /// Every file that is named, for whoever watches them.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let pairs = self.pairs.iter().flat_map(|pair| [pair.certificate.as_path(), pair.key.as_path()]);
        pairs.chain(self.clients.paths())
    }

    /// Reads all of them.
    ///
    /// # Errors
    ///
    /// One of them cannot be read.
    pub fn read(&self) -> Result<ReadServer, TlsFileError> {
        let pairs = self.pairs.iter().map(PairFiles::read).collect::<Result<Vec<_>, _>>()?;
        let clients = self.clients.read()?;
        let mut digest = Sha256::new();
        pairs.iter().for_each(|pair| pair.digest_into(&mut digest));
        digest.update(clients.digest());
        Ok(ReadServer { pairs, clients, digest: digest.finalize().into() })
    }
}

impl ReadServer {
    /// Tells one state of the files from another.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Checks everything at `now`, seconds since 1970, and configures the listener.
    ///
    /// # Errors
    ///
    /// A file is not whole, a key does not fit its certificate, or this is not a certificate's time.
    pub fn check(&self, now: i64) -> Result<Server, TlsFileError> {
        let pairs = self.pairs.iter().map(|pair| pair.check(now)).collect::<Result<Vec<_>, _>>()?;
        let trust = self.clients.check(now)?;
        let path = self.pairs.first().map_or_else(PathBuf::new, |pair| pair.certificate.path.clone());
        let fail = |error| TlsFileError { path: path.clone(), fault: FileFault::Config(error) };
        let certificates = pairs.iter().map(|pair| pair.facts.clone()).collect();
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS).map_err(fail)?;
        let mut config = builder
            .with_client_cert_verifier(trust.verifier())
            .with_cert_resolver(Arc::new(ByName::of(pairs)));
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        // Sessions live in tickets that the client keeps, so that nothing is held here and no worker waits for another.
        // A ticket is good for 12 hours at most and for this configuration alone: with new files, which may believe
        // other authorities, everybody is verified anew.
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(fail)?;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // Each is derived, sealed and sent in every full handshake, whether it is ever used or not; one is enough for the
        // next connection, which brings another.
        config.send_tls13_tickets = TICKETS;
        // Said although it is the library's default: what can be replayed is not taken.
        config.max_early_data_size = 0;
        Ok(Server { config: Arc::new(config), trust, certificates, digest: self.digest })
    }
}

/// Chooses the certificate by the name that the client asks for.
#[derive(Debug)]
struct ByName {
    exact: BTreeMap<String, Vec<Arc<CertifiedKey>>>,
    /// By what follows `*.`.
    wildcard: BTreeMap<String, Vec<Arc<CertifiedKey>>>,
    first: Option<Arc<CertifiedKey>>,
}

impl ByName {
    fn of(pairs: Vec<Pair>) -> Self {
        let mut chosen = Self {
            exact: BTreeMap::new(),
            wildcard: BTreeMap::new(),
            first: pairs.first().map(|pair| Arc::clone(&pair.certified)),
        };
        for Pair { certified, facts } in pairs {
            for name in facts.names {
                let (names, name) = match name.strip_prefix("*.") {
                    Some(rest) => (&mut chosen.wildcard, rest.to_owned()),
                    None => (&mut chosen.exact, name),
                };
                names.entry(name).or_default().push(Arc::clone(&certified));
            }
        }
        chosen
    }

    /// Exact names go before wildcards, and of several certificates of one name the first that the client can verify
    /// (one of RSA beside one of ECDSA).
    fn find(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let Some(name) = name else { return self.first.clone() };
        let name = name.to_ascii_lowercase();
        let exact = self.exact.get(&name);
        // A wildcard stands for one label (RFC 6125 section 6.4.3).
        let found = exact.or_else(|| self.wildcard.get(name.split_once('.')?.1));
        let fits = |certified: &&Arc<CertifiedKey>| certified.key.choose_scheme(schemes).is_some();
        match found {
            Some(several) => several.iter().find(fits).or_else(|| several.first()).cloned(),
            None => self.first.clone(),
        }
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name(), hello.signature_schemes())
    }
}

#[cfg(test)]
mod tests;

//! The side that calls: an upstream, or whoever publishes a key set.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use sha2::{Digest as _, Sha256};

use crate::error::{FileFault, TlsFileError};
use crate::files::Read;
use crate::pair::{CertificateFacts, PairFiles, ReadPair};
use crate::roots::{self, Roots};
use crate::{HTTP_1_1, VERSIONS, provider};

/// Sessions of servers that are remembered so that a handshake can be shorter.
const SESSIONS_MAX: usize = 256;

/// From which files a caller is configured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientFiles {
    pub roots: Roots,
    /// What this side shows where it is asked for a certificate.
    pub own: Option<PairFiles>,
}

/// The files of a caller as they were at one moment.
pub struct ReadClient {
    /// None stands for the operating system's.
    authorities: Option<Read>,
    own: Option<ReadPair>,
    digest: [u8; 32],
}

/// A caller's configuration, with what is told about it.
#[derive(Clone, Debug)]
pub struct Client {
    pub config: Arc<ClientConfig>,
    /// The certificate of its own.
    pub certificate: Option<CertificateFacts>,
    /// Tells one state of the files from another.
    pub digest: [u8; 32],
}

impl std::fmt::Debug for ReadClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ReadClient")
    }
}

/// How to call a server that must prove, by a chain to one of `roots`, that it bears the name by which it is called.
///
/// Sessions are resumed only within one configuration, so who was verified by other roots is verified anew.
///
/// # Errors
///
/// The roots cannot be read.
pub fn client_config(roots: &Roots) -> Result<Arc<ClientConfig>, TlsFileError> {
    // Without a certificate of its own nothing depends on the time.
    let files = ClientFiles { roots: roots.clone(), own: None };
    Ok(files.read()?.check(0)?.config)
}

impl ClientFiles {
    /// Every file that is named, for whoever watches them.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let roots = match &self.roots {
            Roots::File(path) => Some(path.as_path()),
            Roots::System => None,
        };
        let own = self.own.iter().flat_map(|pair| [pair.certificate.as_path(), pair.key.as_path()]);
        roots.into_iter().chain(own)
    }

    /// Reads all of them; not yet the authorities of the operating system.
    ///
    /// # Errors
    ///
    /// One of them cannot be read.
    pub fn read(&self) -> Result<ReadClient, TlsFileError> {
        let authorities = match &self.roots {
            Roots::File(path) => Some(Read::of(path)?),
            Roots::System => None,
        };
        let own = self.own.as_ref().map(PairFiles::read).transpose()?;
        let mut digest = Sha256::new();
        digest.update([u8::from(authorities.is_some()), u8::from(own.is_some())]);
        authorities.iter().for_each(|read| read.digest_into(&mut digest));
        own.iter().for_each(|pair| pair.digest_into(&mut digest));
        Ok(ReadClient { authorities, own, digest: digest.finalize().into() })
    }
}

impl ReadClient {
    /// Tells one state of the files from another.
    #[must_use]
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Checks everything at `now`, seconds since 1970, and configures the caller.
    ///
    /// # Errors
    ///
    /// A file is not whole, the own key does not fit its certificate, or this is not the certificate's time.
    pub fn check(&self, now: i64) -> Result<Client, TlsFileError> {
        let (store, path) = match &self.authorities {
            Some(read) => (roots::of_file(read)?, read.path.clone()),
            None => (roots::system()?, Roots::System.path()),
        };
        let fail = |error| TlsFileError { path: path.clone(), fault: FileFault::Config(error) };
        let builder =
            ClientConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS).map_err(fail)?;
        let builder = builder.with_root_certificates(store);
        let own = self.own.as_ref().map(|pair| pair.check(now)).transpose()?;
        let (mut config, certificate) = match own {
            None => (builder.with_no_client_auth(), None),
            Some(pair) => {
                let resolver = Arc::new(rustls::sign::SingleCertAndKey::from(pair.certified));
                (builder.with_client_cert_resolver(resolver), Some(pair.facts))
            }
        };
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
        // Said although it is the library's default: a first flight that can be replayed is never sent.
        config.enable_early_data = false;
        Ok(Client { config: Arc::new(config), certificate, digest: self.digest })
    }
}

#[cfg(test)]
mod tests;

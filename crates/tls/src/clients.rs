//! Whether clients show a certificate, by whom it must be signed, which of them were taken back, and what one is for.
//!
//! A certificate is verified in the handshake; [`Trust::believes`] asks again for connections that are older than the files
//! in force. Where revocation lists are named, every certificate of a chain needs one that is not past its time: a list
//! that is missing or old cannot say that a certificate still counts.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::error::{FileFault, TlsFileError};
use crate::files::Read;
use crate::peer::Peer;
use crate::{provider, roots};

/// Revocation lists that one listener may have.
pub const LISTS_MAX: usize = 64;
/// Of a serial number, which has 20 bytes at most (RFC 5280 section 4.1.2.2), written as `0a:1b:…`.
const SERIAL_BYTES_MAX: usize = 60;

/// Whether clients show a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clients {
    NotAsked,
    Asked(Asked),
}

/// What is asked of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The authorities to believe.
    pub authorities: PathBuf,
    /// What they took back. None: no list is looked at.
    pub lists: Vec<PathBuf>,
    pub presence: Presence,
    pub role: Role,
}

/// Whether there is a connection without a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Who shows one shows a good one.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

/// What a client certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It names the caller.
    Caller,
    /// It opens the door, as that of a company's own proxy does; who calls is told by another credential.
    Transport,
}

impl Clients {
    /// Who shows a certificate shows one of an authority of this file; it names the caller.
    #[must_use]
    pub fn optional(authorities: PathBuf) -> Self {
        let (lists, presence, role) = (Vec::new(), Presence::Optional, Role::Caller);
        Self::Asked(Asked { authorities, lists, presence, role })
    }

    /// Everybody shows one; it names the caller.
    #[must_use]
    pub fn required(authorities: PathBuf) -> Self {
        let (lists, presence, role) = (Vec::new(), Presence::Required, Role::Caller);
        Self::Asked(Asked { authorities, lists, presence, role })
    }

    /// Every file that is named.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let asked = match self {
            Self::NotAsked => None,
            Self::Asked(asked) => Some(asked),
        };
        asked
            .into_iter()
            .flat_map(|asked| [&asked.authorities].into_iter().chain(&asked.lists))
            .map(|path| &**path)
    }

    pub(crate) fn read(&self) -> Result<ReadClients, TlsFileError> {
        let Self::Asked(Asked { authorities, lists, presence, role }) = self else {
            return Ok(ReadClients(None));
        };
        let lists = lists.iter().map(|path| Read::of_list(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(ReadClients(Some(ReadAsked {
            authorities: Read::of(authorities)?,
            lists,
            presence: *presence,
            role: *role,
        })))
    }
}

/// The files as they were at one moment.
pub(crate) struct ReadClients(Option<ReadAsked>);

struct ReadAsked {
    authorities: Read,
    lists: Vec<Read>,
    presence: Presence,
    role: Role,
}

impl ReadClients {
    /// Tells one state of these files, and of what is asked, from another.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        if let Some(ReadAsked { authorities, lists, presence, role }) = &self.0 {
            let presence = match presence {
                Presence::Optional => 1,
                Presence::Required => 2,
            };
            let role = match role {
                Role::Caller => 1,
                Role::Transport => 2,
            };
            digest.update([presence, role]);
            authorities.digest_into(&mut digest);
            lists.iter().for_each(|list| list.digest_into(&mut digest));
        }
        digest.finalize().into()
    }

    /// Checks everything at `now`, seconds since 1970.
    ///
    /// # Errors
    ///
    /// A file is not whole, or a list is past its time.
    pub(crate) fn check(&self, now: i64) -> Result<Trust, TlsFileError> {
        let digest = self.digest();
        let Some(ReadAsked { authorities, lists, presence, role }) = &self.0 else {
            return Ok(Trust { verifier: None, role: Role::Caller, presence: Presence::Optional, digest });
        };
        let store = Arc::new(roots::of_file(authorities)?);
        let mut builder = WebPkiClientVerifier::builder_with_provider(store, provider());
        for list in lists {
            builder = builder.with_crls(list.revocation_lists(now)?);
        }
        // Which of the files a list that cannot be used stands in is not told by the library.
        let place = lists.first().unwrap_or(authorities);
        let builder = match presence {
            Presence::Optional => builder.allow_unauthenticated(),
            Presence::Required => builder,
        };
        let verifier = builder
            .enforce_revocation_expiration()
            .build()
            .map_err(|error| place.fail(FileFault::Clients(error.to_string())))?;
        let verifier: Arc<dyn ClientCertVerifier> = Arc::new(Noting(verifier));
        Ok(Trust { verifier: Some(verifier), role: *role, presence: *presence, digest })
    }
}

/// Which certificates of clients are believed.
#[derive(Clone, Debug)]
pub struct Trust {
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    role: Role,
    presence: Presence,
    digest: [u8; 32],
}

impl Trust {
    /// What a client certificate is for.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether both ask the same of clients, by the same authorities and lists.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// Whether a client that showed this chain, leaf first, would get a connection at `now`, seconds since 1970.
    #[must_use]
    pub fn believes(&self, chain: &[CertificateDer<'_>], now: i64) -> bool {
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.max(0).unsigned_abs()));
        match (&self.verifier, chain) {
            // Nobody is asked any more, so nobody is known by one.
            (None, [_, ..]) => false,
            (None, []) => true,
            (Some(_), []) => self.presence == Presence::Optional,
            (Some(verifier), [leaf, between @ ..]) => verifier.verify_client_cert(leaf, between, now).is_ok(),
        }
    }

    pub(crate) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        self.verifier.clone().unwrap_or_else(WebPkiClientVerifier::no_client_auth)
    }
}

/// A client certificate that was refused in a handshake, for the gateway's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCertificate {
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// As `0a:1b:…`; empty where it cannot be read.
    pub serial: String,
    /// Whom it names; empty where it names nobody. What it says is not true, or not any more.
    pub name: String,
    pub reason: String,
}

thread_local! {
    /// The library hands the error of a verifier on, but not what was verified; and whoever runs a handshake runs it on
    /// this thread and looks here at once.
    static REFUSED: Cell<Option<RefusedCertificate>> = const { Cell::new(None) };
}

/// Takes what the last handshake on this thread refused, if it refused a certificate.
#[must_use]
pub fn take_refused() -> Option<RefusedCertificate> {
    REFUSED.take()
}

impl RefusedCertificate {
    fn of(certificate: &CertificateDer<'_>, error: &Error) -> Self {
        let serial = X509Certificate::from_der(certificate)
            .map(|(_, read)| read.tbs_certificate.raw_serial_as_string());
        Self {
            digest: Sha256::digest(certificate).into(),
            serial: serial.unwrap_or_default().chars().take(SERIAL_BYTES_MAX).collect(),
            // Made of letters, digits and few signs, so that nobody writes into the log.
            name: Peer::of(certificate).map(|peer| peer.name).unwrap_or_default(),
            reason: error.to_string(),
        }
    }
}

/// The library's verifier, which alone decides. Keeps what it refused for whoever tells of it.
#[derive(Debug)]
struct Noting(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for Noting {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.0.verify_client_cert(leaf, between, now);
        if let Err(error) = &verified {
            REFUSED.set(Some(RefusedCertificate::of(leaf, error)));
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;

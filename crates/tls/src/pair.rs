//! A certificate with its key, as it stands in two files.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::sign::CertifiedKey;
use sha2::Sha256;
use webpki::EndEntityCert;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use crate::error::{FileFault, TlsFileError};
use crate::files::Read;
use crate::provider;

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairFiles {
    /// The certificate in PEM, followed by those that lead from it towards an authority.
    pub certificate: PathBuf,
    /// Its private key in PEM: PKCS #8, PKCS #1 or SEC 1, without a password.
    pub key: PathBuf,
}

/// The two files as they were at one moment.
pub(crate) struct ReadPair {
    pub(crate) certificate: Read,
    key: Read,
}

/// A certificate that can be shown, with what is told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The file it stands in.
    pub file: PathBuf,
    pub key_file: PathBuf,
    pub key_access: KeyAccess,
    /// The names it is for, in lower case; one may begin with `*.`.
    pub names: Vec<String>,
    /// Its last second, in seconds since 1970.
    pub ends: i64,
}

/// Who can read a key, by the mode of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAccess {
    /// Its owner, and at most the owner's group.
    Own,
    /// Every user of the machine.
    Others,
}

/// A certificate with its key, checked against each other.
pub(crate) struct Pair {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) facts: CertificateFacts,
}

impl PairFiles {
    pub(crate) fn read(&self) -> Result<ReadPair, TlsFileError> {
        Ok(ReadPair { certificate: Read::of(&self.certificate)?, key: Read::of(&self.key)? })
    }
}

impl ReadPair {
    pub(crate) fn digest_into(&self, digest: &mut Sha256) {
        self.certificate.digest_into(digest);
        self.key.digest_into(digest);
    }

    /// Checks the two against each other and against the time, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// One of them is not whole, the key is not that of the certificate, or this is not the certificate's time.
    pub(crate) fn check(&self, now: i64) -> Result<Pair, TlsFileError> {
        let chain = self.certificate.certificates()?;
        let unusable =
            |number: usize, reason: String| self.certificate.fail(FileFault::Certificate { number, reason });
        let first = chain.first().ok_or_else(|| self.certificate.fail(FileFault::NoCertificate))?;
        for (number, certificate) in (1_usize..).zip(&chain) {
            X509Certificate::from_der(certificate).map_err(|error| unusable(number, error.to_string()))?;
        }
        let (_, parsed) = X509Certificate::from_der(first).map_err(|error| unusable(1, error.to_string()))?;
        let validity = parsed.validity();
        if validity.not_after.timestamp() < now {
            return Err(self.certificate.fail(FileFault::Expired { ended: date(&validity.not_after) }));
        }
        if now < validity.not_before.timestamp() {
            return Err(self.certificate.fail(FileFault::NotYet { begins: date(&validity.not_before) }));
        }
        let judged = EndEntityCert::try_from(first).map_err(|error| unusable(1, error.to_string()))?;
        let names = judged.valid_dns_names().map(str::to_ascii_lowercase).collect();
        let facts = CertificateFacts {
            file: self.certificate.path.clone(),
            key_file: self.key.path.clone(),
            key_access: self.key.access,
            names,
            ends: validity.not_after.timestamp(),
        };
        let certified = CertifiedKey::from_der(chain, self.key.key()?, &provider())
            .map_err(|error| self.key.fail(self.key_fault(&error)))?;
        Ok(Pair { certified: Arc::new(certified), facts })
    }

    fn key_fault(&self, error: &rustls::Error) -> FileFault {
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                FileFault::KeyMismatch { certificate: self.certificate.path.clone() }
            }
            other => FileFault::Key(other.to_string()),
        }
    }
}

/// A time as people write it.
fn date(time: &ASN1Time) -> String {
    time.to_rfc2822().unwrap_or_else(|_| time.timestamp().to_string())
}

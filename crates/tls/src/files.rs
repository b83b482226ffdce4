//! Reading PEM files, bounded, and telling whether they have changed.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;
use zeroize::Zeroizing;

use crate::clients::LISTS_MAX;
use crate::error::{FileFault, TlsFileError};
use crate::pair::KeyAccess;

/// The largest file that is read. What operating systems ship as all their authorities is a quarter of it.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The largest file with revocation lists: some 100,000 certificates that were taken back, each held in memory.
pub(crate) const LIST_FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Certificates that are read from one file.
pub(crate) const CERTIFICATES_MAX: usize = 1_024;

/// How DER begins, and no PEM.
const DER_SEQUENCE: u8 = 0x30;

/// A file as it was at one moment. Its bytes may be those of a key: they are wiped, and never printed.
pub(crate) struct Read {
    pub(crate) path: PathBuf,
    pub(crate) access: KeyAccess,
    bytes: Zeroizing<Vec<u8>>,
}

impl Read {
    /// Reads `path`.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is larger than [`FILE_BYTES_MAX`].
    pub(crate) fn of(path: &Path) -> Result<Self, TlsFileError> {
        Self::at_most(path, FILE_BYTES_MAX)
    }

    /// Reads a file with revocation lists.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is larger than [`LIST_FILE_BYTES_MAX`].
    pub(crate) fn of_list(path: &Path) -> Result<Self, TlsFileError> {
        Self::at_most(path, LIST_FILE_BYTES_MAX)
    }

    fn at_most(path: &Path, most: u64) -> Result<Self, TlsFileError> {
        let fail = |fault| TlsFileError { path: path.to_path_buf(), fault };
        // Opening a pipe waits for a writer, and everything else would wait with it.
        let metadata = std::fs::metadata(path).map_err(|error| fail(FileFault::Read(error)))?;
        if !metadata.is_file() {
            return Err(fail(FileFault::NotAFile));
        }
        let length = metadata.len();
        if most < length {
            return Err(fail(FileFault::TooLong { most }));
        }
        // Room for all of it at once, so that growing leaves no copy of a key behind.
        let file = File::open(path).map_err(|error| fail(FileFault::Read(error)))?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
        file.take(most + 1).read_to_end(&mut bytes).map_err(|error| fail(FileFault::Read(error)))?;
        if most < bytes.len() as u64 {
            return Err(fail(FileFault::TooLong { most }));
        }
        let access =
            if metadata.permissions().mode() & 0o004 == 0 { KeyAccess::Own } else { KeyAccess::Others };
        Ok(Self { path: path.to_path_buf(), access, bytes })
    }

    /// All its certificates; at least one.
    ///
    /// # Errors
    ///
    /// It is not whole, or holds none or too many.
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
        let mut found = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&self.bytes) {
            if found.len() == CERTIFICATES_MAX {
                return Err(self.fail(FileFault::TooMany));
            }
            found.push(certificate.map_err(|error| self.fail(FileFault::Pem(error.to_string())))?);
        }
        if found.is_empty() { Err(self.fail(FileFault::NoCertificate)) } else { Ok(found) }
    }

    /// All its revocation lists, in PEM or one in DER; at least one, and none that is past its time at `now`.
    ///
    /// # Errors
    ///
    /// It is not whole, holds none or too many, or there should be a newer one.
    pub(crate) fn revocation_lists(
        &self,
        now: i64,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsFileError> {
        let mut found = Vec::new();
        if self.bytes.first() == Some(&DER_SEQUENCE) {
            found.push(CertificateRevocationListDer::from(self.bytes.to_vec()));
        } else {
            for list in CertificateRevocationListDer::pem_slice_iter(&self.bytes) {
                if found.len() == LISTS_MAX {
                    return Err(self.fail(FileFault::TooManyLists));
                }
                found.push(list.map_err(|error| self.fail(FileFault::Pem(error.to_string())))?);
            }
        }
        if found.is_empty() {
            return Err(self.fail(FileFault::NoList));
        }
        for (number, list) in (1_usize..).zip(&found) {
            let unusable = |reason: &str| self.fail(FileFault::List { number, reason: reason.to_owned() });
            let (rest, read) =
                CertificateRevocationList::from_der(list).map_err(|error| unusable(&error.to_string()))?;
            if !rest.is_empty() {
                return Err(unusable("something follows it"));
            }
            let next =
                read.next_update().ok_or_else(|| unusable("it does not say when the next one comes"))?;
            if next.timestamp() < now {
                let ended = next.to_rfc2822().unwrap_or_else(|_| next.timestamp().to_string());
                return Err(self.fail(FileFault::ListExpired { number, ended }));
            }
            if now < read.last_update().timestamp() {
                return Err(unusable("it begins in the future; look at the clock"));
            }
        }
        Ok(found)
    }

    /// Its first private key.
    ///
    /// # Errors
    ///
    /// It holds none, or is not whole.
    pub(crate) fn key(&self) -> Result<PrivateKeyDer<'static>, TlsFileError> {
        use rustls::pki_types::pem::Error;
        PrivateKeyDer::from_pem_slice(&self.bytes).map_err(|error| {
            self.fail(match error {
                Error::NoItemsFound => FileFault::NoKey,
                // Said by its kind alone: an error of a reader may quote what it read.
                Error::MissingSectionEnd { .. } => FileFault::Pem("its end is missing".to_owned()),
                _ => FileFault::Pem("what stands there as a key is not base64".to_owned()),
            })
        })
    }

    /// Adds the file to a digest of several.
    pub(crate) fn digest_into(&self, digest: &mut Sha256) {
        digest.update((self.bytes.len() as u64).to_be_bytes());
        digest.update(&*self.bytes);
    }

    pub(crate) fn fail(&self, fault: FileFault) -> TlsFileError {
        TlsFileError { path: self.path.clone(), fault }
    }
}

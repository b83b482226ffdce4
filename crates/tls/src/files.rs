//! Reading PEM files, bounded, and telling whether they have changed.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::{FileFault, TlsFileError};
use crate::pair::KeyAccess;

/// The largest file that is read. What operating systems ship as all their authorities is a quarter of it.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Certificates that are read from one file.
pub(crate) const CERTIFICATES_MAX: usize = 1_024;

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
        let fail = |fault| TlsFileError { path: path.to_path_buf(), fault };
        // Opening a pipe waits for a writer, and everything else would wait with it.
        let metadata = std::fs::metadata(path).map_err(|error| fail(FileFault::Read(error)))?;
        if !metadata.is_file() {
            return Err(fail(FileFault::NotAFile));
        }
        let length = metadata.len();
        if FILE_BYTES_MAX < length {
            return Err(fail(FileFault::TooLong));
        }
        // Room for all of it at once, so that growing leaves no copy of a key behind.
        let file = File::open(path).map_err(|error| fail(FileFault::Read(error)))?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| fail(FileFault::Read(error)))?;
        if FILE_BYTES_MAX < bytes.len() as u64 {
            return Err(fail(FileFault::TooLong));
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

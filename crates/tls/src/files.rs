//! Reading PEM files, bounded.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::error::{FileFault, TlsFileError};

/// The largest file that is read. What operating systems ship as all their authorities is a quarter of it.
pub(crate) const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Certificates that are read from one file.
pub(crate) const CERTIFICATES_MAX: usize = 1_024;

/// The bytes of `path`.
///
/// # Errors
///
/// It cannot be read, or is larger than [`FILE_BYTES_MAX`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    let fail = |fault| TlsFileError { path: path.to_path_buf(), fault };
    let file = File::open(path).map_err(|error| fail(FileFault::Read(error)))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| fail(FileFault::Read(error)))?;
    if FILE_BYTES_MAX < bytes.len() as u64 {
        return Err(fail(FileFault::TooLong));
    }
    Ok(bytes)
}

/// All certificates of `path`; at least one.
///
/// # Errors
///
/// The file cannot be read, is not whole, or holds none or too many.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let bytes = read(path)?;
    parse_certificates(&bytes).map_err(|fault| TlsFileError { path: path.to_path_buf(), fault })
}

fn parse_certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        if found.len() == CERTIFICATES_MAX {
            return Err(FileFault::TooMany);
        }
        found.push(certificate.map_err(|error| FileFault::Pem(error.to_string()))?);
    }
    if found.is_empty() { Err(FileFault::NoCertificate) } else { Ok(found) }
}

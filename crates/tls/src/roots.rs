//! Whom to believe: the authorities a chain of certificates must lead to.

use std::path::PathBuf;

use rustls::RootCertStore;

use crate::error::{FileFault, TlsFileError};
use crate::files;

/// Stands for the authorities of the operating system where a file would be named.
const SYSTEM: &str = "authorities of the operating system";

/// The authorities by which the other side is verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Roots {
    /// Those of this PEM file and no others.
    File(PathBuf),
    /// Those of the operating system; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others, as they do for other programs.
    System,
}

impl Roots {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not whole, or one of its certificates cannot serve as an authority. Of those of the
    /// operating system, which nobody here wrote, unusable ones are left out, and having none is an error.
    pub fn load(&self) -> Result<RootCertStore, TlsFileError> {
        match self {
            Self::File(path) => {
                let mut store = RootCertStore::empty();
                for (place, certificate) in files::certificates(path)?.into_iter().enumerate() {
                    store.add(certificate).map_err(|error| TlsFileError {
                        path: path.clone(),
                        fault: FileFault::Certificate {
                            number: place.saturating_add(1),
                            reason: error.to_string(),
                        },
                    })?;
                }
                Ok(store)
            }
            Self::System => {
                let mut store = RootCertStore::empty();
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if store.is_empty() {
                    return Err(TlsFileError { path: SYSTEM.into(), fault: FileFault::NoSystemRoots });
                }
                Ok(store)
            }
        }
    }
}

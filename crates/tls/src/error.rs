//! What can be wrong with a file that TLS needs.

use std::io;
use std::path::PathBuf;

use crate::files::{CERTIFICATES_MAX, FILE_BYTES_MAX};

/// A file of certificates or keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{}` cannot be used", .path.display())]
pub struct TlsFileError {
    /// The file, or what stands in the place of one: the authorities of the operating system.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: FileFault,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// There is no certificate in it; an authority's or an own.
    #[error("it holds no certificate; expected `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// The operating system has no authorities, or they cannot be read.
    #[error(
        "the operating system has no usable authorities; install its `ca-certificates`, or write `ca_file`"
    )]
    NoSystemRoots,
    /// It is not PEM, or breaks off in the middle.
    #[error("it is not whole PEM: {0}")]
    Pem(String),
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// A certificate in it is not one.
    #[error("certificate {number} in it is not usable: {reason}")]
    Certificate {
        /// Which one, from 1.
        number: usize,
        /// What the reader of certificates said.
        reason: String,
    },
    /// It is larger than any file of this kind has reason to be.
    #[error("it is larger than {FILE_BYTES_MAX} bytes")]
    TooLong,
    /// There are more certificates in it than are read.
    #[error("it holds more than {CERTIFICATES_MAX} certificates")]
    TooMany,
    /// The configuration was refused by the library.
    #[error("the configuration is not possible")]
    Config(#[source] rustls::Error),
}

impl TlsFileError {
    /// This level and all below it, for where only a text fits.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

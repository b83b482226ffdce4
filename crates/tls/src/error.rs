//! What can be wrong with a file that TLS needs.

use std::io;
use std::path::PathBuf;

use crate::files::CERTIFICATES_MAX;

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

/// What is wrong with a file. None of the texts holds anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// A certificate in it is not one, or not of a kind that can be used here.
    #[error("certificate {number} in it is not usable: {reason}")]
    Certificate {
        /// Which one, from 1.
        number: usize,
        /// What the reader of certificates said.
        reason: String,
    },
    /// The authorities or lists for clients were refused by the library.
    #[error("clients cannot be verified by it: {0}")]
    Clients(String),
    /// The configuration was refused by the library.
    #[error("the configuration is not possible")]
    Config(#[source] rustls::Error),
    /// Its first certificate has ended.
    #[error("its certificate ended on {ended}; put a renewed one there")]
    Expired {
        /// When, in RFC 2822.
        ended: String,
    },
    /// The key is not usable, for instance of a kind that is not supported.
    #[error("its key is not usable: {0}")]
    Key(String),
    /// The key is not that of the certificate.
    #[error("its key does not fit the certificate `{}`; put the files of one pair there", .certificate.display())]
    KeyMismatch {
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// A revocation list in it is not one, or not of a kind that can be used here.
    #[error("revocation list {number} in it is not usable: {reason}")]
    List {
        /// Which one, from 1.
        number: usize,
        /// What the reader of lists said.
        reason: String,
    },
    /// A revocation list in it is past the time at which there should be a newer one.
    #[error("revocation list {number} in it was to be replaced by {ended}; put a new one there")]
    ListExpired {
        /// Which one, from 1.
        number: usize,
        /// When, in RFC 2822.
        ended: String,
    },
    /// There is no certificate in it.
    #[error("it holds no certificate; expected `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// There is no revocation list in it.
    #[error("it holds no revocation list; expected `-----BEGIN X509 CRL-----`, or one in DER")]
    NoList,
    /// There is no private key in it that can be read without a password.
    #[error("it holds no private key without a password; expected `-----BEGIN PRIVATE KEY-----`")]
    NoKey,
    /// The operating system has no authorities, or they cannot be read.
    #[error(
        "the operating system has no usable authorities; install its `ca-certificates`, or write `ca_file`"
    )]
    NoSystemRoots,
    /// A folder, a pipe or a socket stands in its place.
    #[error("it is no regular file")]
    NotAFile,
    /// Its first certificate begins in the future.
    #[error("its certificate begins on {begins}; look at the clock, or put one there that has begun")]
    NotYet {
        /// When, in RFC 2822.
        begins: String,
    },
    /// It is not PEM, or breaks off in the middle.
    #[error("it is not whole PEM: {0}")]
    Pem(String),
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// It is larger than any file of this kind has reason to be.
    #[error("it is larger than {most} bytes")]
    TooLong {
        /// How large it may be.
        most: u64,
    },
    /// There are more certificates in it than are read.
    #[error("it holds more than {CERTIFICATES_MAX} certificates")]
    TooMany,
    /// There are more revocation lists in it than are read.
    #[error("it holds more than {} revocation lists", crate::LISTS_MAX)]
    TooManyLists,
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

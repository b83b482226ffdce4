//! Whom a client certificate names.
//!
//! Called only after the chain was verified. The name is the one SPIFFE id, or else the one DNS name, in the alternative
//! names; the subject is never looked at. Whatever could be read in two ways names nobody.

use sha2::{Digest as _, Sha256};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The longest SPIFFE id (SPIFFE-ID section 2.3).
pub const SPIFFE_ID_BYTES_MAX: usize = 2_048;
/// The longest name of a trust domain (SPIFFE-ID section 2.1).
const TRUST_DOMAIN_BYTES_MAX: usize = 255;
/// The longest DNS name (RFC 1035 section 2.3.4).
const DNS_BYTES_MAX: usize = 253;
/// The longest label of a DNS name.
const LABEL_BYTES_MAX: usize = 63;
const SPIFFE: &str = "spiffe://";

/// Who showed a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// A SPIFFE id as it stands there, or a DNS name in lower case.
    pub name: String,
    /// The first and the last second of the certificate, since 1970.
    pub begins: i64,
    pub ends: i64,
    /// SHA-256 of the certificate.
    pub digest: [u8; 32],
}

/// A verified client certificate, whomever it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The first and the last second of the certificate, since 1970.
    pub begins: i64,
    pub ends: i64,
    /// SHA-256 of the certificate.
    pub digest: [u8; 32],
}

impl Shown {
    /// Reads the end-entity certificate of a verified chain, in DER.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn of(certificate: &[u8]) -> Result<Self, PeerFault> {
        let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| PeerFault::Malformed)?;
        if !rest.is_empty() {
            return Err(PeerFault::Malformed);
        }
        let validity = parsed.validity();
        let (begins, ends) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        Ok(Self { begins, ends, digest: Sha256::digest(certificate).into() })
    }
}

/// Why a certificate names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerFault {
    /// It signs others; SPIFFE lets only leaves identify (X509-SVID section 4.3).
    Authority,
    DnsName,
    Malformed,
    /// Neither a SPIFFE id nor a DNS name.
    NoName,
    SeveralNames,
    SpiffeId,
}

impl PeerFault {
    /// The stable code in records.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Authority => "certificate_authority",
            Self::DnsName => "certificate_dns",
            Self::Malformed => "certificate_malformed",
            Self::NoName => "certificate_unnamed",
            Self::SeveralNames => "certificate_names",
            Self::SpiffeId => "certificate_spiffe",
        }
    }

    /// A clause for whoever showed it.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Authority => "the client certificate may sign others, so it identifies nobody",
            Self::DnsName => "the DNS name of the client certificate is malformed, a wildcard or too long",
            Self::Malformed => "the client certificate cannot be read",
            Self::NoName => "the client certificate holds neither a SPIFFE id nor a DNS name",
            Self::SeveralNames => "the client certificate holds several names, so whom it means is not known",
            Self::SpiffeId => "the SPIFFE id of the client certificate is malformed or too long",
        }
    }
}

impl Peer {
    /// Reads the end-entity certificate of a verified chain, in DER.
    ///
    /// # Errors
    ///
    /// It names nobody, or more than one.
    pub fn of(certificate: &[u8]) -> Result<Self, PeerFault> {
        let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| PeerFault::Malformed)?;
        if !rest.is_empty() {
            return Err(PeerFault::Malformed);
        }
        if signs_others(&parsed)? {
            return Err(PeerFault::Authority);
        }
        let validity = parsed.validity();
        Ok(Self {
            name: name_of(&parsed)?,
            begins: validity.not_before.timestamp(),
            ends: validity.not_after.timestamp(),
            digest: Sha256::digest(certificate).into(),
        })
    }
}

fn signs_others(certificate: &X509Certificate<'_>) -> Result<bool, PeerFault> {
    let constraints = certificate.basic_constraints().map_err(|_| PeerFault::Malformed)?;
    let usage = certificate.key_usage().map_err(|_| PeerFault::Malformed)?;
    Ok(constraints.is_some_and(|found| found.value.ca)
        || usage.is_some_and(|found| found.value.key_cert_sign() || found.value.crl_sign()))
}

fn name_of(certificate: &X509Certificate<'_>) -> Result<String, PeerFault> {
    let found = certificate.subject_alternative_name().map_err(|_| PeerFault::Malformed)?;
    let names = found.map(|found| found.value.general_names.as_slice()).unwrap_or_default();
    // What the reader skipped because it could not read it may be a name too.
    if certificate
        .extensions()
        .iter()
        .any(|extension| matches!(extension.parsed_extension(), ParsedExtension::ParseError { .. }))
    {
        return Err(PeerFault::Malformed);
    }
    let mut uris = Vec::new();
    let mut hosts = Vec::new();
    for name in names {
        match name {
            GeneralName::URI(uri) => uris.push(*uri),
            GeneralName::DNSName(host) => hosts.push(*host),
            GeneralName::Invalid(..) => return Err(PeerFault::Malformed),
            // Mail addresses, addresses and names in directories identify no workload.
            GeneralName::OtherName(..)
            | GeneralName::RFC822Name(_)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::IPAddress(_)
            | GeneralName::RegisteredID(_) => {}
        }
    }
    if uris.iter().any(|uri| is_spiffe(uri)) {
        return match uris.as_slice() {
            [one] => spiffe_id(one).ok_or(PeerFault::SpiffeId),
            _ => Err(PeerFault::SeveralNames),
        };
    }
    match hosts.as_slice() {
        [] => Err(PeerFault::NoName),
        [one] => dns_name(one).ok_or(PeerFault::DnsName),
        _ => Err(PeerFault::SeveralNames),
    }
}

/// Whether a URI means to be a SPIFFE id, however its scheme is spelt.
fn is_spiffe(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("spiffe"))
}

/// A SPIFFE id in its one spelling (SPIFFE-ID section 2): `spiffe://TRUST-DOMAIN/SEGMENT…`, nothing escaped, nothing
/// empty.
fn spiffe_id(uri: &str) -> Option<String> {
    if SPIFFE_ID_BYTES_MAX < uri.len() {
        return None;
    }
    let (domain, path) = uri.strip_prefix(SPIFFE)?.split_once('/')?;
    let of_domain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    let of_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_domain =
        !domain.is_empty() && domain.len() <= TRUST_DOMAIN_BYTES_MAX && domain.bytes().all(of_domain);
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(of_path);
    (is_domain && path.split('/').all(is_segment)).then(|| uri.to_owned())
}

/// A DNS name in lower case; no wildcard.
fn dns_name(name: &str) -> Option<String> {
    let of_label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && !label.starts_with('-')
            && label.bytes().all(of_label)
    };
    (name.len() <= DNS_BYTES_MAX && name.split('.').all(is_label)).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;

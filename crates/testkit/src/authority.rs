//! Certificates of every kind, good and bad, made on the spot.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, OtherNameValue, RevocationReason, RevokedCertParams,
    SanType, SerialNumber, date_time_ymd,
};

/// An authority that signs whatever it is asked to.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate in PEM.
    pub pem: String,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate in PEM.
    pub certificate: String,
    /// The key in PEM.
    pub key: String,
    /// The certificate in DER.
    pub der: Vec<u8>,
    serial: SerialNumber,
}

/// An alternative name of a certificate.
#[derive(Clone, Debug)]
pub enum Name {
    Address(IpAddr),
    Dns(&'static str),
    Mail(&'static str),
    Other,
    Uri(&'static str),
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Any,
    Client,
    Server,
    /// It signs others.
    Signing,
}

/// What a certificate is to say.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub names: Vec<Name>,
    pub purpose: Purpose,
    /// Days from today at which it begins and ends.
    pub days: (i64, i64),
}

impl Leaf {
    /// For a server of these names, from yesterday for a year.
    #[must_use]
    pub fn server(names: &[&'static str]) -> Self {
        let names = names.iter().map(|name| Name::Dns(name)).collect();
        Self { names, purpose: Purpose::Server, days: (-1, 365) }
    }

    /// For a client of these names, from yesterday for a year.
    #[must_use]
    pub fn client(names: Vec<Name>) -> Self {
        Self { names, purpose: Purpose::Client, days: (-1, 365) }
    }

    /// The same from and to other days.
    #[must_use]
    pub fn days(self, begins: i64, ends: i64) -> Self {
        Self { days: (begins, ends), ..self }
    }

    /// The same for another purpose.
    #[must_use]
    pub fn purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }
}

impl Authority {
    /// A new one.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2120, 1, 1);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Signs a certificate.
    #[must_use]
    pub fn issue(&self, leaf: &Leaf) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a leaf");
        params.subject_alt_names = leaf.names.iter().map(san).collect();
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match leaf.purpose {
            Purpose::Any | Purpose::Signing => Vec::new(),
            Purpose::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Purpose::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
        };
        if leaf.purpose == Purpose::Signing {
            params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        }
        let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(now_seconds().unsigned_abs());
        let in_days = |days: i64| {
            let distance = Duration::from_secs(days.unsigned_abs() * 86_400);
            if days < 0 { now - distance } else { now + distance }
        };
        params.not_before = in_days(leaf.days.0);
        params.not_after = in_days(leaf.days.1);
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SerialNumber::from(SERIAL.fetch_add(1, Ordering::Relaxed));
        params.serial_number = Some(serial.clone());
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let der = certificate.der().to_vec();
        Issued { certificate: certificate.pem(), key: key.serialize_pem(), der, serial }
    }
}

impl Authority {
    /// A revocation list of these certificates in PEM, from `days.0` to `days.1` from today.
    #[must_use]
    pub fn revoke(&self, revoked: &[&Issued], days: (i64, i64)) -> String {
        let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(now_seconds().unsigned_abs());
        let in_days = |days: i64| {
            let distance = Duration::from_secs(days.unsigned_abs() * 86_400);
            if days < 0 { now - distance } else { now + distance }
        };
        let of = |issued: &&Issued| RevokedCertParams {
            serial_number: issued.serial.clone(),
            revocation_time: in_days(days.0),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: in_days(days.0),
            next_update: in_days(days.1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(of).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

fn san(name: &Name) -> SanType {
    match name {
        Name::Address(address) => SanType::IpAddress(*address),
        Name::Dns(name) => SanType::DnsName((*name).try_into().unwrap()),
        Name::Mail(name) => SanType::Rfc822Name((*name).try_into().unwrap()),
        Name::Other => SanType::OtherName((vec![1, 2, 3, 4], OtherNameValue::Utf8String("other".to_owned()))),
        Name::Uri(name) => SanType::URI((*name).try_into().unwrap()),
    }
}

/// Seconds since 1970. Verifiers of certificates ask the machine's own clock, so what they are to judge is made by it.
#[expect(clippy::disallowed_methods, reason = "certificates are judged by the machine's clock")]
#[must_use]
pub fn now_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

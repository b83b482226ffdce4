//! What the files say of TLS: where certificates, keys and authorities are. What is in those files is for others to judge.

use crate::fields::{self, Fields};
use crate::place::{Faults, Place};
use crate::yaml::Node;
use crate::{ConfigError, UpstreamScheme};

/// Certificates of one listener.
const CERTIFICATES_MAX: usize = 256;
const PATH_BYTES_MAX: usize = 4_096;
const PATH_FIX: &str = "write a path, from the folder of sallyport.yaml or absolute, such as tls/server.pem";

/// A file that is named in another, with the place where it is named, so that a fault of it can be told there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// As written: absolute, or from the folder of `sallyport.yaml`.
    pub path: String,
    pub line: u32,
    pub column: u32,
}

/// A certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: NamedFile,
    pub key: NamedFile,
}

/// How the listener for callers speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// At least one; the first is shown where a client asks for no name, or for one that none has.
    pub certificates: Vec<CertificateFiles>,
    pub clients: ClientCertificates,
}

/// Whether callers show a certificate of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    NotAsked,
    /// Who shows one shows a good one, by an authority of this file.
    Optional(NamedFile),
    /// Without a good one there is no connection.
    Required(NamedFile),
}

/// How an upstream is called over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// The authorities to believe; the operating system's when absent.
    pub ca_file: Option<NamedFile>,
    /// What the gateway shows of itself.
    pub own: Option<CertificateFiles>,
}

impl NamedFile {
    /// A fault of the file, told where `file` names it.
    #[must_use]
    pub fn error(&self, file: &str, reason: String, fix: &str) -> ConfigError {
        ConfigError {
            file: file.to_owned(),
            line: self.line,
            column: self.column,
            reason,
            fix: fix.to_owned(),
        }
    }
}

/// `tls` of `sallyport.yaml`.
pub(crate) fn listener(node: &Node, faults: &mut Faults) -> Option<ListenerTls> {
    let known = &["certificates", "client_ca_file", "client_certificates"];
    let fields = Fields::of(node, "`tls`", known, faults)?;
    let fix = "write `certificates: [{ cert_file: tls/server.pem, key_file: tls/server.key }]`";
    let certificates = fields.need("certificates", fix, faults);
    let certificates = certificates.and_then(|node| {
        let found = fields::each(node, "certificates", faults, certificate)?;
        if found.is_empty() || CERTIFICATES_MAX < found.len() {
            faults.add(node.place, format!("`certificates` lists 1 to {CERTIFICATES_MAX}"), fix);
            return None;
        }
        Some(found)
    });
    let authorities = match fields.find("client_ca_file") {
        None => Some(None),
        Some(node) => file(node, "client_ca_file", faults).map(Some),
    };
    let demand = fields.or("client_certificates", None, faults, |node, faults| {
        fields::chosen(node, "client_certificates", &["optional", "required"], faults, |text| match text {
            "optional" => Some(Some(Demand::Optional)),
            "required" => Some(Some(Demand::Required)),
            _ => None,
        })
    });
    let clients = clients(&fields, authorities?, demand?, faults);
    Some(ListenerTls { certificates: certificates?, clients: clients? })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    Optional,
    Required,
}

/// Which authorities to believe and whether to ask for a certificate are said together, so that neither is half meant.
fn clients(
    fields: &Fields<'_>,
    authorities: Option<NamedFile>,
    demand: Option<Demand>,
    faults: &mut Faults,
) -> Option<ClientCertificates> {
    match (authorities, demand) {
        (None, None) => Some(ClientCertificates::NotAsked),
        (Some(file), Some(Demand::Optional)) => Some(ClientCertificates::Optional(file)),
        (Some(file), Some(Demand::Required)) => Some(ClientCertificates::Required(file)),
        (Some(_), None) => {
            let reason = "`client_ca_file` needs `client_certificates`";
            let fix =
                "write `client_certificates: required`, or `optional` where callers without one may come too";
            faults.add(fields.place("client_ca_file"), reason, fix);
            None
        }
        (None, Some(_)) => {
            let reason = "`client_certificates` needs `client_ca_file`: whom to believe has no default";
            faults.add(
                fields.place("client_certificates"),
                reason,
                "write `client_ca_file: tls/clients.pem`",
            );
            None
        }
    }
}

fn certificate(node: &Node, faults: &mut Faults) -> Option<CertificateFiles> {
    let fields = Fields::of(node, "a certificate", &["cert_file", "key_file"], faults)?;
    let fix = "write `{ cert_file: tls/server.pem, key_file: tls/server.key }`";
    let certificate = fields.need("cert_file", fix, faults);
    let certificate = certificate.and_then(|node| file(node, "cert_file", faults));
    let key = fields.need("key_file", fix, faults);
    let key = key.and_then(|node| file(node, "key_file", faults));
    Some(CertificateFiles { certificate: certificate?, key: key? })
}

/// `ca_file`, `client_cert_file` and `client_key_file` of `api.yaml`.
pub(crate) fn upstream(
    fields: &Fields<'_>,
    scheme: UpstreamScheme,
    faults: &mut Faults,
) -> Option<Option<UpstreamTls>> {
    const FILES: [&str; 3] = ["ca_file", "client_cert_file", "client_key_file"];
    if scheme == UpstreamScheme::Http {
        let mut meant = true;
        for name in FILES.into_iter().filter(|name| fields.find(name).is_some()) {
            let reason = format!("`{name}` means nothing while the upstream is called in the clear");
            faults.add(fields.place(name), reason, "write `upstream: https://…`, or remove it");
            meant = false;
        }
        return meant.then_some(None);
    }
    let mut read = |name: &'static str| match fields.find(name) {
        None => Some(None),
        Some(node) => file(node, name, faults).map(Some),
    };
    let [ca_file, certificate, key] = FILES.map(&mut read);
    let own = match (certificate?, key?) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
        (Some(_), None) | (None, Some(_)) => {
            let name = if fields.find("client_cert_file").is_some() {
                "client_cert_file"
            } else {
                "client_key_file"
            };
            let reason = "`client_cert_file` and `client_key_file` belong together";
            faults.add(fields.place(name), reason, "write both, or neither");
            return None;
        }
    };
    Some(Some(UpstreamTls { ca_file: ca_file?, own }))
}

fn file(node: &Node, what: &str, faults: &mut Faults) -> Option<NamedFile> {
    let Place { line, column } = node.place;
    fields::parsed(node, what, PATH_FIX, faults, |text| {
        if text.is_empty() || PATH_BYTES_MAX < text.len() || text.contains('\0') {
            return Err("a path has 1 to 4096 bytes");
        }
        Ok(NamedFile { path: text.to_owned(), line, column })
    })
}

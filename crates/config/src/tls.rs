//! What the files say of TLS: where certificates, keys and authorities are. What is in those files is for others to judge.

use crate::fields::{self, Fields};
use crate::place::{Faults, Place};
use crate::yaml::{Node, Value};
use crate::{ConfigError, UpstreamScheme};

/// Certificates of one listener.
const CERTIFICATES_MAX: usize = 256;
/// Files with revocation lists of one listener.
const CRL_FILES_MAX: usize = 64;
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

/// How the admin API speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminTls {
    pub listener: ListenerTls,
    /// By which authorities the commands on this machine verify it; the operating system's when absent.
    pub ca_file: Option<NamedFile>,
}

/// Whether callers show a certificate of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    NotAsked,
    Asked(AskedCertificates),
}

/// What is asked of callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedCertificates {
    /// The authorities to believe.
    pub authorities: NamedFile,
    /// What they took back; none where no list is looked at.
    pub lists: Vec<NamedFile>,
    pub demand: CertificateDemand,
    pub role: CertificateRole,
}

/// Whether there is a connection without a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateDemand {
    /// Who shows one shows a good one.
    Optional,
    /// Without a good one there is no connection.
    Required,
}

/// What a client certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateRole {
    /// It names the caller, so no key can stand beside it.
    Caller,
    /// It only opens the door, as that of a company's own proxy does; who calls is told by a key or a token.
    Transport,
}

impl ClientCertificates {
    /// Every file that is named.
    pub fn files(&self) -> impl Iterator<Item = &NamedFile> {
        let asked = match self {
            Self::NotAsked => None,
            Self::Asked(asked) => Some(asked),
        };
        asked.into_iter().flat_map(|asked| std::iter::once(&asked.authorities).chain(&asked.lists))
    }
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
    let known = &["certificates", "client_ca_file", "client_certificates", "client_crl_files"];
    let fields = Fields::of(node, "`tls`", known, faults)?;
    let certificates = certificates(&fields, faults);
    let authorities = match fields.find("client_ca_file") {
        None => Some(None),
        Some(node) => file(node, "client_ca_file", faults).map(Some),
    };
    let asked = fields.or("client_certificates", None, faults, |node, faults| asked(node, faults).map(Some));
    let lists = fields.or("client_crl_files", Vec::new(), faults, lists);
    let clients = clients(&fields, authorities?, asked?, lists?, faults);
    Some(ListenerTls { certificates: certificates?, clients: clients? })
}

/// `admin_tls` of `sallyport.yaml`. Whoever comes shows a token; certificates of theirs are not asked for.
pub(crate) fn admin(node: &Node, faults: &mut Faults) -> Option<AdminTls> {
    let fields = Fields::of(node, "`admin_tls`", &["certificates", "ca_file"], faults)?;
    let certificates = certificates(&fields, faults);
    let ca_file = match fields.find("ca_file") {
        None => Some(None),
        Some(node) => file(node, "ca_file", faults).map(Some),
    };
    let listener = ListenerTls { certificates: certificates?, clients: ClientCertificates::NotAsked };
    Some(AdminTls { listener, ca_file: ca_file? })
}

fn certificates(fields: &Fields<'_>, faults: &mut Faults) -> Option<Vec<CertificateFiles>> {
    let fix = "write `certificates: [{ cert_file: tls/server.pem, key_file: tls/server.key }]`";
    let node = fields.need("certificates", fix, faults)?;
    let found = fields::each(node, "certificates", faults, certificate)?;
    if found.is_empty() || CERTIFICATES_MAX < found.len() {
        faults.add(node.place, format!("`certificates` lists 1 to {CERTIFICATES_MAX}"), fix);
        return None;
    }
    Some(found)
}

const DEMANDS: &[&str] = &["optional", "required"];

fn demand(text: &str) -> Option<CertificateDemand> {
    match text {
        "optional" => Some(CertificateDemand::Optional),
        "required" => Some(CertificateDemand::Required),
        _ => None,
    }
}

/// `required`, or `{ demand: required, role: transport }`.
fn asked(node: &Node, faults: &mut Faults) -> Option<(CertificateDemand, CertificateRole)> {
    const NAME: &str = "client_certificates";
    if !matches!(node.value, Value::Table(_)) {
        return Some((fields::chosen(node, NAME, DEMANDS, faults, demand)?, CertificateRole::Caller));
    }
    let fields = Fields::of(node, "`client_certificates`", &["demand", "role"], faults)?;
    let demanded = fields.or("demand", CertificateDemand::Required, faults, |node, faults| {
        fields::chosen(node, "demand", DEMANDS, faults, demand)
    });
    let role = fields.or("role", CertificateRole::Caller, faults, |node, faults| {
        fields::chosen(node, "role", &["caller", "transport"], faults, |text| match text {
            "caller" => Some(CertificateRole::Caller),
            "transport" => Some(CertificateRole::Transport),
            _ => None,
        })
    });
    Some((demanded?, role?))
}

fn lists(node: &Node, faults: &mut Faults) -> Option<Vec<NamedFile>> {
    let found = fields::each(node, "client_crl_files", faults, |node, faults| {
        file(node, "client_crl_files", faults)
    })?;
    if found.is_empty() || CRL_FILES_MAX < found.len() {
        let reason = format!("`client_crl_files` lists 1 to {CRL_FILES_MAX}");
        faults.add(node.place, reason, "write `client_crl_files: [tls/clients.crl]`, or remove it");
        return None;
    }
    Some(found)
}

/// Which authorities to believe and whether to ask for a certificate are said together, so that neither is half meant.
fn clients(
    fields: &Fields<'_>,
    authorities: Option<NamedFile>,
    asked: Option<(CertificateDemand, CertificateRole)>,
    lists: Vec<NamedFile>,
    faults: &mut Faults,
) -> Option<ClientCertificates> {
    match (authorities, asked) {
        (None, None) if lists.is_empty() => Some(ClientCertificates::NotAsked),
        (Some(authorities), Some((demand, role))) => {
            Some(ClientCertificates::Asked(AskedCertificates { authorities, lists, demand, role }))
        }
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
        (None, None) => {
            let reason = "`client_crl_files` means nothing while no certificates are asked for";
            let fix = "write `client_ca_file: tls/clients.pem` and `client_certificates: required`";
            faults.add(fields.place("client_crl_files"), reason, fix);
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

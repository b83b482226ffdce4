//! What the tests of TLS share: authorities, files of certificates beside a repository, and clients that were not
//! written here.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use testkit::{Authority, Gateway, Issued, Leaf, Name};

use super::world::{BILLING, HOST, Place, World};

/// The SPIFFE id that policies of the tests name.
pub(crate) const WORKLOAD: &str = "spiffe://example.org/ns/shop/sa/cart";

/// A repository whose listener has a certificate for both hosts.
pub(crate) struct Secured {
    pub(crate) world: World,
    pub(crate) servers: Authority,
    pub(crate) clients: Authority,
}

/// What an answer of curl was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// `200`, `421 misdirected`; the number of curl's own error, `curl 60`, where there was no answer.
    pub(crate) summary: String,
    pub(crate) text: String,
    /// The id of the decision.
    pub(crate) id: String,
}

/// Writes `NAME.pem` and `NAME.key` under `tls/`.
pub(crate) fn write_pair(place: &Place, name: &str, issued: &Issued) {
    place.write(&format!("tls/{name}.pem"), &issued.certificate);
    place.write(&format!("tls/{name}.key"), &issued.key);
    let key = place.dir().join(format!("tls/{name}.key"));
    let status = Command::new("chmod").arg("600").arg(&key).status().unwrap();
    assert!(status.success());
}

/// `tls` of `sallyport.yaml` with these lines more.
pub(crate) fn with_tls(place: &Place, more: &str) {
    place.append(
        "sallyport.yaml",
        &format!("tls:\n  certificates: [{{ cert_file: tls/server.pem, key_file: tls/server.key }}]\n{more}"),
    );
}

/// What makes callers show a certificate.
pub(crate) fn asking(demand: &str) -> String {
    format!("  client_ca_file: tls/clients.pem\n  client_certificates: {demand}\n")
}

impl Secured {
    /// With these lines more under `tls`.
    pub(crate) fn start(more: &str, prepare: impl FnOnce(&Place)) -> Self {
        let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
        let world = World::with(|place| {
            let leaf = Leaf::server(&[HOST, BILLING]);
            let names = [leaf.names.clone(), vec![Name::Address([127, 0, 0, 1].into())]].concat();
            write_pair(place, "server", &servers.issue(&Leaf { names, ..leaf }));
            place.write("tls/servers.pem", &servers.pem);
            place.write("tls/clients.pem", &clients.pem);
            with_tls(place, more);
            prepare(place);
        });
        Self { world, servers, clients }
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        self.world.gateway()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.world.place.dir().join("tls").join(name)
    }

    /// curl, to this host by its name, believing the authority of the servers.
    pub(crate) fn curl(&self, host: &str, path: &str, arguments: &[&str]) -> Answer {
        let port = self.gateway().address.port();
        let mut command = Command::new("curl");
        command
            .args(["-sS", "-i", "--http1.1", "--max-time", "50", "--noproxy", "*"])
            .arg("--cacert")
            .arg(self.file("servers.pem"))
            .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
            .args(arguments)
            .arg(format!("https://{host}:{port}{path}"))
            .stdin(Stdio::null());
        answer_of(command)
    }

    /// The same with the key of an application.
    pub(crate) fn curl_as(&self, key: &str, host: &str, path: &str) -> Answer {
        self.curl(host, path, &["-H", &format!("X-Api-Key: {key}")])
    }

    /// The same with a client certificate.
    pub(crate) fn curl_with(&self, issued: &Issued, path: &str, arguments: &[&str]) -> Answer {
        write_pair(&self.world.place, "curl", issued);
        let (certificate, key) = (self.file("curl.pem"), self.file("curl.key"));
        let own = ["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
        self.curl(HOST, path, &[&own, arguments].concat())
    }

    /// `openssl s_client` with these arguments; what it says of the connection.
    pub(crate) fn openssl(&self, arguments: &[&str]) -> String {
        let address = self.gateway().address.to_string();
        let output = Command::new("openssl")
            .args(["s_client", "-connect", &address, "-CAfile"])
            .arg(self.file("servers.pem"))
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let texts = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        texts.concat()
    }
}

/// Runs curl and takes its answer apart.
pub(crate) fn answer_of(mut command: Command) -> Answer {
    let output = command.output().expect("curl is installed by `cargo xtask ensure`");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    // What came after `100 Continue` counts.
    let last = text.rfind("HTTP/1.1 ").and_then(|start| text.get(start..)).unwrap_or_default();
    let Some(status) = last.get(9..12) else {
        let summary = format!("curl {}", output.status.code().unwrap_or(-1));
        return Answer { summary, text: errors, id: String::new() };
    };
    let after = |name: &str| {
        let start = last.to_ascii_lowercase().find(name)? + name.len();
        Some(last.get(start..)?.split(['\r', '"']).next()?.to_owned())
    };
    let slug = after("urn:sallyport:problem:").unwrap_or_default();
    let id = after("\r\nsallyport-decision-id: ").unwrap_or_default();
    Answer { summary: format!("{status} {slug}").trim_end().to_owned(), text: last.to_owned(), id }
}

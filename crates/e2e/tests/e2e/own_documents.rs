//! Real APIs behind the gateway with their own documents, driven by programs that know HTTP better than manners:
//! nothing that the document does not declare reaches them, and what it declares does.

use std::process::{Command, Output};

use serde_json::Value;
use testkit::{Call, Cli, Folder, Gateway, Relay};

use super::heads::{Message, messages};
use super::partners::environment_folder;
use super::same_request::fit;
use super::servers::Server;
use super::world::root;

/// A real API, a relay that keeps what reaches it, and the gateway before both.
struct Partner {
    folder: Folder,
    name: &'static str,
    host: String,
    document: Value,
    relay: Relay,
    gateway: Gateway,
    /// Of an application that may call everything that is declared.
    key: String,
    /// Of one that may call nothing.
    stranger: String,
    _server: Server,
}

impl Partner {
    fn start(name: &'static str, folder: Folder, server: Server, document: Value) -> Self {
        let relay = Relay::to(server.address);
        folder.write("document.json", &document.to_string());
        let host = format!("{name}.example");
        let dir = folder.path().join("repository");
        let cli = Cli::new(&dir, folder.path());
        let (to, spec) =
            (dir.display().to_string(), folder.path().join("document.json").display().to_string());
        let upstream = format!("http://{}", relay.address);
        cli.run(&["init", &to, "--upstream", &upstream, "--openapi", &spec, "--name", name, "--host", &host]);
        folder.write(
            "repository/policies/grants.cedar",
            &format!(
                "@id(\"all\") @owner(\"team\") @reason(\"drives everything\") @expires(\"2099-01-01\")\n\
             permit (principal == Application::\"driver\", action in Action::\"{name}\", resource);\n"
            ),
        );
        let gateway = Gateway::up(&cli, &folder.path().join("gateway.log"));
        let [key, stranger] = ["driver", "stranger"].map(|app| {
            cli.app(app, &format!("{name}-team"), &[]);
            cli.key(app, &[name])
        });
        Self { folder, name, host, document, relay, gateway, key, stranger, _server: server }
    }

    /// The fields every program sends.
    fn fields(&self, key: &str) -> [String; 3] {
        [
            format!("Host: {}", self.host),
            format!("X-Api-Key: {key}"),
            "Authorization: token partner".to_owned(),
        ]
    }

    /// Lets schemathesis invent calls from the document, some of which break it.
    fn schemathesis(&self, key: &str, examples: u32) -> String {
        let mut command = Command::new(environment_folder().join("bin/python"));
        command
            .args(["-m", "schemathesis.cli", "run"])
            .arg(self.folder.path().join("document.json"))
            .args(["--url", &format!("http://{}", self.gateway.address)])
            .args([
                "--max-examples",
                &examples.to_string(),
                "--seed",
                "1",
                "--workers",
                "2",
                "--no-shrink",
                "--no-color",
            ])
            .args([
                "--phases",
                "examples,coverage,fuzzing",
                "--checks",
                "not_a_server_error",
                "--continue-on-failure",
            ])
            .args([
                "--generation-database",
                "none",
                "--request-timeout",
                "20",
                "--exclude-path-regex",
                "delay|drip",
            ])
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path());
        for field in self.fields(key) {
            command.args(["--header", &field]);
        }
        let ran = output(&mut command);
        // What it thinks of the API is not ours to judge; that it ran is.
        assert!(ran.contains("Operations:") && ran.contains("Test cases:"), "{ran}");
        ran
    }

    /// The requests that reached the API, each of which must be one that the document declares.
    fn reached(&self) -> Vec<Message> {
        let paths = self.document["paths"].as_object().unwrap();
        let reached: Vec<Message> = self.relay.streams().iter().flat_map(|stream| messages(stream)).collect();
        for message in &reached {
            let path = message.target.split('?').next().unwrap();
            let method = if message.method == "HEAD" { "GET" } else { &message.method }.to_ascii_lowercase();
            let is_declared = paths
                .iter()
                .any(|(template, item)| item.get(&method).is_some() && fit(template, path).is_some());
            assert!(is_declared, "{} does not declare {message:?}", self.name);
            for field in ["x-api-key", "x-forwarded-host", "sallyport-assertion"] {
                let wanted = usize::from(field != "x-api-key");
                assert_eq!(message.all(field).len(), wanted, "{field} in {message:?}");
            }
        }
        reached
    }

    fn curl(&self, key: &str, line: &str) -> String {
        let (method, path) = line.split_once(' ').unwrap();
        let mut command = Command::new("curl");
        command.args(["--silent", "--show-error", "--path-as-is", "--output", "/dev/null"]);
        command.args(["--write-out", "%{http_code}", "--request", method]);
        for field in self.fields(key) {
            command.args(["--header", &field]);
        }
        output(command.arg(format!("http://{}{path}", self.gateway.address)))
    }

    /// Load by wrk: every answer must be one of success.
    fn wrk(&self, path: &str) -> u64 {
        let mut command = Command::new("wrk");
        command.args(["--threads", "1", "--connections", "8", "--duration", "2s", "--timeout", "20s"]);
        for field in self.fields(&self.key) {
            command.args(["--header", &field]);
        }
        let ran = output(command.arg(format!("http://{}{path}", self.gateway.address)));
        assert!(!ran.contains("Non-2xx") && !ran.contains("Socket errors"), "{ran}");
        let count =
            ran.split(" requests in ").next().and_then(|text| text.split_whitespace().last()?.parse().ok());
        count.unwrap_or_else(|| panic!("{ran}"))
    }

    /// A counted load by h2load, over HTTP/1.1.
    fn h2load(&self, path: &str, requests: u32) {
        let mut command = Command::new("h2load");
        command.args(["--h1", "--requests", &requests.to_string(), "--clients", "8"]);
        // It makes `Host` itself, out of what HTTP/2 calls it.
        command.args(["--header", &format!(":authority: {}", self.host)]);
        for field in self.fields(&self.key).iter().skip(1) {
            command.args(["--header", field]);
        }
        let ran = output(command.arg(format!("http://{}{path}", self.gateway.address)));
        assert!(ran.contains(&format!("{requests} succeeded, 0 failed, 0 errored")), "{ran}");
        assert!(ran.contains(&format!("status codes: {requests} 2xx")), "{ran}");
    }
}

/// What a program wrote, whatever it thinks of it.
fn output(command: &mut Command) -> String {
    let Output { stdout, stderr, .. } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; `cargo xtask ensure` installs it"));
    String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()
}

/// The file of a Python package, as JSON.
fn python_json(code: &str) -> Value {
    let ran = output(Command::new(environment_folder().join("bin/python")).args(["-c", code]));
    serde_json::from_str(&ran).unwrap_or_else(|error| panic!("{error}: {ran}"))
}

/// Drives an API with everything there is; `path` is one that is declared and cheap.
fn drive(partner: &Partner, path: &str, undeclared: &[(&str, &str)], examples: u32) {
    // Nobody who is granted nothing reaches anything, however he tries.
    partner.schemathesis(&partner.stranger, 1);
    assert_eq!(partner.curl(&partner.stranger, &format!("GET {path}")), "403");
    assert!(partner.reached().is_empty(), "{:?}", partner.reached());
    let ran = partner.schemathesis(&partner.key, examples);
    let invented = partner.reached().len();
    assert!(50 < invented, "{invented} requests of schemathesis arrived: {ran}");
    assert_eq!(partner.curl(&partner.key, &format!("GET {path}")), "200");
    assert_eq!(partner.reached().len(), invented + 1);
    for (line, status) in undeclared {
        assert_eq!(partner.curl(&partner.key, line), *status, "{line}");
    }
    assert_eq!(partner.reached().len(), invented + 1);
    partner.h2load(path, 300);
    assert_eq!(partner.reached().len(), invented + 301);
    let count = partner.wrk(path);
    assert!(10 < count, "wrk had {count} answers");
    let reached = u64::try_from(partner.reached().len() - invented - 301).unwrap();
    // wrk ends while some of its requests are under way.
    assert!((count..=count + 8).contains(&reached), "wrk had {count} answers, {reached} requests arrived");
}

#[test]
fn jupyter_server_gets_what_its_own_document_declares() {
    let folder = Folder::new(root(), "jupyter");
    folder.write("notebooks/a.txt", "text");
    let mut command = Command::new(environment_folder().join("bin/python"));
    command
        .args(["-m", "jupyter_server", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", "--allow-root"])
        .args(["--no-browser", "--IdentityProvider.token=partner", "--ServerApp.terminals_enabled=False"])
        .arg("--ServerApp.allow_remote_access=True")
        .arg(format!("--ServerApp.root_dir={}", folder.path().join("notebooks").display()));
    let server = Server::spawn(command, &folder, "jupyter", "] http://");
    let document = python_json(
        "import json, os, yaml, jupyter_server as j; \
         print(json.dumps(yaml.safe_load(open(os.path.join(os.path.dirname(j.__file__), 'services/api/api.yaml'))), default=str))",
    );
    let partner = Partner::start("jupyter", folder, server, document);
    // Its own pages, its static files and its shutdown are not in the document.
    let undeclared = [
        ("POST /api/shutdown", "404"),
        ("GET /static/favicons/favicon.ico", "404"),
        ("GET /api/contents/../status", "400"),
        ("GET /api//status", "400"),
        ("DELETE /api/status", "405"),
    ];
    drive(&partner, "/api/status", &undeclared, 3);
}

#[test]
fn httpbin_gets_what_its_own_document_declares() {
    let folder = Folder::new(root(), "driven");
    let mut command = Command::new(environment_folder().join("bin/python"));
    command.args([
        "-m",
        "gunicorn",
        "--bind",
        "127.0.0.1:0",
        "--worker-class",
        "gthread",
        "--threads",
        "8",
        "httpbin:app",
    ]);
    let server = Server::spawn(command, &folder, "httpbin", "Listening at: http://");
    let document = Call::new(server.address, "localhost", "GET /spec.json").send().json();
    let partner = Partner::start("httpbin", folder, server, document);
    let undeclared = [
        ("GET /spec.json", "404"),
        ("GET /flasgger_static/swagger-ui.css", "404"),
        ("GET /anything/../get", "400"),
        ("GET /get;x", "400"),
        ("DELETE /get", "405"),
    ];
    drive(&partner, "/get", &undeclared, 1);
}

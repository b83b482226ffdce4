//! A real API that was not written here: httpbin behind the gateway, with its own document and its own server.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use testkit::{Call, Cli, Folder, Gateway, environment, until};

use super::world::root;

const HOST: &str = "httpbin.example";

/// The Python environment with the partners; made where the test command has not made it.
pub(crate) fn environment_folder() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let made = FOLDER.get_or_init(|| {
        if let Some(folder) = environment("SALLYPORT_PARTNERS") {
            return PathBuf::from(folder);
        }
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let cargo = environment("CARGO").unwrap_or_else(|| "cargo".to_owned());
        let made = Command::new(cargo).args(["xtask", "ensure"]).current_dir(&workspace).status().unwrap();
        assert!(made.success(), "`cargo xtask ensure` failed");
        workspace.join("target/partners")
    });
    made.clone()
}

/// httpbin under gunicorn; ends with the value.
struct Httpbin {
    child: Child,
    address: SocketAddr,
}

impl Httpbin {
    fn start(folder: &Folder) -> Self {
        let log = folder.path().join("httpbin.log");
        let errors = std::fs::File::create(&log).unwrap();
        let child = Command::new(environment_folder().join("bin/python"))
            .args([
                "-m",
                "gunicorn",
                "--bind",
                "127.0.0.1:0",
                "--workers",
                "1",
                "--threads",
                "4",
                "httpbin:app",
            ])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        let address = until("httpbin's address", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let line = text.split("Listening at: http://").nth(1)?;
            line.split_whitespace().next()?.parse().ok()
        });
        let httpbin = Self { child, address };
        until("httpbin", || std::net::TcpStream::connect(address).ok());
        httpbin
    }
}

impl Drop for Httpbin {
    fn drop(&mut self) {
        // The master ends its workers with it only when it is asked.
        drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
        drop(self.child.wait());
    }
}

#[test]
fn httpbin_is_allowed_denied_explained_and_allowed_by_the_printed_grant() {
    let folder = Folder::new(root(), "httpbin");
    let httpbin = Httpbin::start(&folder);
    let document = Call::new(httpbin.address, "localhost", "GET /spec.json").send();
    assert_eq!((document.status, document.json()["swagger"].as_str()), (200, Some("2.0")));
    folder.write("spec.json", std::str::from_utf8(&document.body).unwrap());
    let dir = folder.path().join("repository");
    let cli = Cli::new(&dir, folder.path());
    let (to, spec, upstream) = (
        dir.display().to_string(),
        folder.path().join("spec.json").display().to_string(),
        format!("http://{}", httpbin.address),
    );
    cli.run(&["init", &to, "--upstream", &upstream, "--openapi", &spec, "--name", "httpbin", "--host", HOST]);
    let shown = cli.run(&["api", "show", "httpbin"]).line();
    assert!(40 < shown["operations"].as_array().unwrap().len(), "{shown}");
    folder.write("repository/policies/grants.cedar", "\
@id(\"reader\") @owner(\"httpbin-team\") @reason(\"reads\") @expires(\"2099-01-01\")
permit (principal == Application::\"reader\", action in [Action::\"httpbin:GET /get\", Action::\"httpbin:GET /headers\", Action::\"httpbin:GET /stream/{n}\"], resource);
@id(\"poster\") @owner(\"httpbin-team\") @reason(\"posts\") @expires(\"2099-01-01\")
permit (principal == Application::\"poster\", action == Action::\"httpbin:POST /post\", resource);
");
    let gateway = Gateway::up(&cli, &folder.path().join("gateway.log"));
    let [reader, poster, stranger] = ["reader", "poster", "stranger"].map(|app| {
        cli.app(app, "httpbin-team", &[]);
        cli.key(app, &["httpbin"])
    });
    let call = |line: &str, key: &str| Call::new(gateway.address, HOST, line).key(key);
    // Each has what it was granted and nothing else.
    let echoed = call("GET /get?a=1&b=%20", &reader).field("X-Mine", "yes").send();
    assert_eq!(echoed.status, 200, "{echoed:?}");
    assert_eq!(echoed.json()["args"], serde_json::json!({"a": "1", "b": " "}));
    let seen = call("GET /headers", &reader)
        .field("Sallyport-Assertion", "forged")
        .field("X_Forwarded_For", "6.6.6.6")
        .send()
        .json();
    let seen = seen["headers"].as_object().unwrap();
    assert!(
        !seen.contains_key("X-Api-Key") && !Value::Object(seen.clone()).to_string().contains("6.6.6.6"),
        "{seen:?}"
    );
    assert_ne!(seen["Sallyport-Assertion"], "forged");
    assert_eq!(seen["Host"], HOST);
    let posted =
        call("POST /post", &poster).field("Content-Type", "application/json").body(br#"{"n":1}"#).send();
    assert_eq!((posted.status, &posted.json()["json"]), (200, &serde_json::json!({"n": 1})));
    let streamed = call("GET /stream/3", &reader).send();
    assert_eq!((streamed.status, streamed.body.iter().filter(|byte| **byte == b'\n').count()), (200, 3));
    for (line, key, summary) in [
        ("POST /post", &reader, "403 no_grant"),
        ("GET /get", &poster, "403 no_grant"),
        ("GET /get", &stranger, "403 no_grant"),
        ("GET /spec.json", &reader, "404 unknown_operation"),
        ("DELETE /get", &reader, "405 method_not_declared"),
        ("GET /anything/../get", &reader, "400 malformed_request"),
    ] {
        assert_eq!(call(line, key).send().summary(), summary, "{line}");
    }
    // Denied with an explanation, the printed grant pasted in, allowed.
    let denied = call("GET /status/204", &stranger).send();
    assert_eq!(denied.summary(), "403 no_grant");
    let explained = cli.try_run(&["explain", &denied.decision()]);
    assert_eq!(explained.code, 1, "{explained:?}");
    let grant = explained.line()["grant"].as_str().unwrap().to_owned();
    folder.write("repository/policies/pasted.cedar", &grant);
    until("the pasted grant", || (call("GET /status/204", &stranger).send().status == 204).then_some(()));
    assert_eq!(call("GET /get", &stranger).send().summary(), "403 no_grant");
    assert_eq!(gateway.stop(), Some(0));
    let verified = cli.run(&["audit", "verify"]).line();
    assert_eq!(verified["ok"], true);
    assert!(15 <= verified["entries"].as_u64().unwrap(), "{verified}");
}

//! A gateway with an upstream and callers, from a repository that was prepared once by the program's own commands.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use testkit::{Call, Cli, Connection, Folder, Gateway, Response, Upstream, contains, until};

/// The host of the API `orders`.
pub(crate) const HOST: &str = "orders.example";
/// The host of the API `billing`.
pub(crate) const BILLING: &str = "billing.example";

/// Where the API's upstream stands in the prepared repository.
const UPSTREAM: &str = "http://127.0.0.1:9";
pub(crate) const API: &str = "apis/orders/api.yaml";
pub(crate) const POLICY: &str = "policies/orders.cedar";

pub(crate) const DOCUMENT: &str = "\
openapi: 3.1.0
info: { title: Orders, version: '1' }
paths:
  /orders:
    get: { operationId: listOrders, responses: {} }
    post: { operationId: createOrder, responses: {} }
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get: { operationId: readOrder, responses: {} }
    put: { operationId: replaceOrder, responses: {} }
    delete: { operationId: deleteOrder, responses: {} }
  /customers/{customerId}/orders:
    get:
      parameters: [{ name: customerId, in: path, required: true, schema: { type: string } }]
      responses: {}
  /config/{index}:
    get:
      parameters: [{ name: index, in: path, required: true, schema: { type: integer } }]
      responses: {}
  /jobs/{id}:cancel:
    post:
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: {}
  /files/{path}:
    get:
      parameters: [{ name: path, in: path, required: true, schema: { type: string } }]
      responses: {}
  /users/{id}:
    get:
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: {}
  /public/info:
    get: { responses: {} }
  /admin:
    get: { responses: {} }
  /administrator:
    get: { responses: {} }
  /stream:
    get: { responses: {} }
";

const BILLING_DOCUMENT: &str = "\
openapi: 3.0.3
info: { title: Billing, version: '1' }
paths:
  /invoices:
    get: { responses: {} }
  /orders:
    get: { responses: {} }
";

const API_TEXT: &str = "\
version: 1
hosts: [orders.example]
upstream: http://127.0.0.1:9
base_path: /
preserve_host: true
owner: orders-team
exposure: partner
mode: enforce
audit: counted
key_header: X-Api-Key
credential: pass
data_class: internal
spanning: ['/files/{path}']
hide_existence: ['GET /users/{id}']
";

pub(crate) const POLICY_TEXT: &str = r#"
@id("partners.read") @owner("orders-team") @reason("partners read orders") @expires("2099-01-01")
permit (
  principal in Team::"partners",
  action in [
    Action::"orders:GET /orders",
    Action::"orders:GET /orders/{id}",
    Action::"orders:GET /administrator",
    Action::"orders:GET /config/{index}",
    Action::"orders:GET /files/{path*}",
    Action::"orders:GET /stream"
  ],
  resource
);

@id("partners.own-customer") @owner("orders-team") @reason("each partner serves one customer") @expires("2099-01-01")
permit (
  principal in Team::"partners",
  action == Action::"orders:GET /customers/{customerId}/orders",
  resource
) when { principal has customer && context.params.customerId == principal.customer };

@id("writer.everything") @owner("orders-team") @reason("the team's own tool") @expires("2099-01-01")
permit (principal == Application::"writer", action in Action::"orders", resource);

@id("public.info") @owner("orders-team") @reason("meant for everybody") @expires("2099-01-01")
permit (principal, action == Action::"orders:GET /public/info", resource);

@id("guard.no-deletes") @owner("orders-team") @reason("the books need every order") @expires("2099-01-01")
forbid (principal, action == Action::"orders:DELETE /orders/{id}", resource);
"#;

/// The keys of the prepared applications.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// `reader` of the team `partners`, customer 42, scope `orders`.
    pub(crate) reader: String,
    /// The same application with the scope `orders:GET /orders` alone.
    pub(crate) narrow: String,
    /// `writer` of the team `orders-team`, scope `orders`.
    pub(crate) writer: String,
    /// `stranger`, which no grant names, scope `orders`.
    pub(crate) stranger: String,
}

struct Prepared {
    folder: Folder,
    keys: Keys,
}

/// Made once by the program's own commands, without a gateway; then copied for each test.
fn prepared() -> &'static Prepared {
    static PREPARED: OnceLock<Prepared> = OnceLock::new();
    PREPARED.get_or_init(|| {
        sweep();
        let folder = Folder::new(root(), "prepared");
        folder.write("orders-document.yaml", DOCUMENT);
        folder.write("billing-document.yaml", BILLING_DOCUMENT);
        let document = folder.path().join("orders-document.yaml").display().to_string();
        let billing = folder.path().join("billing-document.yaml").display().to_string();
        let dir = folder.path().join("repository");
        let cli = Cli::new(&dir, folder.path());
        let to = dir.display().to_string();
        let init =
            ["init", &to, "--upstream", UPSTREAM, "--openapi", &document, "--name", "orders", "--host", HOST];
        cli.run(&init);
        cli.run(&["team", "create", "partners"]);
        cli.run(&["team", "create", "outsiders"]);
        folder.write(&format!("repository/{API}"), API_TEXT);
        folder.write(&format!("repository/{POLICY}"), POLICY_TEXT);
        folder.edit("repository/sallyport.yaml", "# application_attributes", "application_attributes");
        cli.run(&["api", "add", "billing", "--upstream", UPSTREAM, "--openapi", &billing, "--host", BILLING]);
        cli.run(&["api", "regroup", "orders"]);
        cli.app("reader", "partners", &["customer=42"]);
        cli.app("writer", "orders-team", &[]);
        cli.app("stranger", "outsiders", &[]);
        let keys = Keys {
            reader: cli.key("reader", &["orders"]),
            narrow: cli.key("reader", &["orders:GET /orders"]),
            writer: cli.key("writer", &["orders"]),
            stranger: cli.key("stranger", &["orders"]),
        };
        Prepared { folder, keys }
    })
}

/// Where work folders are made: inside the target folder, so that nothing is left on the machine.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// Removes what earlier runs left: the prepared repository is never dropped.
fn sweep() {
    for entry in std::fs::read_dir(root()).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let process = name.rsplit('-').nth(1).and_then(|number| number.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// A date some days from now, by the system's own clock.
pub(crate) fn in_days(days: u32) -> String {
    let output = std::process::Command::new("date")
        .args(["-u", "-d", &format!("+{days} days"), "+%F"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A copy of the prepared repository, not served yet.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) folder: Folder,
    pub(crate) cli: Cli,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = Folder::new(root(), "world");
        folder.copy_from(&prepared().folder);
        let cli = Cli::new(&folder.path().join("repository"), folder.path());
        Self { folder, cli }
    }

    /// The repository's folder.
    pub(crate) fn dir(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        self.folder.write(&format!("repository/{path}"), text);
    }

    pub(crate) fn read(&self, path: &str) -> String {
        self.folder.read(&format!("repository/{path}"))
    }

    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        self.folder.edit(&format!("repository/{path}"), from, to);
    }

    /// Adds text to a file.
    pub(crate) fn append(&self, path: &str, text: &str) {
        let whole = format!("{}{text}", self.read(path));
        self.write(path, &whole);
    }

    pub(crate) fn up(&self) -> Gateway {
        Gateway::up(&self.cli, &self.folder.path().join("gateway.log"))
    }

    /// As [`Place::up`], in a process that gets an error where a file cannot grow, not the signal that ends it.
    fn up_to_full_files(&self) -> Gateway {
        let up = Gateway::up_command(&self.cli);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(up.get_program()).args(up.get_args());
        for (name, value) in up.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Gateway::start(command, &self.folder.path().join("gateway.log"))
    }
}

/// A gateway that serves, its upstream and its callers. Ends with the value, the gateway first.
#[derive(Debug)]
pub(crate) struct World {
    gateway: Option<Gateway>,
    pub(crate) upstream: Upstream,
    pub(crate) place: Place,
    pub(crate) keys: Keys,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// `prepare` changes the repository before the gateway starts.
    pub(crate) fn with(prepare: impl FnOnce(&Place)) -> Self {
        Self::started(prepare, Place::up)
    }

    /// As [`World::with`]; the gateway goes on where its files cannot grow.
    pub(crate) fn that_survives_full_files(prepare: impl FnOnce(&Place)) -> Self {
        Self::started(prepare, Place::up_to_full_files)
    }

    fn started(prepare: impl FnOnce(&Place), up: impl FnOnce(&Place) -> Gateway) -> Self {
        let upstream = Upstream::start();
        let place = Place::new();
        let address = format!("http://{}", upstream.address);
        place.edit(API, UPSTREAM, &address);
        place.edit("apis/billing/api.yaml", UPSTREAM, &address);
        prepare(&place);
        let gateway = Some(up(&place));
        Self { gateway, upstream, place, keys: prepared().keys.clone() }
    }

    /// With these lines in the API's declaration.
    pub(crate) fn with_api(lines: &str) -> Self {
        Self::with(|place| place.append(API, lines))
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        self.gateway.as_ref().unwrap()
    }

    pub(crate) fn cli(&self) -> &Cli {
        &self.place.cli
    }

    /// Ends the gateway in order.
    pub(crate) fn stop(&mut self) {
        assert_eq!(self.gateway.take().unwrap().stop(), Some(0), "{}", self.log());
    }

    /// The gateway, to be ended by hand.
    pub(crate) fn take_gateway(&mut self) -> Gateway {
        self.gateway.take().unwrap()
    }

    /// Ends the gateway as a power failure would.
    pub(crate) fn kill(&mut self) {
        self.gateway.take().unwrap().kill();
    }

    /// Starts it again.
    pub(crate) fn start_again(&mut self) {
        assert!(self.gateway.is_none());
        self.gateway = Some(self.place.up());
    }

    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    pub(crate) fn log(&self) -> String {
        self.place.folder.read("gateway.log")
    }

    /// A request for the API `orders`: `GET /orders/7`.
    pub(crate) fn call(&self, line: &str) -> Call {
        Call::new(self.gateway().address, HOST, line)
    }

    /// A request to the admin API.
    pub(crate) fn admin(&self, line: &str) -> Call {
        let address = self.gateway().admin;
        Call::new(address, &address.to_string(), line)
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.gateway().address)
    }

    /// Sends these bytes and reads the first answer.
    pub(crate) fn raw(&self, bytes: impl AsRef<[u8]>) -> Response {
        let mut connection = self.connect();
        connection.send_what_is_taken(bytes.as_ref());
        connection.answer()
    }

    /// Sends bytes that must be refused with this status, after which the connection must end.
    pub(crate) fn refuses_and_closes(&self, bytes: impl AsRef<[u8]>, status: u16) {
        let bytes = bytes.as_ref();
        let shown = String::from_utf8_lossy(bytes).into_owned();
        let mut connection = self.connect();
        connection.send_what_is_taken(bytes);
        let answer = connection.answer();
        assert_eq!(answer.status, status, "{shown:?}: {answer:?}");
        answer.decision();
        assert_eq!(answer.field("connection"), Some("close"), "{shown:?}");
        let rest = connection.rest();
        assert!(rest.is_empty(), "{shown:?} got more than one answer: {:?}", String::from_utf8_lossy(&rest));
    }

    /// Nothing has reached the upstream so far, and it could have: an allowed call arrives, and arrives alone.
    pub(crate) fn upstream_got_nothing(&self) {
        let before = self.upstream.bytes();
        assert!(before.is_empty(), "the upstream received {:?}", String::from_utf8_lossy(&before));
        let answer = self.call("GET /orders/fence").key(&self.keys.reader).send();
        assert_eq!(answer.status, 200, "{answer:?}");
        let after = self.upstream.bytes();
        assert!(contains(&after, b"GET /orders/fence HTTP/1.1\r\n"));
        assert_eq!(testkit::count(&after, b" HTTP/1."), 1, "{:?}", String::from_utf8_lossy(&after));
    }

    /// The entries of a decision, once all of them are in the log.
    pub(crate) fn entries(&self, id: &str) -> Vec<Value> {
        until("both entries of a decision", || {
            let found = self.cli().try_run(&["audit", "search", "--id", id]).lines();
            (2 <= found.len()).then_some(found)
        })
    }

    /// The `decided` entry of an answer.
    pub(crate) fn decided(&self, answer: &Response) -> Value {
        let entries = self.entries(&answer.decision());
        entries.into_iter().find(|entry| entry["kind"] == "decided").expect("a decided entry")
    }

    /// Looks until a call gives this status.
    pub(crate) fn until_status(&self, call: &Call, status: u16) -> Response {
        until(&format!("{status} for {call:?}"), || {
            let answer = call.send();
            (answer.status == status).then_some(answer)
        })
    }
}

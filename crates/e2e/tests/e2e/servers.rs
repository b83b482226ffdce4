//! Servers that were not written here, each told to write down what it read: one JSON object a line.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use testkit::{Folder, until};

use super::partners::environment_folder;

/// A server from elsewhere. Ends with the value.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    seen: PathBuf,
}

/// WSGI: the path as bytes, decoded by the server; the raw target beside it.
const WSGI: &str = r#"
import json, os
seen = open(os.environ["SEEN"], "a", buffering=1)
def app(environ, start):
    try:
        length = len(environ["wsgi.input"].read())
    except Exception:
        length = -1
    seen.write(json.dumps({
        "case": environ.get("HTTP_X_CASE", ""), "host": environ.get("HTTP_HOST", ""), "method": environ["REQUEST_METHOD"],
        "target": environ["RAW_URI"], "path": environ["PATH_INFO"].encode("latin1").decode("utf8", "replace"),
        "length": length}) + "\n")
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"#;

/// ASGI: the target in two pieces.
const ASGI: &str = r#"
import json, os
seen = open(os.environ["SEEN"], "a", buffering=1)
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("http only")
    length = 0
    while True:
        event = await receive()
        if event["type"] != "http.request":
            length = -1
            break
        length += len(event.get("body", b""))
        if not event.get("more_body"):
            break
    fields = [(name.decode("latin1"), value.decode("utf8", "replace")) for name, value in scope["headers"]]
    first = lambda wanted: next((value for name, value in fields if name == wanted), "")
    query = scope["query_string"].decode("latin1")
    seen.write(json.dumps({
        "case": first("x-case"), "host": first("host"), "method": scope["method"],
        "target": scope["raw_path"].decode("latin1") + ("?" + query if query else ""), "path": scope["path"],
        "length": length}) + "\n")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"#;

/// Node: every field as it stood on the wire.
const NODE: &str = r#"
const http = require('http'), fs = require('fs');
const seen = fs.openSync(process.env.SEEN, 'a');
const utf8 = (text) => Buffer.from(text, 'latin1').toString('utf8');
const server = http.createServer({ keepAliveTimeout: 60000 }, (request, response) => {
  let length = 0, told = false;
  const tell = (length) => {
    if (told) return;
    told = true;
    const raw = request.rawHeaders.map(utf8), fields = [];
    for (let at = 0; at < raw.length; at += 2) fields.push([raw[at], raw[at + 1]]);
    let path = null;
    try { path = decodeURIComponent(request.url.split('?')[0]); } catch (error) {}
    fs.writeSync(seen, JSON.stringify({ case: request.headers['x-case'] || '', host: request.headers.host || '',
      method: request.method, target: request.url, path, fields, length }) + '\n');
  };
  request.on('data', (chunk) => { length += chunk.length; });
  request.on('end', () => { tell(length); response.end('ok'); });
  request.on('close', () => { if (!request.complete) tell(-1); });
  request.on('error', () => tell(-1));
});
server.listen(0, '127.0.0.1', () => console.error('listening at http://127.0.0.1:' + server.address().port));
"#;

impl Server {
    /// Starts nginx, which answers at once and logs what it parsed.
    pub(crate) fn nginx(folder: &Folder) -> Self {
        Self::nginx_with(folder, r#"location / { return 200 "$request_method $request_uri $uri $host"; }"#)
    }

    /// Starts nginx with these locations.
    pub(crate) fn nginx_with(folder: &Folder, locations: &str) -> Self {
        Self::nginx_listening(folder, "", locations)
    }

    /// Starts nginx with these parameters of its listener and this in its server.
    pub(crate) fn nginx_listening(folder: &Folder, parameters: &str, locations: &str) -> Self {
        let seen = folder.path().join("nginx.seen");
        // nginx cannot be asked which port it got. One that is free now may be taken before it binds: then it ends.
        until("nginx", || {
            let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let dir = folder.path().display();
            folder.write("nginx.conf", &format!(r#"
daemon off; master_process off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.errors;
events {{ worker_connections 512; }}
http {{
  log_format seen escape=json '{{"case":"$http_x_case","host":"$http_host","method":"$request_method","target":"$request_uri","path":"$uri","status":"$status"}}';
  access_log {seen} seen;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{
    listen {address} {parameters}; keepalive_requests 1000000;
    {locations}
  }}
}}
"#, seen = seen.display()));
            let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "nginx"];
            let program = program.into_iter().find(|path| Path::new(path).exists()).unwrap_or("nginx");
            let mut command = Command::new(program);
            command
                .arg("-c")
                .arg(folder.path().join("nginx.conf"))
                .arg("-e")
                .arg(folder.path().join("nginx.errors"));
            let mut child = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nginx is installed by `cargo xtask ensure`");
            let is_up = until("nginx to bind or to end", || match child.try_wait().unwrap() {
                Some(_) => Some(false),
                None => TcpStream::connect(address).is_ok().then_some(true),
            });
            is_up.then(|| Self { child, address, seen: seen.clone() })
        })
    }

    /// Starts gunicorn.
    pub(crate) fn gunicorn(folder: &Folder) -> Self {
        folder.write("seen_wsgi.py", WSGI);
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
        ]);
        command.args(["--keep-alive", "60", "seen_wsgi:app"]);
        Self::spawn(command, folder, "gunicorn", "Listening at: http://")
    }

    /// Starts uvicorn.
    pub(crate) fn uvicorn(folder: &Folder) -> Self {
        folder.write("seen_asgi.py", ASGI);
        let mut command = Command::new(environment_folder().join("bin/python"));
        command.args(["-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", "--lifespan", "off"]);
        command.args(["--no-access-log", "--timeout-keep-alive", "60", "seen_asgi:app"]);
        Self::spawn(command, folder, "uvicorn", "running on http://")
    }

    /// Starts Node's own server.
    pub(crate) fn node(folder: &Folder) -> Self {
        folder.write("seen.js", NODE);
        let mut command = Command::new("node");
        command.arg("seen.js");
        Self::spawn(command, folder, "node", "listening at http://")
    }

    /// Starts a server and reads from its log where it listens.
    pub(crate) fn spawn(mut command: Command, folder: &Folder, name: &str, before: &str) -> Self {
        let (log, seen) =
            (folder.path().join(format!("{name}.log")), folder.path().join(format!("{name}.seen")));
        let output = std::fs::File::create(&log).unwrap();
        std::fs::write(&seen, "").unwrap();
        let child = command
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SEEN", &seen)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{name} cannot be started ({error}); `cargo xtask ensure` installs it")
            });
        let address = until(&format!("{name}'s address"), || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let rest = text.split(before).nth(1)?;
            rest.split(|c: char| c.is_whitespace() || c == '/').next()?.parse().ok()
        });
        until(name, || TcpStream::connect(address).ok());
        Self { child, address, seen }
    }

    /// Ends it and gives what it read.
    pub(crate) fn seen(mut self) -> Vec<Value> {
        self.end();
        let text = std::fs::read(&self.seen).unwrap();
        let lines = String::from_utf8_lossy(&text).into_owned();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    fn end(&mut self) {
        // Asked, because gunicorn's workers end in order only with it.
        drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
        until("the end of a server", || self.child.try_wait().unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status());
            let ended = (0..500).any(|_| {
                std::thread::park_timeout(std::time::Duration::from_millis(10));
                !matches!(self.child.try_wait(), Ok(None))
            });
            if !ended {
                drop(self.child.kill());
                drop(self.child.wait());
            }
        }
    }
}

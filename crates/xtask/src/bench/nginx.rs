//! nginx, twice: as the fixed upstream of everything that is measured, and as the peer beside the gateway.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::process::Folder;
use super::process::{Process, Stdout, free_address};
use super::secured::Pair;
use crate::system;

const START_LIMIT: Duration = Duration::from_secs(30);

/// The upstream's answer: 1 KB of JSON.
pub(crate) const BODY_BYTES: usize = 1024;

/// A running nginx that answers everything with the same kilobyte.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl Upstream {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let folder = Folder::new("upstream")?;
        let address = free_address()?;
        let mut body = String::from("{\"id\":42,\"items\":[");
        while body.len() < BODY_BYTES - 64 {
            body.push_str("{\"sku\":\"SKU-0001\",\"qty\":7,\"price\":1.25,\"note\":\"sample\"},");
        }
        body.push_str("{}]}");
        let body = format!("{body:<BODY_BYTES$}");
        let server =
            format!("server {{ listen {address} backlog=4096; location / {{ return 200 '{body}'; }} }}");
        let conf = folder.write("nginx.conf", &configuration(folder.path(), &server))?;
        let mut process =
            Process::start(&mut command(folder.path(), &conf)?, &folder.path().join("log"), Stdout::Log)?;
        process.wait_for(address, START_LIMIT)?;
        Ok(Self { address, _process: process, _folder: folder })
    }
}

/// What the peer does beside forwarding.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check<'a> {
    /// Nothing.
    Nothing,
    /// It looks the value of `X-Api-Key` up in a map and refuses what is not in it.
    Keys(&'a [String]),
}

/// Writes the peer's configuration and returns the program and its arguments.
pub(super) fn peer(
    folder: &Folder,
    upstream: SocketAddr,
    listen: SocketAddr,
    check: Check<'_>,
    tls: Option<&Pair>,
) -> anyhow::Result<Vec<String>> {
    let (ssl, pair) = tls.map_or_else(
        || ("", String::new()),
        |pair| {
            let (certificate, key) = (pair.certificate.display(), pair.key.display());
            let pair = format!(
                "ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; ssl_session_cache off; \
                 ssl_session_tickets off;"
            );
            (" ssl", pair)
        },
    );
    let (map, access) = match check {
        Check::Nothing => (String::new(), ""),
        Check::Keys(keys) => {
            let lines: String =
                keys.iter().enumerate().map(|(index, key)| format!("\"{key}\" c{index:05};\n")).collect();
            let file = folder.write("keys.map", &lines)?;
            let file = file.display();
            (
                format!(
                    "map_hash_max_size 65536; map_hash_bucket_size 128; map $http_x_api_key $client {{ default \"\"; include {file}; }}"
                ),
                "if ($client = \"\") { return 401; } proxy_set_header X-Client $client;",
            )
        }
    };
    let http = format!(
        "upstream up {{ server {upstream}; keepalive 256; keepalive_requests 1000000000; keepalive_timeout 3600s; }}\n{map}\n\
         server {{ listen {listen} backlog=4096{ssl}; {pair} location / {{ {access} proxy_pass http://up; proxy_http_version 1.1; \
         proxy_set_header Connection \"\"; }} }}"
    );
    let conf = folder.write("peer.conf", &configuration(folder.path(), &http))?;
    Ok(arguments(folder.path(), &conf))
}

/// One process that is its own only worker, so that every count is of the work.
fn configuration(folder: &Path, http: &str) -> String {
    let folder = folder.display();
    format!(
        "daemon off; master_process off; worker_processes 1;\n\
         pid {folder}/nginx.pid; error_log {folder}/nginx.err warn;\n\
         events {{ worker_connections 11000; }}\n\
         http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; default_type application/json;\n\
         large_client_header_buffers 8 32k;\n\
         client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;\n{http} }}\n"
    )
}

fn arguments(folder: &Path, conf: &Path) -> Vec<String> {
    let error_log = folder.join("nginx.err");
    [
        "-p",
        &folder.display().to_string(),
        "-c",
        &conf.display().to_string(),
        "-e",
        &error_log.display().to_string(),
    ]
    .map(String::from)
    .to_vec()
}

fn command(folder: &Path, conf: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(system::path_of("nginx")?);
    command.args(arguments(folder, conf));
    Ok(command)
}

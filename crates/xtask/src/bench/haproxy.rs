//! HAProxy as a peer: it forwards, in the clear or behind TLS, or verifies tokens and looks the rule up in a tree of prefixes.

use std::net::SocketAddr;

use super::process::Folder;
use super::secured::Pair;
use super::tokens::{self, Tokens};

/// Refuses what has no good token, or one without the role that the longest matching prefix of method and path asks for.
/// Prefixes are the best indexed form that it has; they are no templates.
fn verify(folder: &Folder, tokens: &Tokens) -> anyhow::Result<String> {
    let rule = |rule: usize| {
        let path = tokens::path_of(rule);
        let prefix = path.split('{').next().unwrap_or_default();
        format!("GET:{prefix} {}\n", tokens::role_of(rule))
    };
    let rules = folder.write("rules.map", &(0..tokens::RULES).map(rule).collect::<String>())?;
    let (rules, pem) = (rules.display(), tokens.pem.display());
    let (issuer, audience) = (tokens::ISSUER, tokens::AUDIENCE);
    let deny = "  http-request deny deny_status";
    Ok(format!(
        "  http-request set-var(txn.bearer) http_auth_bearer\n\
           http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')\n\
         {deny} 401 unless {{ var(txn.alg) -m str ES256 }}\n\
         {deny} 401 unless {{ var(txn.bearer),jwt_payload_query('$.iss') -m str {issuer} }}\n\
         {deny} 401 unless {{ var(txn.bearer),jwt_payload_query('$.aud') -m str {audience} }}\n\
           http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')\n\
           http-request set-var(txn.now) date()\n\
         {deny} 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}\n\
         {deny} 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,\"{pem}\") 1 }}\n\
           http-request set-var(txn.path) path\n\
           http-request set-var(txn.role) var(txn.bearer),jwt_payload_query('$.role')\n\
           http-request set-var(txn.want) method,concat(:,txn.path),map_beg({rules})\n\
         {deny} 403 unless {{ var(txn.want) -m found }}\n\
         {deny} 403 unless {{ var(txn.role),strcmp(txn.want) eq 0 }}\n"
    ))
}

/// Writes HAProxy's configuration and returns the program's arguments. One thread, no log, as nginx beside it.
pub(super) fn peer(
    folder: &Folder,
    upstream: SocketAddr,
    listen: SocketAddr,
    tokens: Option<&Tokens>,
    tls: Option<&Pair>,
) -> anyhow::Result<Vec<String>> {
    let tls = tls.map_or_else(String::new, |pair| {
        format!(" ssl crt {} ssl-min-ver TLSv1.3 no-tls-tickets alpn http/1.1", pair.both.display())
    });
    let checks = tokens.map_or_else(|| Ok(String::new()), |tokens| verify(folder, tokens))?;
    let text = format!(
        "global\n  nbthread 1\n  maxconn 4096\n  tune.ssl.cachesize 0\n\
         defaults\n  mode http\n  timeout connect 5s\n  timeout client 3600s\n  timeout server 3600s\n  timeout http-keep-alive 3600s\n\
         frontend in\n  bind {listen}{tls}\n{checks}  default_backend up\n\
         backend up\n  http-reuse always\n  server one {upstream} pool-max-conn 256\n"
    );
    let path = folder.write("haproxy.cfg", &text)?;
    Ok(vec!["-db".into(), "-f".into(), path.display().to_string()])
}

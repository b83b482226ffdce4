//! Envoy as a peer: it forwards, or looks an API key up among many and forwards.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::process::Folder;

/// Writes Envoy's configuration and returns the program's arguments. One worker, no access log, as nginx beside it.
pub(super) fn peer(
    folder: &Folder,
    upstream: SocketAddr,
    listen: SocketAddr,
    keys: Option<&[String]>,
) -> anyhow::Result<Vec<String>> {
    let path = folder.write("envoy.json", &configuration(upstream, listen, keys).to_string())?;
    let path = path.display().to_string();
    Ok(["-c", &path, "--concurrency", "1", "--disable-hot-restart", "-l", "error"].map(String::from).to_vec())
}

fn configuration(upstream: SocketAddr, listen: SocketAddr, keys: Option<&[String]>) -> Value {
    let mut filters: Vec<Value> = keys.map(key_filter).into_iter().collect();
    filters.push(filter("router", "router.v3.Router", json!({})));
    let manager = json!({
        "@type": kind("network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "in",
        "codec_type": "HTTP1",
        "generate_request_id": false,
        "route_config": { "name": "r", "virtual_hosts": [{
            "name": "v", "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "up" } }],
        }] },
        "http_filters": filters,
    });
    let many = json!({ "max_connections": 10_000, "max_pending_requests": 10_000, "max_requests": 10_000 });
    json!({ "static_resources": {
        "listeners": [{
            "name": "l",
            "address": address(listen),
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager", "typed_config": manager,
            }] }],
        }],
        "clusters": [{
            "name": "up", "type": "STATIC", "connect_timeout": "5s",
            "circuit_breakers": { "thresholds": [many] },
            "load_assignment": { "cluster_name": "up", "endpoints": [{ "lb_endpoints": [{
                "endpoint": { "address": address(upstream) },
            }] }] },
        }],
    } })
}

fn key_filter(keys: &[String]) -> Value {
    let credentials: Vec<Value> = keys
        .iter()
        .enumerate()
        .map(|(index, key)| json!({ "key": key, "client": format!("c{index:05}") }))
        .collect();
    let settings = json!({
        "credentials": credentials,
        "key_sources": [{ "header": "x-api-key" }],
        "forwarding": { "header": "x-client" },
    });
    filter("api_key_auth", "api_key_auth.v3.ApiKeyAuth", settings)
}

fn filter(name: &str, message: &str, mut settings: Value) -> Value {
    if let Some(fields) = settings.as_object_mut() {
        fields.insert("@type".into(), kind(&format!("http.{message}")).into());
    }
    json!({ "name": format!("envoy.filters.http.{name}"), "typed_config": settings })
}

/// The name of a message; filters of networks and of HTTP share their prefix.
fn kind(message: &str) -> String {
    format!("type.googleapis.com/envoy.extensions.filters.{message}")
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

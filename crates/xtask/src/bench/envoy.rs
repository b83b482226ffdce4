//! Envoy as a peer: it forwards, looks an API key up among many, or verifies tokens and judges by many rules.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::process::Folder;
use super::secured::Pair;
use super::tokens::{self, Tokens};

/// What it does beside forwarding.
#[derive(Debug)]
pub(super) enum Work<'a> {
    Forward,
    /// It looks the value of `X-Api-Key` up.
    Keys(&'a [String]),
    /// It verifies tokens, and keeps those that were good.
    KeptTokens(&'a Tokens),
    /// It verifies each token and judges by 1,000 rules: a route with a rule for each.
    Routes(&'a Tokens),
    /// The same rules as a list of conditions in CEL.
    Conditions(&'a Tokens),
}

/// Writes Envoy's configuration and returns the program's arguments. One worker, no access log, as nginx beside it.
pub(super) fn peer(
    folder: &Folder,
    upstream: SocketAddr,
    listen: SocketAddr,
    work: &Work<'_>,
    tls: Option<&Pair>,
) -> anyhow::Result<Vec<String>> {
    let path = folder.write("envoy.json", &configuration(upstream, listen, work, tls).to_string())?;
    let path = path.display().to_string();
    Ok(["-c", &path, "--concurrency", "1", "--disable-hot-restart", "-l", "error"].map(String::from).to_vec())
}

fn configuration(upstream: SocketAddr, listen: SocketAddr, work: &Work<'_>, tls: Option<&Pair>) -> Value {
    let mut filters = match work {
        Work::Forward => Vec::new(),
        Work::Keys(keys) => vec![key_filter(keys)],
        Work::KeptTokens(tokens) => vec![token_filter(tokens, &json!({ "jwt_cache_size": 1_000 }))],
        Work::Routes(tokens) => vec![token_filter(tokens, &Value::Null), rbac(&json!({}))],
        Work::Conditions(tokens) => vec![token_filter(tokens, &Value::Null), rbac(&conditions())],
    };
    filters.push(filter("router", "router.v3.Router", json!({})));
    let routes = match work {
        Work::Forward | Work::Keys(_) | Work::KeptTokens(_) | Work::Conditions(_) => {
            json!([{ "match": { "prefix": "/" }, "route": { "cluster": "up" } }])
        }
        Work::Routes(_) => (0..tokens::RULES).map(route).collect(),
    };
    let socket = tls.map(|pair| json!({ "name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "disable_stateless_session_resumption": true, "disable_stateful_session_resumption": true,
        "common_tls_context": {
            "alpn_protocols": ["http/1.1"],
            "tls_params": { "tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3" },
            "tls_certificates": [{
                "certificate_chain": { "filename": pair.certificate }, "private_key": { "filename": pair.key },
            }],
        },
    } }));
    let manager = json!({
        "@type": kind("network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "in",
        "codec_type": "HTTP1",
        "generate_request_id": false,
        "route_config": { "name": "r", "virtual_hosts": [{
            "name": "v", "domains": ["*"],
            "routes": routes,
        }] },
        "http_filters": filters,
    });
    let many = json!({ "max_connections": 10_000, "max_pending_requests": 10_000, "max_requests": 10_000 });
    json!({ "static_resources": {
        "listeners": [{
            "name": "l",
            "address": address(listen),
            "filter_chains": [{ "transport_socket": socket, "filters": [{
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

fn token_filter(tokens: &Tokens, cache: &Value) -> Value {
    let provider = json!({
        "issuer": tokens::ISSUER,
        "audiences": [tokens::AUDIENCE],
        "local_jwks": { "inline_string": tokens.jwks },
        "forward": true,
        "payload_in_metadata": "jwt",
        "jwt_cache_config": cache,
    });
    let rule = json!({ "match": { "prefix": "/" }, "requires": { "provider_name": "p" } });
    filter(
        "jwt_authn",
        "jwt_authn.v3.JwtAuthentication",
        json!({ "providers": { "p": provider }, "rules": [rule] }),
    )
}

fn rbac(rules: &Value) -> Value {
    filter("rbac", "rbac.v3.RBAC", json!({ "rules": { "action": "ALLOW", "policies": rules } }))
}

/// A route of its own for an operation, and on it the rule.
fn route(rule: usize) -> Value {
    let template = json!({ "path_match_policy": {
        "name": "envoy.path.match.uri_template.uri_template_matcher",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
            "path_template": tokens::path_of(rule),
        },
    }, "headers": [{ "name": ":method", "string_match": { "exact": "GET" } }] });
    let has_role = json!({ "sourced_metadata": { "metadata_matcher": {
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{ "key": "jwt" }, { "key": "role" }],
        "value": { "string_match": { "exact": tokens::role_of(rule) } },
    } } });
    let policy = json!({ "permissions": [{ "any": true }], "principals": [has_role] });
    json!({ "match": template, "route": { "cluster": "up" }, "typed_per_filter_config": {
        "envoy.filters.http.rbac": {
            "@type": kind("http.rbac.v3.RBACPerRoute"),
            "rbac": { "rules": { "action": "ALLOW", "policies": { "p": policy } } },
        },
    } })
}

/// `request.method == "GET" && request.url_path.startsWith(…) && metadata…["role"] == …`, parsed, as it is configured.
fn conditions() -> Value {
    let mut next = 0_u32;
    let mut node = |kind: &str, value: Value| {
        next += 1;
        json!({ "id": next, kind: value })
    };
    let mut policies = serde_json::Map::new();
    for rule in 0..tokens::RULES {
        let mut text = |text: &str| node("const_expr", json!({ "string_value": text }));
        let path = tokens::path_of(rule);
        let prefix = text(path.split('{').next().unwrap_or_default());
        let [get, role, filter, jwt, name] =
            ["GET", &tokens::role_of(rule), "envoy.filters.http.jwt_authn", "jwt", "role"].map(&mut text);
        let [request, again, metadata] =
            ["request", "request", "metadata"].map(|name| node("ident_expr", json!({ "name": name })));
        let method = node("select_expr", json!({ "operand": request, "field": "method" }));
        let url_path = node("select_expr", json!({ "operand": again, "field": "url_path" }));
        let mut held = node("select_expr", json!({ "operand": metadata, "field": "filter_metadata" }));
        for key in [filter, jwt, name] {
            held = node("call_expr", json!({ "function": "_[_]", "args": [held, key] }));
        }
        let is_get = node("call_expr", json!({ "function": "_==_", "args": [method, get] }));
        let starts =
            node("call_expr", json!({ "function": "startsWith", "target": url_path, "args": [prefix] }));
        let is_role = node("call_expr", json!({ "function": "_==_", "args": [held, role] }));
        let both = node("call_expr", json!({ "function": "_&&_", "args": [is_get, starts] }));
        let condition = node("call_expr", json!({ "function": "_&&_", "args": [both, is_role] }));
        let any = json!([{ "any": true }]);
        policies.insert(
            format!("p{rule:04}"),
            json!({ "permissions": any, "principals": any, "condition": condition }),
        );
    }
    Value::Object(policies)
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

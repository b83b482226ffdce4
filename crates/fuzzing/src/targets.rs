//! The table of fuzz functions.

use crate::{configuration, differ, request, segment, small};

/// One fuzz function and what its input is made of.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name on the command line, and of the folder of its corpus.
    pub name: &'static str,
    /// Judges one input; the error says which property does not hold.
    pub judge: fn(&[u8]) -> Result<(), String>,
    /// Pieces that mean something to this parser; mutation inserts them.
    pub words: &'static [&'static str],
}

/// Beginnings of alternative names, and names.
const CERTIFICATE: &[&str] =
    &["\u{6}\u{3}U\u{1d}\u{11}", "spiffe://a.example/b", "a.example", "*.example", "0", "\0", "\u{6}"];

const HEAD: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    " ",
    "\t",
    ": ",
    "\0",
    "\u{80}",
    "GET / HTTP/1.1\r\n",
    "POST /a?b=c HTTP/1.1\r\n",
    "HTTP/1.0",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204 No Content\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "Host: a.example\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 05\r\n",
    "Content-Length: +5\r\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding:\u{b}chunked\r\n",
    "transfer-encoding : chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, Upgrade\r\n",
    "Expect: 100-continue\r\n",
    "Upgrade: websocket\r\n",
    " folded\r\n",
];

const BODY: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "0\r\n\r\n",
    "0\r\n",
    "5\r\nhello\r\n",
    "5;a=b\r\n",
    "5;a=\"\r\n\"\r\n",
    "ffffffffffffffff\r\n",
    "10000000000000000\r\n",
    "0x5\r\n",
    "-1\r\n",
    "+5\r\n",
    " 5\r\n",
    "5 \r\n",
    "05\r\n",
    "A: b\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    ";",
    "\0",
];

const CANONICAL: &[&str] = &[
    "GET ",
    "CONNECT ",
    "OPTIONS ",
    "/",
    "//",
    "/./",
    "/../",
    "%2e",
    "%2E%2e",
    "%2f",
    "%5c",
    "\\",
    "%00",
    "%",
    "%zz",
    "%25",
    "%252e",
    ";",
    "#",
    "?",
    "*",
    "http://a.example/",
    "@",
    "\nHost: ",
    "\nhost: ",
    "\nAuthorization: Bearer ",
    "a.example",
    "a.example:8080",
    "a.example.",
    "[::1]",
    "127.0.0.1",
    ":99999",
    "\u{e9}",
    "%c3%a9",
    "%c0%af",
    "%ff",
    "{id}",
];

const KEY: &[&str] = &[
    "sp_",
    "sp_live_",
    "sp_test_",
    "_",
    "sp__",
    "000000000000",
    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
    "\0",
    " ",
];

const NAMES: &[&str] = &[
    "2026-12-09",
    "T10:00:00Z",
    "+00:00",
    "-9999-01-01",
    "+262142-12-31",
    "23:59:60",
    "a.example",
    ".",
    "-",
    "_",
    ":",
    "[::1]",
    "xn--",
    "%",
    "\u{e9}",
    "\0",
];

const DOCUMENT: &[&str] = &[
    "openapi: 3.1.0\n",
    "openapi: 3.0.3\n",
    "swagger: '2.0'\n",
    "paths:\n",
    "  /a/{id}:\n",
    "    get:\n",
    "    parameters:\n",
    "      - ",
    "name: id\n",
    "in: path\n",
    "$ref: '#/paths/~1a'\n",
    "$ref: '#/components/parameters/a'\n",
    "servers: [{ url: https://a.example/v1 }]\n",
    "basePath: /v1\n",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!binary ",
    "---\n",
    "...\n",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "\n",
    "\t",
    "# ",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "null",
    "~",
    "1e999",
];

const LOCK: &[&str] = &[
    "version: 1\n",
    "groups:\n",
    "  orders:\n",
    "    - GET /orders\n",
    "    - ",
    "GET ",
    "POST ",
    "/{id}",
    "\n",
    ": ",
    "- ",
    "[]",
    "{}",
    "\"",
    "'",
    "#",
];

const TEMPLATE: &[&str] = &[
    "/", "{", "}", "{id}", "{id*}", "{path*}", "*", ":", ".", ",", ":cancel", ".json", "{a}{b}", "{a},{b}",
    "%2f", "%", "..", "\u{e9}", "?", "#",
];

const CONFIGURATION: &[&str] = &[
    "=== sallyport.yaml\n",
    "=== teams.yaml\n",
    "=== apis/a/api.yaml\n",
    "=== apis/../api.yaml\n",
    "=== policies/a.cedar\n",
    "version: 1\n",
    "version: 2\n",
    "hosts: ['*']\n",
    "mode: enforce\n",
    "mode: observe\n",
    "observe_until: 2026-12-09\n",
    "10.0.0.0/0",
    "::/0",
    "1e400/s",
    "0/s",
    "-1",
    "\t",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!str ",
    "---\n",
    "\u{feff}",
    "\u{85}",
    "null",
    "~",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "# ",
    "\"",
    "'",
    "\n",
];

const VALUES: &[&str] = &[
    "http://",
    "https://",
    "127.0.0.1",
    "[::1]",
    "0x7f.1",
    "localhost",
    ":9000",
    ":99999",
    "/v1",
    "@",
    "?",
    "#",
    "10MiB",
    "1e9",
    "d",
    "h",
    "ms",
    "/s",
    "18446744073709551616",
    "-",
    "+",
    ".",
    "_",
    " ",
    "\u{e9}",
    "\0",
];

const NOTE: &[&str] = &[
    "\n",
    "\n\n",
    "fuzz\n",
    "\u{2014} fuzz ",
    "\u{2014} ",
    "0\n",
    "1\n",
    "18446744073709551616\n",
    "-1\n",
    "01\n",
    "c2sp.org/tlog-proof@v1\n",
    "index ",
    "extra ",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    "=",
    "==",
    "\r\n",
    " ",
    "+",
    "/",
];

const BINARY: &[&str] = &[
    "\0",
    "\0\0\0\0",
    "\u{1}",
    "\u{7f}",
    "\u{80}\u{80}\u{80}",
    "\u{ff}\u{ff}\u{ff}\u{ff}",
    "SPSEALED",
    "orders",
    "app:shop",
    "\u{10}\0\0\0",
];

const LOG: &[&str] = &[
    "203.0.113.7 - - [10/Oct/2000:13:55:36 -0700] \"GET /a HTTP/1.1\" 200 5\n",
    "[2016-04-15T20:17:00.310Z] \"GET /a HTTP/2\" 204 - 154 0 226 100 \"-\" \"x\" \"i\" \"h\" \"u\"\n",
    "{\"method\":\"GET\",\"path\":\"/a\"}\n",
    "#Fields: date time cs-method cs-uri-stem\n",
    "\n",
    "\t",
    " - - [",
    "] \"",
    "\" 200 ",
    "\\x22",
    "\\\"",
    "http://H.example:80",
    "CONNECT h:443 HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "{h.example|x}",
    "+0000",
    "1741564800.257",
    "\u{feff}",
    "\u{e9}",
    "\0",
];

const ARCHIVE: &[&str] = &[
    "{\"log\":{\"entries\":[",
    "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[",
    "\"request\":{\"method\":\"GET\",\"url\":\"https://h/a\"}",
    "\"response\":{\"status\":200}",
    "\"headers\":[{\"name\":\"Cookie\",\"value\":\"a\"}]",
    "\"encoding\":\"base64\"",
    "\"kind\":2",
    "\"key\":\"http.method\"",
    "\"value\":{\"stringValue\":\"GET\"}",
    "\"key\":\"http.route\"",
    "]}]}]}",
    "]}}",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "\\u0000",
    "18446744073709551616",
    "1e999",
    "null",
];

const PATHS: &[&str] = &[
    "/",
    "\n",
    "/users",
    "/users/1",
    "/users/2",
    "/v1",
    "/orders/00000000-0000-4000-8000-000000000001",
    "/me",
    ":cancel",
    ".json",
    "@",
    ",",
    ";a=b",
    "('x')",
    "%2f",
    "%",
    "2026-11-26",
    "en-GB",
    "\u{e9}",
    "..",
    "//",
];

const STATE: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "0",
    "-1",
    "18446744073709551615",
    "1e999",
    "\"\"",
    "\u{e9}",
];

const BODIES: &[&str] = &[
    "application/json\n",
    "application/x-www-form-urlencoded\n",
    "text/plain\n",
    "{\"",
    "\":\"",
    "\",\"",
    "\":[",
    "]}",
    "\\u0041",
    "email",
    "password",
    "token",
    "@example.com",
    "+1 415 555 2671",
    "4242 4242 4242 4242",
    "DE89 3704 0044 0532 0130 00",
    "Bearer ",
    "sk_live_",
    "eyJhbGciOiJub25lIn0.e30.",
    "-----BEGIN PRIVATE KEY-----",
    "://a:bcde@",
    "%40",
    "&",
    "=",
];

/// All of them, sorted by name.
pub const TARGETS: &[Target] = &[
    Target { name: "blocks", judge: small::blocks, words: small::BLOCKS },
    Target { name: "canonical", judge: request::judge, words: CANONICAL },
    Target {
        name: "catalog_document",
        judge: |bytes| holds(catalog::fuzz::document, bytes),
        words: DOCUMENT,
    },
    Target { name: "catalog_lock", judge: |bytes| holds(catalog::fuzz::lock, bytes), words: LOCK },
    Target {
        name: "catalog_template",
        judge: |bytes| holds(catalog::fuzz::template, bytes),
        words: TEMPLATE,
    },
    Target { name: "config_edit", judge: |bytes| holds(config::fuzz::edit, bytes), words: CONFIGURATION },
    Target {
        name: "config_key_list",
        judge: |bytes| holds(config::fuzz::key_list, bytes),
        words: configuration::KEY_LIST,
    },
    Target { name: "config_values", judge: |bytes| holds(config::fuzz::values, bytes), words: VALUES },
    Target { name: "configuration", judge: configuration::judge, words: CONFIGURATION },
    Target { name: "differ_request", judge: differ::request, words: HEAD },
    Target { name: "differ_response", judge: differ::response, words: HEAD },
    Target { name: "http1_body", judge: |bytes| text(http1::fuzz::body(bytes)), words: BODY },
    Target { name: "http1_request", judge: |bytes| text(http1::fuzz::request(bytes)), words: HEAD },
    Target { name: "http1_response", judge: |bytes| text(http1::fuzz::response(bytes)), words: HEAD },
    Target { name: "inventory_bodies", judge: |bytes| holds(inventory::fuzz::bodies, bytes), words: BODIES },
    Target { name: "inventory_paths", judge: |bytes| holds(inventory::fuzz::paths, bytes), words: PATHS },
    Target { name: "inventory_state", judge: |bytes| holds(inventory::fuzz::state, bytes), words: STATE },
    Target {
        name: "issuer_keys",
        judge: |bytes| text(identity::token::fuzz::key_set(bytes)),
        words: small::TOKEN,
    },
    Target { name: "key", judge: small::key, words: KEY },
    Target { name: "names", judge: small::names, words: NAMES },
    Target { name: "record_checkpoint", judge: |bytes| text(record::fuzz::checkpoint(bytes)), words: NOTE },
    Target { name: "record_entry", judge: |bytes| text(record::fuzz::entry(bytes)), words: BINARY },
    Target { name: "record_proof", judge: |bytes| text(record::fuzz::proof(bytes)), words: NOTE },
    Target { name: "record_segment", judge: segment::judge, words: BINARY },
    Target { name: "tls_certificate", judge: tls::fuzz::certificate, words: CERTIFICATE },
    Target { name: "token", judge: |bytes| text(identity::token::fuzz::token(bytes)), words: small::TOKEN },
    Target {
        name: "traffic_documents",
        judge: |bytes| holds(traffic::fuzz::documents, bytes),
        words: ARCHIVE,
    },
    Target { name: "traffic_lines", judge: |bytes| holds(traffic::fuzz::lines, bytes), words: LOG },
];

/// A function that asserts its properties itself: it holds when it returns.
fn holds(judge: fn(&[u8]), bytes: &[u8]) -> Result<(), String> {
    judge(bytes);
    Ok(())
}

/// A function that says itself what does not hold.
fn text(result: Result<(), impl std::fmt::Display>) -> Result<(), String> {
    result.map_err(|broken| broken.to_string())
}

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_different() {
        assert!(TARGETS.iter().zip(TARGETS.iter().skip(1)).all(|(a, b)| a.name < b.name));
    }
}

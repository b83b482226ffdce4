//! Access tokens of an issuer that exists for the rig alone: many of them, of users in ten roles, each role good for a tenth of
//! 1,000 operations.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use super::load::Request;
use super::nginx::BODY_BYTES;
use super::process::Folder;
use crate::{shell, system};

pub(super) const ISSUER: &str = "https://id.bench.example";
pub(super) const AUDIENCE: &str = "https://api.bench.example";
/// Operations, each with a rule of its own.
pub(super) const RULES: usize = 1_000;
const ROLES: usize = 10;
/// Users of each role.
const USERS: usize = 50;

/// Makes keys and tokens: node is on every machine that runs the tests, and signs ten thousand tokens in a second.
const SCRIPT: &str = r#"
const crypto = require("crypto"), fs = require("fs");
const [folder, count, issuer, audience, users] = process.argv.slice(1);
const { privateKey, publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwk = { ...publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" };
fs.writeFileSync(folder + "/issuer.pem", publicKey.export({ format: "pem", type: "spki" }));
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const header = part({ alg: "ES256", kid: "one", typ: "at+jwt" });
const now = Math.floor(Date.now() / 1000);
const tokens = [];
for (let number = 0; number < Number(count); number++) {
  const user = number % Number(users), role = "role" + (user % 10);
  const signed = header + "." + part({ iss: issuer, aud: audience, sub: "user" + user, client_id: "web", iat: now,
    exp: now + 36000, jti: "t" + number, role, roles: [role] });
  const signature = crypto.sign("sha256", signed, { key: privateKey, dsaEncoding: "ieee-p1363" });
  tokens.push(signed + "." + signature.toString("base64url"));
}
console.log(JSON.stringify({ jwks: JSON.stringify({ keys: [jwk] }), tokens }));
"#;

/// An issuer's keys, and tokens that it signed.
#[derive(Debug, Deserialize)]
pub(super) struct Tokens {
    /// The key set.
    pub(super) jwks: String,
    tokens: Vec<String>,
    /// The public key, for peers that read it by itself.
    #[serde(skip)]
    pub(super) pem: PathBuf,
}

impl Tokens {
    pub(super) fn make(folder: &Folder, count: usize) -> anyhow::Result<Self> {
        let mut node = Command::new(system::path_of("node")?);
        node.args(["-e", SCRIPT, "--"]).arg(folder.path());
        node.args([&count.to_string(), ISSUER, AUDIENCE, &(ROLES * USERS).to_string()]);
        let mut made: Self = serde_json::from_str(&shell::output(&mut node)?).context("node's tokens")?;
        made.pem = folder.path().join("issuer.pem");
        Ok(made)
    }

    /// One request per token, the first `count` of them, each to an operation that its user's role is good for.
    pub(super) fn requests(&self, count: usize) -> Vec<Request> {
        let request = |(number, token): (usize, &String)| {
            let (role, turn) = (number % ROLES, number / ROLES);
            let rule = (role + ROLES * turn) % RULES;
            let path = path_of(rule).replace("{id}", &(100_000 + number).to_string());
            let text = format!(
                "GET {path} HTTP/1.1\r\nHost: bench0.example.com\r\nUser-Agent: bench/1\r\nAccept: application/json\r\n\
                 Authorization: Bearer {token}\r\n\r\n"
            );
            Request { bytes: text.into_bytes(), status: 200, length: Some(BODY_BYTES) }
        };
        self.tokens.iter().take(count).enumerate().map(request).collect()
    }
}

/// The role that an operation is for.
pub(super) fn role_of(rule: usize) -> String {
    format!("role{}", rule % ROLES)
}

/// The template of an operation's path.
pub(super) fn path_of(rule: usize) -> String {
    format!("/api/v1/res{rule}/{{id}}/items")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_is_one_that_the_role_of_its_user_is_good_for() {
        let tokens = (0..2_500).map(|number| format!("token{number}.")).collect();
        let made = Tokens { jwks: String::new(), tokens, pem: PathBuf::new() };
        let requests = made.requests(2_500);
        assert_eq!(requests.len(), 2_500);
        for (number, request) in requests.iter().enumerate() {
            let text = std::str::from_utf8(&request.bytes).unwrap();
            let rule: usize = text.split("/res").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
            // The script gives the user `number % 500` the role `user % 10`.
            let user = number % (ROLES * USERS);
            assert_eq!(role_of(rule), format!("role{}", user % 10), "{text}");
            assert!(text.contains(&format!("Bearer token{number}.")), "{text}");
        }
    }
}

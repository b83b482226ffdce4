//! TLS in front of what is measured: a certificate, and loads that were not written here (h2load, openssl).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::load::Request;
use super::process::Folder;
use crate::{shell, system};

/// The one cipher of every row, so that all do the same cryptography.
const CIPHER: &str = "TLS_AES_128_GCM_SHA256";
/// For how long openssl makes handshakes, and at most.
const HANDSHAKE_LIMIT: &str = "600";

/// A certificate of P-256 and its key.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// Both in one file, as HAProxy wants it.
    pub(super) both: PathBuf,
}

impl Pair {
    /// Makes one that signs itself; the loads do not look who signed it.
    pub(crate) fn make(folder: &Folder, host: &str) -> anyhow::Result<Self> {
        let path = |name: &str| folder.path().join(name);
        let pair = Self { certificate: path("server.pem"), key: path("server.key"), both: path("both.pem") };
        let mut openssl = Command::new(system::path_of("openssl")?);
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args(["-days", "30", "-subj", &format!("/CN={host}")]);
        openssl.args(["-addext", &format!("subjectAltName=DNS:{host}")]);
        openssl.arg("-keyout").arg(&pair.key).arg("-out").arg(&pair.certificate);
        shell::output(&mut openssl)?;
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
        };
        folder.write("both.pem", &format!("{}{}", read(&pair.certificate)?, read(&pair.key)?))?;
        Ok(pair)
    }
}

/// Requests over TLS 1.3 and HTTP/1.1, as h2load sends them.
#[derive(Debug)]
pub(crate) struct Requests {
    uris: PathBuf,
    address: SocketAddr,
}

impl Requests {
    /// The paths of `requests`, at this host by this address.
    pub(crate) fn of(
        folder: &Folder,
        requests: &[Request],
        host: &str,
        address: SocketAddr,
    ) -> anyhow::Result<Self> {
        let mut uris = String::new();
        for request in requests {
            let text = std::str::from_utf8(&request.bytes).context("a request is no text")?;
            let path = text.split(' ').nth(1).context("a request without a path")?;
            uris.push_str(&format!("https://{host}:{}{path}\n", address.port()));
        }
        Ok(Self { uris: folder.write("uris", &uris)?, address })
    }

    /// Sends `count` of them over `connections`; every one must be answered by 200.
    pub(crate) fn send(&self, count: u64, connections: usize) -> anyhow::Result<()> {
        let mut h2load = Command::new(system::path_of("h2load")?);
        h2load
            .args(["-t1", &format!("-c{connections}"), &format!("-n{count}"), "--h1", "-i"])
            .arg(&self.uris);
        h2load.args(["-H", "accept: application/json", &format!("--connect-to={}", self.address)]);
        h2load.args([&format!("--tls13-ciphers={CIPHER}"), "--groups=X25519"]);
        let printed = shell::output(&mut h2load)?;
        judge(&printed, count).with_context(|| format!("h2load printed\n{printed}"))
    }
}

/// Whether all of `count` were sent over TLS 1.3 by the one cipher, and answered by 200.
fn judge(printed: &str, count: u64) -> anyhow::Result<()> {
    let after = |name: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        line.map(|line| line.split_whitespace().next().unwrap_or_default().to_owned())
    };
    let good = after("status codes: ").with_context(|| "no status codes")?;
    anyhow::ensure!(good == count.to_string(), "{good} of {count} were answered by 2xx");
    for (name, expected) in [("TLS Protocol: ", "TLSv1.3"), ("Cipher: ", CIPHER)] {
        let found = after(name).unwrap_or_default();
        anyhow::ensure!(found == expected, "{name}{found}, not {expected}");
    }
    Ok(())
}

/// Makes full handshakes of TLS 1.3 with X25519, one after the other, for some seconds. Returns how many.
pub(crate) fn handshakes(address: SocketAddr, seconds: u32) -> anyhow::Result<u64> {
    let mut openssl = Command::new(system::path_of("timeout")?);
    openssl.arg(HANDSHAKE_LIMIT).arg(system::path_of("openssl")?);
    openssl.args(["s_time", "-connect", &address.to_string(), "-new", "-tls1_3"]);
    openssl.args(["-ciphersuites", CIPHER, "-time", &seconds.to_string()]);
    connections(&shell::output(&mut openssl)?)
}

/// Reads `812 connections in 3 real seconds, 0 bytes read per connection`.
fn connections(printed: &str) -> anyhow::Result<u64> {
    let line = printed.lines().find(|line| line.contains("real seconds"));
    let count = line.and_then(|line| line.split_whitespace().next()).and_then(|count| count.parse().ok());
    let count: u64 = count.with_context(|| format!("openssl printed\n{printed}"))?;
    anyhow::ensure!(0 < count, "there was no handshake");
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_h2load_prints() {
        let printed = "TLS Protocol: TLSv1.3\nCipher: TLS_AES_128_GCM_SHA256\nstatus codes: 100 2xx, 0 3xx, 0 4xx, 0 5xx\n";
        judge(printed, 100).unwrap();
        for (from, to) in [("100 2xx", "99 2xx"), ("TLSv1.3", "TLSv1.2"), ("128", "256"), ("status", "state")]
        {
            assert!(judge(&printed.replace(from, to), 100).is_err(), "{to}");
        }
    }

    #[test]
    fn reads_what_openssl_prints() {
        let printed = "\n812 connections in 0.43s; 1888.37 connections/user sec, bytes read 0\n812 connections in 3 real seconds, 0 bytes read per connection\n";
        assert_eq!(connections(printed).unwrap(), 812);
        assert!(connections("0 connections in 3 real seconds, 0 bytes read per connection\n").is_err());
        assert!(connections("").is_err());
    }
}

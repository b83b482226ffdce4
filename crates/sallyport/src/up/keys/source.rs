//! One look at where an issuer's keys are: a file, an address, or what the issuer says about itself.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{IssuerConfig, KeySource, SourceUrl, UrlScheme};
use control::SourceOfKeys;
use fetch::{Allowed, FetchError, Order, Transport};
use identity::token::jwk::KEY_SET_BYTES_MAX;
use identity::token::metadata::{METADATA_BYTES_MAX, keys_address};

/// For one document, looking its name up included.
const DEADLINE: Duration = Duration::from_secs(5);
const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// What a look gave: the bytes of a key set, or why there are none.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) keys: Result<Vec<u8>, String>,
    /// The file as it was, where it is one.
    pub(super) file: Option<FileState>,
}

/// A file as it was when it was looked at.
#[derive(Debug)]
pub(super) struct FileState {
    path: PathBuf,
    seen: Option<Seen>,
}

type Seen = (u64, u64, i64, i64);

impl FileState {
    fn of(path: PathBuf) -> Self {
        let seen = seen(&path);
        Self { path, seen }
    }

    /// Whether the file is another one now, or is gone, or has come.
    pub(super) fn has_changed(&self) -> bool {
        seen(&self.path) != self.seen
    }
}

fn seen(path: &Path) -> Option<Seen> {
    let facts = std::fs::metadata(path).ok()?;
    Some((facts.ino(), facts.len(), facts.mtime(), facts.mtime_nsec()))
}

/// Looks once. Paths are relative to the repository in `folder`.
pub(super) async fn look(source: &SourceOfKeys, folder: &Path) -> Look {
    let config = &source.config;
    match &config.source {
        KeySource::File(path) => {
            let path = folder.join(path);
            // Taken before the file is read, so that a change in between is seen as one.
            let file = FileState::of(path.clone());
            Look { keys: read_file(&path), file: Some(file) }
        }
        KeySource::Url(url) => Look { keys: get(config, folder, url, KEY_SET_BYTES_MAX).await, file: None },
        KeySource::Discovery(url) => Look { keys: discover(config, folder, url).await, file: None },
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    // What is no file is not opened: a pipe would wait for its other end.
    if !std::fs::metadata(path).map(|facts: Metadata| facts.is_file()).map_err(told)? {
        return Err(format!("{} is no file", path.display()));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(KEY_SET_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(told)?;
    Ok(bytes)
}

/// Asks the issuer where its keys are, by OpenID Connect Discovery, or by RFC 8414 where it has none of that.
async fn discover(config: &IssuerConfig, folder: &Path, issuer: &SourceUrl) -> Result<Vec<u8>, String> {
    let base = issuer.path.trim_end_matches('/');
    let openid = SourceUrl { path: format!("{base}{OPENID}"), ..issuer.clone() };
    let metadata = match fetch(config, folder, &openid, METADATA_BYTES_MAX).await {
        Err(Failure::Fetch(FetchError::Status { .. })) => {
            let oauth = SourceUrl { path: format!("{OAUTH}{base}"), ..issuer.clone() };
            fetch(config, folder, &oauth, METADATA_BYTES_MAX).await
        }
        outcome => outcome,
    };
    let metadata = metadata.map_err(|failure| failure.told(&openid))?;
    let address = keys_address(&metadata, &config.issuer).map_err(|error| error.to_string())?;
    let url = SourceUrl::parse(&address).map_err(|error| format!("`jwks_uri` of the issuer: {error}"))?;
    get(config, folder, &url, KEY_SET_BYTES_MAX).await
}

async fn get(
    config: &IssuerConfig,
    folder: &Path,
    url: &SourceUrl,
    bytes_max: usize,
) -> Result<Vec<u8>, String> {
    fetch(config, folder, url, bytes_max).await.map_err(|failure| failure.told(url))
}

/// Why an address gave nothing.
enum Failure {
    Fetch(FetchError),
    Roots(tls::TlsFileError),
}

impl Failure {
    /// One line with every cause.
    fn told(&self, url: &SourceUrl) -> String {
        let error: &dyn std::error::Error = match self {
            Self::Fetch(error) => error,
            Self::Roots(error) => error,
        };
        let causes = std::iter::successors(Some(error), |error| error.source());
        let text: Vec<String> = causes.map(ToString::to_string).collect();
        format!("{url}: {}", text.join(": "))
    }
}

async fn fetch(
    config: &IssuerConfig,
    folder: &Path,
    url: &SourceUrl,
    bytes_max: usize,
) -> Result<Vec<u8>, Failure> {
    let transport = match url.scheme {
        UrlScheme::Http => Transport::Plain,
        UrlScheme::Https => {
            let roots = match &config.ca_file {
                Some(path) => tls::Roots::File(folder.join(path)),
                None => tls::Roots::System,
            };
            Transport::Tls(tls::client_config(&roots).map_err(Failure::Roots)?)
        }
    };
    let order = Order {
        transport,
        host: url.host.to_string(),
        port: url.port,
        host_field: url.host_field(),
        path: if url.path.is_empty() { "/".to_owned() } else { url.path.clone() },
        allowed: Allowed(config.allow_networks.clone()),
        bytes_max,
        deadline: DEADLINE,
    };
    fetch::get(&order).await.map_err(Failure::Fetch)
}

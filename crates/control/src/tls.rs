//! Certificates, keys and authorities of the files: read beside the revision, and replaced without one.
//!
//! Keys are in no revision, so what is stored holds none. What always holds: files that cannot be used change nothing that
//! works. A listener whose files are broken keeps showing what it showed; an upstream whose authorities are broken is called
//! by the last good ones, and where there are none its API is not usable, alone. Only a listener that has never had good
//! files refuses the revision that names them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ::tls::{
    Asked, CertificateFacts, ClientConfig, ClientFiles, Clients, PairFiles, Presence, Role, Roots, Server,
    ServerFiles, TlsFileError,
};
use arc_swap::ArcSwap;
use config::{
    AdminTls, ApiConfig, CertificateDemand, CertificateRole, ClientCertificates, ConfigError, ListenerTls,
    NamedFile, Repository,
};
use enforce::UpstreamTls;
use model::{ApiName, Timestamp};

use crate::Control;

/// Days before the end of a certificate from which on it is told of.
const EXPIRY_WARNING_DAYS: i64 = 14;
const DAY_SECONDS: i64 = 86_400;
/// Profiles of upstreams that are held beside those in force, so that requests judged by the last revision find theirs.
const OLD_PROFILES_MAX: usize = 1_024;
const GATEWAY_FILE: &str = "sallyport.yaml";
const RENEW: &str = "put a renewed one there; it is shown from the next handshake on";
const FIX: &str = "put whole, matching files there; they are read as soon as they change";

/// How the workers' listener speaks TLS.
pub type ServerTls = Arc<ArcSwap<Server>>;
/// How upstreams are called over TLS, by the profile that [`enforce::UpstreamTls`] names.
pub type UpstreamConfigs = Arc<ArcSwap<BTreeMap<Box<str>, Arc<ClientConfig>>>>;

/// What the workers read.
#[derive(Debug, Default)]
pub(crate) struct Pointers {
    /// Set where the listener was started with TLS.
    server: OnceLock<ServerTls>,
    /// The same of the admin API.
    admin: OnceLock<ServerTls>,
    upstreams: UpstreamConfigs,
    /// Set once both listeners are there, with TLS or without.
    is_serving: OnceLock<()>,
}

/// What is in force.
#[derive(Clone, Debug, Default)]
pub(crate) struct Material {
    listener: Option<Listener>,
    /// That of the admin API.
    admin: Option<Listener>,
    upstreams: BTreeMap<ApiName, Upstream>,
    /// Files that are named and not in force as they are.
    faults: Vec<ConfigError>,
}

#[derive(Clone, Debug)]
struct Listener {
    files: ServerFiles,
    server: Arc<Server>,
}

#[derive(Clone, Debug)]
struct Upstream {
    files: ClientFiles,
    /// None where there have never been good ones; then the fault says why.
    client: Option<::tls::Client>,
    fault: Option<ConfigError>,
}

impl Material {
    /// Reads what the files name. What `before` has of the same files is kept where they have not changed or cannot be used.
    ///
    /// # Errors
    ///
    /// The listener's files cannot be used and never could.
    pub(crate) fn load(
        folder: &Path,
        repository: &Repository,
        before: &Self,
        now: Timestamp,
    ) -> Result<Self, Vec<ConfigError>> {
        let mut next = Self::default();
        let gateway = &repository.gateway;
        if let Some(config) = &gateway.tls {
            next.listener = Some(next.load_listener(folder, config, before.listener.as_ref(), now)?);
        }
        if let Some(AdminTls { listener, .. }) = &gateway.admin_tls {
            next.admin = Some(next.load_listener(folder, listener, before.admin.as_ref(), now)?);
        }
        for api in &repository.apis {
            next.load_upstream(folder, api, before, now);
        }
        Ok(next)
    }

    fn load_listener(
        &mut self,
        folder: &Path,
        config: &ListenerTls,
        before: Option<&Listener>,
        now: Timestamp,
    ) -> Result<Listener, Vec<ConfigError>> {
        let files = server_files(folder, config);
        let last = before.filter(|last| last.files == files);
        let loaded = files.read().and_then(|read| match last {
            Some(last) if last.server.digest == read.digest() => Ok(Arc::clone(&last.server)),
            Some(_) | None => read.check(seconds(now)).map(Arc::new),
        });
        let server = match (loaded, last) {
            (Ok(server), _) => server,
            (Err(error), Some(last)) => {
                self.faults.push(listener_fault(folder, config, &error));
                Arc::clone(&last.server)
            }
            (Err(error), None) => return Err(vec![listener_fault(folder, config, &error)]),
        };
        Ok(Listener { files, server })
    }

    fn load_upstream(&mut self, folder: &Path, api: &ApiConfig, before: &Self, now: Timestamp) {
        let Some(config) = &api.upstream_tls else { return };
        let files = client_files(folder, config);
        let last = before.upstreams.get(&api.name).filter(|last| last.files == files);
        let last = last.and_then(|last| last.client.as_ref());
        let loaded = files.read().and_then(|read| match last {
            Some(last) if last.digest == read.digest() => Ok(last.clone()),
            Some(_) | None => read.check(seconds(now)),
        });
        let (client, fault) = match loaded {
            Ok(client) => (Some(client), None),
            Err(error) => (last.cloned(), Some(upstream_fault(folder, api, config, &error))),
        };
        self.faults.extend(fault.clone());
        self.upstreams.insert(api.name.clone(), Upstream { files, client, fault });
    }

    /// Files that are named and not in force as they are.
    pub(crate) fn faults(&self) -> &[ConfigError] {
        &self.faults
    }

    /// Whether both say the same of the same files.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let listeners = |material: &Self| {
            [&material.listener, &material.admin]
                .map(|of| of.as_ref().map(|listener| (listener.files.clone(), listener.server.digest)))
        };
        let upstreams = |material: &Self| -> Vec<_> {
            let of = |(name, upstream): (&ApiName, &Upstream)| {
                (name.clone(), upstream.files.clone(), upstream.client.as_ref().map(|client| client.digest))
            };
            material.upstreams.iter().map(of).collect()
        };
        self.faults == other.faults
            && listeners(self) == listeners(other)
            && upstreams(self) == upstreams(other)
    }

    /// How an API's upstream is called over TLS, if it is.
    ///
    /// # Errors
    ///
    /// Its files cannot be used; the text is for its owner.
    pub(crate) fn upstream(&self, api: &ApiConfig) -> Result<Option<UpstreamTls>, String> {
        if api.upstream_tls.is_none() {
            return Ok(None);
        }
        let known = self.upstreams.get(&api.name);
        match known.and_then(|upstream| upstream.client.as_ref()) {
            Some(client) => {
                let profile = profile(client);
                let name = api.upstream.certificate_name();
                Ok(Some(UpstreamTls::new(&api.upstream.address(), name, &profile)))
            }
            None => Err(known
                .and_then(|upstream| upstream.fault.as_ref())
                .map_or_else(|| "its TLS files were not read".to_owned(), ToString::to_string)),
        }
    }

    /// The certificates that this gateway shows, as a server and as a client.
    fn certificates(&self) -> impl Iterator<Item = &CertificateFacts> {
        let own =
            self.upstreams.values().filter_map(|upstream| upstream.client.as_ref()?.certificate.as_ref());
        let listeners = self.listener.iter().chain(&self.admin);
        listeners.flat_map(|listener| &listener.server.certificates).chain(own)
    }

    /// What an operator should look at beside the faults: certificates that end soon, keys that others can read. Each is
    /// told of the file that it is about.
    pub(crate) fn warnings(&self, now: Timestamp) -> Vec<ConfigError> {
        let mut warnings = BTreeSet::new();
        let mut warn = |file: &Path, reason: String, fix: &str| {
            let (file, fix) = (file.display().to_string(), fix.to_owned());
            warnings.insert(ConfigError { file, line: 0, column: 0, reason, fix });
        };
        for facts in self.certificates() {
            let days = facts.ends.saturating_sub(seconds(now)).div_euclid(DAY_SECONDS);
            if days < 0 {
                warn(&facts.file, "the certificate has ended".to_owned(), RENEW);
            } else if days < EXPIRY_WARNING_DAYS {
                warn(&facts.file, format!("the certificate ends in less than {} days", days + 1), RENEW);
            }
            if facts.key_access == ::tls::KeyAccess::Others {
                let reason = "other users of this machine can read this key".to_owned();
                warn(&facts.key_file, reason, "run `chmod 600` on it");
            }
        }
        warnings.into_iter().collect()
    }

    /// The last second of each certificate by its file, for metrics.
    pub(crate) fn ends(&self) -> BTreeMap<String, i64> {
        self.certificates().map(|facts| (facts.file.display().to_string(), facts.ends)).collect()
    }
}

impl Pointers {
    /// Lets workers use this. The profiles of before stay for requests under way.
    pub(crate) fn publish_upstreams(&self, material: &Material) {
        let before = self.upstreams.load();
        let mut next: BTreeMap<Box<str>, Arc<ClientConfig>> = BTreeMap::new();
        for client in material.upstreams.values().filter_map(|upstream| upstream.client.as_ref()) {
            next.insert(profile(client).into(), Arc::clone(&client.config));
        }
        let old: Vec<_> = before.iter().filter(|(name, _)| !next.contains_key(*name)).collect();
        for (name, config) in old.into_iter().take(OLD_PROFILES_MAX) {
            next.insert(name.clone(), Arc::clone(config));
        }
        self.upstreams.store(Arc::new(next));
    }

    pub(crate) fn publish_listeners(&self, material: &Material) {
        for (pointer, listener) in [(&self.server, &material.listener), (&self.admin, &material.admin)] {
            if let (Some(pointer), Some(listener)) = (pointer.get(), listener) {
                pointer.store(Arc::clone(&listener.server));
            }
        }
    }

    /// What the files say of TLS and only a start can do: a port that spoke in the clear, or did not, goes on doing so, since
    /// those who are connected to it would be cut off in the middle of a word.
    pub(crate) fn waiting(&self, repository: &Repository) -> Vec<ConfigError> {
        let gateway = &repository.gateway;
        let listeners = [
            (&self.server, gateway.tls.is_some(), "tls", "callers"),
            (&self.admin, gateway.admin_tls.is_some(), "admin_tls", "administrators"),
        ];
        let waits = listeners.into_iter().filter(|(pointer, is_named, ..)| match pointer.get() {
            Some(_) => !is_named,
            None => *is_named && self.is_serving.get().is_some(),
        });
        let told = waits.map(|(pointer, _, field, whom)| {
            let reason = match pointer.get() {
                Some(_) => {
                    format!("`{field}` is gone; the listener for {whom} speaks TLS until the next start")
                }
                None => format!(
                    "`{field}` is new; the listener for {whom} speaks in the clear until the next start"
                ),
            };
            let fix = "restart the gateway, which says so at once if the files cannot be used".to_owned();
            ConfigError { file: GATEWAY_FILE.to_owned(), line: 0, column: 0, reason, fix }
        });
        told.collect()
    }
}

impl Control {
    /// How the listener for callers speaks TLS; none where the files say nothing of it. From the first call on, the
    /// pointer follows the files.
    #[must_use]
    pub fn server_tls(&self) -> Option<ServerTls> {
        let state = self.state();
        let listener = state.tls.listener.as_ref()?;
        let pointer = || Arc::new(ArcSwap::new(Arc::clone(&listener.server)));
        Some(Arc::clone(self.tls.server.get_or_init(pointer)))
    }

    /// The same of the admin API.
    #[must_use]
    pub fn admin_tls(&self) -> Option<ServerTls> {
        let state = self.state();
        let listener = state.tls.admin.as_ref()?;
        let pointer = || Arc::new(ArcSwap::new(Arc::clone(&listener.server)));
        Some(Arc::clone(self.tls.admin.get_or_init(pointer)))
    }

    /// By which authorities commands on this machine verify the admin API, where the files name any.
    #[must_use]
    pub fn admin_ca_file(&self) -> Option<PathBuf> {
        let state = self.state();
        let file = state.loaded.as_ref()?.repository.gateway.admin_tls.as_ref()?.ca_file.as_ref()?;
        Some(self.folder.join(&file.path))
    }

    /// Both listeners are there: from now on, whether they speak TLS is settled.
    pub fn is_serving(&self) {
        self.tls.is_serving.get_or_init(|| ());
    }

    /// How upstreams are called over TLS.
    #[must_use]
    pub fn upstream_tls(&self) -> UpstreamConfigs {
        Arc::clone(&self.tls.upstreams)
    }

    /// The folders of the files that TLS needs, for whoever watches them.
    #[must_use]
    pub fn tls_folders(&self) -> BTreeSet<PathBuf> {
        let state = self.state();
        let of_upstreams = state.tls.upstreams.values().flat_map(|upstream| upstream.files.paths());
        let listeners = state.tls.listener.iter().chain(&state.tls.admin);
        let of_listeners = listeners.flat_map(|listener| listener.files.paths());
        of_listeners.chain(of_upstreams).filter_map(|path| path.parent().map(Path::to_owned)).collect()
    }
}

/// Reads what the files of a repository name, as a start would; for `config check`.
///
/// # Errors
///
/// The files cannot be used.
pub fn check_tls(
    folder: &Path,
    repository: &Repository,
    now: Timestamp,
) -> Result<Vec<ConfigError>, Vec<ConfigError>> {
    let material = Material::load(folder, repository, &Material::default(), now)?;
    if material.faults.is_empty() { Ok(material.warnings(now)) } else { Err(material.faults) }
}

/// One text per content of the files: who is believed and what is shown.
fn profile(client: &::tls::Client) -> String {
    client.digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

const fn seconds(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(1_000_000)
}

fn server_files(folder: &Path, config: &ListenerTls) -> ServerFiles {
    let at = |file: &NamedFile| folder.join(&file.path);
    ServerFiles {
        pairs: config.certificates.iter().map(|pair| pair_files(folder, pair)).collect(),
        clients: match &config.clients {
            ClientCertificates::NotAsked => Clients::NotAsked,
            ClientCertificates::Asked(asked) => Clients::Asked(Asked {
                authorities: at(&asked.authorities),
                lists: asked.lists.iter().map(at).collect(),
                presence: match asked.demand {
                    CertificateDemand::Optional => Presence::Optional,
                    CertificateDemand::Required => Presence::Required,
                },
                role: match asked.role {
                    CertificateRole::Caller => Role::Caller,
                    CertificateRole::Transport => Role::Transport,
                },
            }),
        },
    }
}

fn client_files(folder: &Path, config: &config::UpstreamTls) -> ClientFiles {
    ClientFiles {
        roots: config.ca_file.as_ref().map_or(Roots::System, |file| Roots::File(folder.join(&file.path))),
        own: config.own.as_ref().map(|pair| pair_files(folder, pair)),
    }
}

fn pair_files(folder: &Path, pair: &config::CertificateFiles) -> PairFiles {
    PairFiles { certificate: folder.join(&pair.certificate.path), key: folder.join(&pair.key.path) }
}

fn listener_fault(folder: &Path, config: &ListenerTls, error: &TlsFileError) -> ConfigError {
    let pairs = config.certificates.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
    fault(folder, pairs.chain(config.clients.files()), GATEWAY_FILE, error)
}

fn upstream_fault(
    folder: &Path,
    api: &ApiConfig,
    config: &config::UpstreamTls,
    error: &TlsFileError,
) -> ConfigError {
    let own = config.own.iter().flat_map(|pair| [&pair.certificate, &pair.key]);
    fault(folder, own.chain(&config.ca_file), &api.file, error)
}

/// A fault, told where the file that has it is named.
fn fault<'a>(
    folder: &Path,
    mut named: impl Iterator<Item = &'a NamedFile>,
    file: &str,
    error: &TlsFileError,
) -> ConfigError {
    let reason = error.chain();
    match named.find(|named| folder.join(&named.path) == error.path) {
        Some(named) => named.error(file, reason, FIX),
        None => ConfigError { file: file.to_owned(), line: 0, column: 0, reason, fix: FIX.to_owned() },
    }
}

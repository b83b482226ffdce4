//! The repository as a whole: every file read, every reference between files checked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use model::{ApiName, HostName, Mode};

use crate::api::read::Written;
use crate::nearest::nearest;
use crate::place::{ERRORS_MAX, Faults, Place};
use crate::{
    ApiConfig, ConfigError, Document, FILES_MAX, FileSource, GatewayConfig, Hosts, LockText, Role, Teams,
    api, byte_limit, gateway, role_of, teams,
};

/// A configuration without faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub gateway: GatewayConfig,
    pub teams: Teams,
    /// Sorted by name.
    pub apis: Vec<ApiConfig>,
    /// Sorted by path; none is a valid configuration that denies everything.
    pub policies: Vec<PolicyText>,
    /// Paths of policy tests.
    pub tests: Vec<String>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<ConfigError>,
}

/// A file of policies, not yet compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    pub path: String,
    pub text: String,
}

impl Repository {
    /// Reads and checks all files; gives every error found, sorted by place.
    pub fn load(files: &dyn FileSource) -> Result<Self, Vec<ConfigError>> {
        let mut load = Load { files, errors: Vec::new(), warnings: Vec::new() };
        let roles = load.roles();
        let gateway = load.gateway();
        let teams = load.teams();
        let apis = load.apis(&roles);
        let policies = load.policies(&roles);
        let tests =
            roles.iter().filter(|(_, role)| **role == Role::Test).map(|(path, _)| path.clone()).collect();
        load.check(&apis, gateway.as_ref(), teams.as_ref());
        let Load { mut errors, mut warnings, .. } = load;
        warnings.sort_unstable();
        match (gateway, teams) {
            (Some(gateway), Some(teams)) if errors.is_empty() => {
                let apis = apis.into_iter().map(|written| written.api).collect();
                Ok(Self { gateway, teams, apis, policies, tests, warnings })
            }
            _ => {
                errors.sort_unstable();
                errors.dedup();
                errors.truncate(ERRORS_MAX);
                Err(errors)
            }
        }
    }
}

/// One load under way.
struct Load<'f> {
    files: &'f dyn FileSource,
    errors: Vec<ConfigError>,
    warnings: Vec<ConfigError>,
}

impl Load<'_> {
    /// Lets `read` note faults about `file`, and keeps them.
    fn noting<T>(&mut self, file: &str, read: impl FnOnce(&mut Faults) -> T) -> T {
        let mut faults = Faults::of(file);
        let value = read(&mut faults);
        let (errors, warnings) = faults.into_parts();
        self.errors.extend(errors);
        self.warnings.extend(warnings);
        value
    }

    fn whole(&mut self, file: &str, reason: impl Into<String>, fix: impl Into<String>) {
        self.noting(file, |faults| faults.add(Place::WHOLE, reason, fix));
    }

    /// The files that concern us, by path; notes those that lie in the wrong place or are too large.
    fn roles(&mut self) -> BTreeMap<String, Role> {
        let files = self.files;
        let mut roles = BTreeMap::new();
        for path in files.paths() {
            let Some(role) = role_of(path) else {
                continue;
            };
            let length = files.bytes(path).map_or(0, <[u8]>::len);
            if role == Role::Stray {
                self.whole(path, "nothing reads this file", stray_fix(path));
            } else if byte_limit(&role) < length {
                let reason = format!("the file is over {} bytes long", byte_limit(&role));
                self.whole(path, reason, "split it, or remove what is not needed");
            } else {
                roles.insert(path.to_owned(), role);
            }
        }
        if FILES_MAX < roles.len() {
            let reason = format!("the repository holds over {FILES_MAX} files");
            self.whole("sallyport.yaml", reason, "join small policy files");
            roles.clear();
        }
        roles
    }

    /// The bytes of a file that is not over its limit, which [`Self::roles`] has reported.
    fn bytes(&self, path: &str, role: &Role) -> Option<Vec<u8>> {
        let bytes = self.files.bytes(path)?;
        (bytes.len() <= byte_limit(role)).then(|| bytes.to_vec())
    }

    fn gateway(&mut self) -> Option<GatewayConfig> {
        let path = "sallyport.yaml";
        match self.files.bytes(path) {
            None => {
                self.noting(path, gateway::read::missing);
                None
            }
            Some(_) => {
                let bytes = self.bytes(path, &Role::Gateway)?;
                self.noting(path, |faults| gateway::read::read(&bytes, faults))
            }
        }
    }

    fn teams(&mut self) -> Option<Teams> {
        let path = "teams.yaml";
        match self.files.bytes(path) {
            None => {
                self.noting(path, teams::read::missing);
                None
            }
            Some(_) => {
                let bytes = self.bytes(path, &Role::Teams)?;
                self.noting(path, |faults| teams::read::read(&bytes, faults))
            }
        }
    }

    fn policies(&mut self, roles: &BTreeMap<String, Role>) -> Vec<PolicyText> {
        let mut policies = Vec::new();
        for path in roles.iter().filter(|(_, role)| **role == Role::Policy).map(|(path, _)| path) {
            if let Some(text) = self.text(path, &Role::Policy) {
                policies.push(PolicyText { path: path.clone(), text });
            }
        }
        policies
    }

    fn text(&mut self, path: &str, role: &Role) -> Option<String> {
        match String::from_utf8(self.bytes(path, role)?) {
            Ok(text) => Some(text),
            Err(_) => {
                self.whole(path, "this is not UTF-8", "save the file as UTF-8");
                None
            }
        }
    }

    fn apis(&mut self, roles: &BTreeMap<String, Role>) -> Vec<Written> {
        let named = |role: &Role| match role {
            Role::Api(name) | Role::Document(name) | Role::Lock(name) => Some(name.clone()),
            Role::Gateway | Role::Teams | Role::Policy | Role::Test | Role::Stray => None,
        };
        let names: BTreeSet<ApiName> = roles.values().filter_map(named).collect();
        names.iter().filter_map(|name| self.api(name, roles)).collect()
    }

    fn api(&mut self, name: &ApiName, roles: &BTreeMap<String, Role>) -> Option<Written> {
        let path = format!("apis/{name}/api.yaml");
        if self.files.bytes(&path).is_none() {
            let fix = format!("run `sallyport api add {name}`, or remove the folder");
            self.whole(&path, "the file is missing", fix);
            return None;
        }
        let bytes = self.bytes(&path, &Role::Api(name.clone()))?;
        let written = self.noting(&path, |faults| api::read::read(name, &bytes, faults));
        let documents: Vec<&String> = roles
            .iter()
            .filter(|(_, role)| **role == Role::Document(name.clone()))
            .map(|(path, _)| path)
            .collect();
        if let [_, second, ..] = documents.as_slice() {
            self.whole(second, "the API has two documents", "keep one of openapi.json and openapi.yaml");
        }
        let lock = format!("apis/{name}/groups.lock");
        let lock_text = match roles.get(&lock) {
            Some(role) => self.text(&lock, role),
            None => None,
        };
        let mut written = written?;
        written.api.document = documents.first().and_then(|path| {
            let bytes = self.bytes(path, &Role::Document(name.clone()))?;
            Some(Document { path: (*path).clone(), bytes })
        });
        written.api.lock = lock_text.map(|text| LockText { path: lock, text });
        Some(written)
    }

    /// What only shows when files are seen together.
    fn check(&mut self, apis: &[Written], gateway: Option<&GatewayConfig>, teams: Option<&Teams>) {
        if let Some(gateway) = gateway {
            self.noting("sallyport.yaml", |faults| check_gateway_issuers(gateway, apis, teams, faults));
        }
        let mut claims: BTreeMap<(HostName, String), ApiName> = BTreeMap::new();
        for written in apis {
            let api = &written.api;
            self.noting(&api.file, |faults| {
                if let Some(teams) = teams {
                    check_owner(written, teams, faults);
                }
                if let Some(gateway) = gateway {
                    check_upstream(written, gateway, faults);
                    check_issuers(written, gateway, faults);
                }
                check_hosts(written, apis.len(), &mut claims, faults);
                if api.mode == Mode::Enforce && api.document.is_none() {
                    let place = Place { line: api.mode_place.0, column: api.mode_place.1 };
                    let fix = format!(
                        "put its OpenAPI document at apis/{}/openapi.yaml, or observe it first",
                        api.name
                    );
                    faults.add(
                        place,
                        "without a document nothing is declared, so all calls would be denied",
                        fix,
                    );
                }
            });
        }
    }
}

fn stray_fix(path: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let parts: Vec<&str> = folder.split('/').collect();
    match parts.as_slice() {
        ["policies", ..] => "policies are read from policies/NAME.cedar, not from folders below".to_owned(),
        ["tests", ..] => "tests are read from tests/NAME.yaml".to_owned(),
        ["apis", name] if ApiName::parse(name).is_err() => {
            "the name of an API is made of a-z, 0-9, `-`, `_` and `.`".to_owned()
        }
        ["apis", _] => match nearest(file, ["api.yaml", "openapi.yaml", "openapi.json", "groups.lock"]) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "beside api.yaml lie openapi.yaml or openapi.json, and groups.lock".to_owned(),
        },
        ["apis", ..] => "an API is one folder, apis/NAME".to_owned(),
        _ => "the name ends with .yaml".to_owned(),
    }
}

fn check_owner(written: &Written, teams: &Teams, faults: &mut Faults) {
    check_team(&written.api.owner, written.owner, teams, faults);
}

fn check_team(team: &model::TeamName, place: Place, teams: &Teams, faults: &mut Faults) {
    if teams.find(team).is_some() {
        return;
    }
    let fix = match nearest(team.as_str(), teams.0.keys().map(model::TeamName::as_str)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("run `sallyport team create {team}`, or name a team of teams.yaml"),
    };
    faults.add(place, format!("there is no team `{team}`"), fix);
}

/// Refuses an upstream that is this gateway by its very address. A name is looked at again once it is resolved.
fn check_upstream(written: &Written, gateway: &GatewayConfig, faults: &mut Faults) {
    let upstream = &written.api.upstream;
    let host = upstream.host.as_str();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let addresses = match bare.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) if host == "localhost" || host.ends_with(".localhost") => {
            vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
        }
        Err(_) => Vec::new(),
    };
    if addresses.iter().any(|address| gateway.is_own_listener(SocketAddr::new(*address, upstream.port))) {
        let reason = "the upstream is this gateway itself";
        faults.add(
            written.upstream,
            reason,
            "write the address of the API, or move a listener to another port",
        );
    }
}

/// An API accepts only issuers that are there, and an audience of its own means something only with one.
fn check_issuers(written: &Written, gateway: &GatewayConfig, faults: &mut Faults) {
    let known = || gateway.issuers.iter().map(|issuer| issuer.name.as_str());
    for name in written.api.issuers.iter().filter(|name| !known().any(|known| known == name.as_str())) {
        let fix = match nearest(name.as_str(), known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("describe `{name}` under `issuers` in sallyport.yaml"),
        };
        faults.add(written.issuers, format!("there is no issuer `{name}`"), fix);
    }
    if written.api.issuers.is_empty() && !written.api.audience.is_empty() {
        let reason = "`audience` means nothing without `issuers`";
        faults.warn(written.issuers, reason, "write `issuers`, or remove it");
    }
}

fn check_gateway_issuers(
    gateway: &GatewayConfig,
    apis: &[Written],
    teams: Option<&Teams>,
    faults: &mut Faults,
) {
    for issuer in &gateway.issuers {
        let place = Place { line: issuer.place.0, column: issuer.place.1 };
        // Clients of both are named `NAME:ID`, and must not be taken for each other.
        if apis.iter().any(|written| written.api.name.as_str() == issuer.name.as_str()) {
            let reason = format!("there is an API `{}` too, and both name clients", issuer.name);
            faults.add(place, reason, "give the issuer another name");
        }
        if let (Some(team), Some(teams)) = (&issuer.team, teams) {
            check_team(team, place, teams, faults);
        }
    }
    for workload in &gateway.workloads {
        let place = Place { line: workload.place.0, column: workload.place.1 };
        if let Some(teams) = teams {
            check_team(&workload.team, place, teams, faults);
        }
    }
}

fn check_hosts(
    written: &Written,
    apis: usize,
    claims: &mut BTreeMap<(HostName, String), ApiName>,
    faults: &mut Faults,
) {
    let api = &written.api;
    let hosts = match &api.hosts {
        Hosts::Any if apis == 1 => return,
        Hosts::Any => {
            let reason = "`*` means every host, which only the one API of a gateway may";
            faults.add(written.hosts, reason, "write the hosts that callers use");
            return;
        }
        Hosts::Listed(hosts) => hosts,
    };
    for host in hosts {
        let claim = (host.clone(), api.base_path.clone());
        if let Some(other) = claims.get(&claim) {
            let reason = format!("`{other}` has host `{host}` with the base path `{}` too", api.base_path);
            faults.add(written.hosts, reason, "give one of them another host or another base_path");
        } else {
            claims.insert(claim, api.name.clone());
        }
    }
}

#[cfg(test)]
mod tests;

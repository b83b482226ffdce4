//! The policy repository that the gateway runs on while it is measured.
//!
//! It is made with the product's own commands (`init`, `api add`, `team create`, `app create`, `key create`),
//! so that what is measured is what users have.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use super::process::Folder;
use super::scenario::Scenario;
use super::secured::Pair;
use super::tokens::{self, Tokens};
use crate::shell;

/// How many of each thing there are in the whole path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) keys: usize,
    pub(crate) applications: usize,
    pub(crate) teams: usize,
    pub(crate) apis: usize,
    pub(crate) operations: usize,
    pub(crate) policies: usize,
}

impl Size {
    /// As design section 11 has it.
    pub(crate) const FULL: Self =
        Self { keys: 10_000, applications: 100, teams: 20, apis: 5, operations: 5_000, policies: 1_000 };
    /// What the gate runs on: all keys, and as much else as is made in a few seconds. That a request costs no more
    /// with more operations and policies is what the report shows.
    pub(crate) const GATE: Self =
        Self { keys: 10_000, applications: 20, teams: 10, apis: 5, operations: 500, policies: 100 };
    /// Small enough to try the rig.
    pub(crate) const SMALL: Self =
        Self { keys: 100, applications: 20, teams: 4, apis: 2, operations: 100, policies: 25 };

    /// Nothing at all.
    const NOTHING: Self = Self { keys: 0, applications: 0, teams: 0, apis: 0, operations: 0, policies: 0 };

    /// Policies that forbid; every operation meets those of its API.
    fn guards(self) -> usize {
        (self.policies / 50).max(1)
    }

    fn permits(self) -> usize {
        self.policies.saturating_sub(self.guards()).max(1)
    }

    /// Operations that one permit names.
    fn operations_a_permit(self) -> usize {
        (self.operations / self.permits()).max(1)
    }
}

/// A made repository, with the keys that were made in it.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    home: PathBuf,
    size: Size,
    /// Keys of each application, in the order of the applications.
    keys: Vec<Vec<String>>,
}

/// One call that a policy permits: the operation and, where callers are known, a key that may call it.
#[derive(Debug)]
pub(super) struct Grant<'a> {
    pub(super) host: String,
    pub(super) path: String,
    pub(super) key: Option<&'a str>,
}

/// What `key create` prints.
#[derive(Debug, Deserialize)]
struct MadeKey {
    key: String,
}

impl Directory {
    /// Makes the repository for a scenario in `folder`.
    pub(crate) fn make(
        binary: &Path,
        folder: &Folder,
        scenario: Scenario,
        size: Size,
        upstream: SocketAddr,
    ) -> anyhow::Result<Self> {
        let whole = scenario == Scenario::WholePath;
        let size = if whole {
            size
        } else {
            Size { keys: 0, applications: 0, teams: 0, apis: 1, operations: 10, policies: 1 }
        };
        let mut directory = Self { size, ..Self::bare(folder)? };
        directory.declare(binary, folder, upstream)?;
        // Policies name teams, and every command of the product reads all policies: they come last.
        directory.make_keys(binary)?;
        directory.write_policies(scenario)?;
        directory
            .run(binary, &["config", "check"])
            .context("the product refuses the repository of the rig")?;
        Ok(directory)
    }

    /// Makes one of an API that takes tokens, with 1,000 operations and a rule for each, which looks at the user's roles.
    pub(super) fn with_rules(
        binary: &Path,
        folder: &Folder,
        upstream: SocketAddr,
        tokens: &Tokens,
    ) -> anyhow::Result<Self> {
        let (keys, applications, teams) = (0, 0, 0);
        let size =
            Size { keys, applications, teams, apis: 1, operations: tokens::RULES, policies: tokens::RULES };
        let directory = Self { size, ..Self::bare(folder)? };
        directory.declare(binary, folder, upstream)?;
        directory.write_rules()?;
        let (issuer, audience) = (tokens::ISSUER, tokens::AUDIENCE);
        directory.edit("issuer.json", |_| tokens.jwks.clone())?;
        directory.edit("sallyport.yaml", |text| {
            format!(
                "{text}issuers:\n  corp: {{ issuer: '{issuer}', audience: ['{audience}'], jwks_file: issuer.json, team: bench-team, teams: roles }}\n"
            )
        })?;
        directory.edit(&format!("apis/{}/api.yaml", name(0)), |text| {
            text.replace("limits: { per_key: 1000000/s }\n", "issuers: [corp]\n")
        })?;
        directory
            .run(binary, &["config", "check"])
            .context("the product refuses the repository of the rig")?;
        Ok(directory)
    }

    /// Puts TLS in front of it.
    pub(super) fn with_tls(&self, pair: &Pair) -> anyhow::Result<()> {
        let (certificate, key) = (pair.certificate.display(), pair.key.display());
        self.edit("sallyport.yaml", |text| {
            format!("{text}tls: {{ certificates: [{{ cert_file: {certificate}, key_file: {key} }}] }}\n")
        })
    }

    /// Writes a file anew, by what stands in it; nothing, where it is not there.
    fn edit(&self, file: &str, change: impl FnOnce(&str) -> String) -> anyhow::Result<()> {
        let path = self.path.join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, change(&text)).with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// One that nothing is in yet, for [`Self::init`].
    pub(crate) fn bare(folder: &Folder) -> anyhow::Result<Self> {
        let home = folder.path().join("home");
        std::fs::create_dir_all(&home).context("cannot make a home for the gateway's master key")?;
        Ok(Self { path: folder.path().join("repository"), home, size: Size::NOTHING, keys: Vec::new() })
    }

    /// Runs the product's `init` here.
    pub(crate) fn init(&self, binary: &Path, options: &[&str]) -> anyhow::Result<()> {
        let mut init = self.command(binary);
        init.arg("init").arg(&self.path).args(options);
        shell::output(&mut init).map(drop)
    }

    /// One without keys and without files, for tests of what only needs names.
    #[cfg(test)]
    pub(super) fn of_nothing() -> Self {
        let size = Size { keys: 0, applications: 0, ..Size::SMALL };
        Self { path: PathBuf::new(), home: PathBuf::new(), size, keys: Vec::new() }
    }

    /// A command of the product on this repository.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.prepare(&mut command);
        command
    }

    /// What every command on this repository needs: no configuration of the person who runs the rig.
    pub(crate) fn prepare(&self, command: &mut Command) {
        command.env("HOME", &self.home).env("XDG_CONFIG_HOME", self.home.join("config"));
        command.env_remove("RUST_LOG").env_remove("SALLYPORT_MASTER_KEY_FILE").env_remove("SALLYPORT_DIR");
    }

    /// The arguments that make the product serve this repository on ports of its choice.
    pub(crate) fn up(&self) -> Vec<String> {
        let path = self.path.display().to_string();
        ["--dir", &path, "--json", "up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
            .map(String::from)
            .to_vec()
    }

    /// Where a policy file of this name lies.
    pub(crate) fn policy(&self, name: &str) -> PathBuf {
        self.path.join(format!("policies/{name}.cedar"))
    }

    /// Where a file of the gateway's state lies.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path.join(".state").join(name)
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> Vec<String> {
        self.keys.iter().flatten().cloned().collect()
    }

    /// A permitted call, chosen by `below(limit)`, which gives numbers below its argument.
    pub(super) fn grant(&self, below: &mut dyn FnMut(usize) -> usize) -> Grant<'_> {
        let permit = below(self.size.permits());
        let operations = self.size.operations_a_permit();
        let operation = (permit * operations + below(operations)) % self.size.operations.max(1);
        // Application `a` is in team `a % teams`, permit `p` is for team `p % teams`.
        let teams = self.size.teams.max(1);
        let team = permit % teams;
        let application = team + teams * below(self.size.applications.checked_div(teams).unwrap_or(0));
        let keys = self.keys.get(application).map_or(&[][..], Vec::as_slice);
        let key = keys.get(below(keys.len())).map(String::as_str);
        Grant { host: host(self.api_of(operation)), path: template(operation), key }
    }

    fn api_of(&self, operation: usize) -> usize {
        operation % self.size.apis.max(1)
    }

    /// Runs a command of the product on this repository and returns what it prints.
    pub(crate) fn run(&self, binary: &Path, args: &[&str]) -> anyhow::Result<String> {
        let mut command = self.command(binary);
        command.arg("--dir").arg(&self.path).arg("--json").args(args);
        shell::output(&mut command)
    }

    /// `init` and `api add`, then declarations of our own over the ones they wrote.
    fn declare(&self, binary: &Path, folder: &Folder, upstream: SocketAddr) -> anyhow::Result<()> {
        let url = format!("http://{upstream}");
        for api in 0..self.size.apis {
            let document = folder.write(&format!("openapi-{api}.yaml"), &self.document(api))?;
            let document = document.display().to_string();
            let (name, host) = (name(api), host(api));
            let options = ["--upstream", &url, "--openapi", &document, "--host", &host];
            if api == 0 {
                let mut options = options.to_vec();
                options.extend_from_slice(&["--name", &name]);
                self.init(binary, &options)?;
                self.run(binary, &["team", "create", "bench-team"])?;
            } else {
                let mut args = vec!["api", "add", &name];
                args.extend_from_slice(&options);
                self.run(binary, &args)?;
            }
            let text = format!(
                "version: 1\nhosts: [{host}]\nupstream: {url}\nowner: bench-team\nexposure: internal\nmode: enforce\n\
                 audit: counted\nkey_header: X-Api-Key\ncredential: pass\nlimits: {{ per_key: 1000000/s }}\n"
            );
            let path = self.path.join(format!("apis/{name}/api.yaml"));
            std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        Ok(())
    }

    fn document(&self, api: usize) -> String {
        let mut text = format!("openapi: 3.1.0\ninfo: {{ title: {}, version: '1' }}\npaths:\n", name(api));
        for operation in (0..self.size.operations).filter(|operation| self.api_of(*operation) == api) {
            let path = template(operation);
            text.push_str(&format!(
                "  {path}:\n    get:\n      parameters: [{{ name: id, in: path, required: true, schema: {{ type: string }} }}]\n      \
                 responses: {{ '200': {{ description: ok }} }}\n"
            ));
        }
        text
    }

    /// Writes all policies into one file; what `init` wrote goes.
    fn replace_policies(&self, text: &str) -> anyhow::Result<()> {
        let folder = self.path.join("policies");
        for entry in
            std::fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))?
        {
            std::fs::remove_file(entry.context("cannot read a folder")?.path())
                .context("cannot delete a policy")?;
        }
        let path = folder.join("bench.cedar");
        std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }

    fn write_rules(&self) -> anyhow::Result<()> {
        let mut text = String::new();
        for rule in 0..tokens::RULES {
            text.push_str(&annotations(&format!("rule-{rule}")));
            text.push_str(&format!(
                "permit (principal, action == Action::\"{}:GET {}\", resource) \
                 when {{ context has user && context.user.teams.contains(\"{}\") }};\n",
                name(0),
                tokens::path_of(rule),
                tokens::role_of(rule)
            ));
        }
        self.replace_policies(&text)
    }

    fn write_policies(&self, scenario: Scenario) -> anyhow::Result<()> {
        let mut text = String::new();
        match scenario {
            Scenario::PassThrough | Scenario::PassThroughBrowserHead => {
                let name = name(0);
                text.push_str(&annotations("open"));
                text.push_str(&format!("permit (principal, action in Action::\"{name}\", resource);\n"));
            }
            Scenario::WholePath => {
                for guard in 0..self.size.guards() {
                    let name = name(guard % self.size.apis);
                    text.push_str(&annotations(&format!("guard-{guard}")));
                    text.push_str(&format!(
                        "forbid (principal, action in Action::\"{name}\", resource) when {{ context.strength < 2 }};\n"
                    ));
                }
                for permit in 0..self.size.permits() {
                    text.push_str(&self.permit(permit));
                }
            }
        }
        self.replace_policies(&text)
    }

    fn permit(&self, permit: usize) -> String {
        let count = self.size.operations_a_permit();
        let action = |operation: usize| {
            let operation = operation % self.size.operations.max(1);
            format!("Action::\"{}:GET {}\"", name(self.api_of(operation)), template(operation))
        };
        let actions: Vec<String> = (permit * count..(permit + 1) * count).map(action).collect();
        format!(
            "{}permit (principal in Team::\"team-{}\", action in [{}], resource) when {{ context.strength >= 2 }};\n",
            annotations(&format!("permit-{permit}")),
            permit % self.size.teams.max(1),
            actions.join(", ")
        )
    }

    fn make_keys(&mut self, binary: &Path) -> anyhow::Result<()> {
        for team in 0..self.size.teams {
            self.run(binary, &["team", "create", &format!("team-{team}")])?;
        }
        let count = self.size.keys.checked_div(self.size.applications).unwrap_or(0).to_string();
        for application in 0..self.size.applications {
            let name = format!("application-{application}");
            let team = format!("team-{}", application % self.size.teams.max(1));
            self.run(binary, &["app", "create", &name, "--team", &team])?;
            let scopes: Vec<String> = (0..self.size.apis).map(self::name).collect();
            let mut args = vec!["key", "create", "--app", &name, "--count", &count];
            for scope in &scopes {
                args.extend_from_slice(&["--scope", scope]);
            }
            let lines = self.run(binary, &args)?;
            let made = lines.lines().map(|line| serde_json::from_str::<MadeKey>(line).map(|made| made.key));
            self.keys.push(
                made.collect::<Result<_, _>>().with_context(|| format!("`key create` printed\n{lines}"))?,
            );
        }
        Ok(())
    }
}

fn name(api: usize) -> String {
    format!("bench{api}")
}

fn host(api: usize) -> String {
    format!("bench{api}.example.com")
}

fn template(operation: usize) -> String {
    format!("/api/v1/res{operation}/{{id}}/items")
}

fn annotations(id: &str) -> String {
    format!("@id(\"{id}\") @owner(\"bench-team\") @reason(\"measured\")\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_the_load_is_named_by_a_permit_of_the_callers_team() {
        let size = Size::SMALL;
        let per_application = size.keys / size.applications;
        let keys = (0..size.applications)
            .map(|app| (0..per_application).map(|key| format!("{app}.{key}")).collect());
        let directory = Directory { path: PathBuf::new(), home: PathBuf::new(), size, keys: keys.collect() };
        let permits: Vec<String> = (0..size.permits()).map(|permit| directory.permit(permit)).collect();
        let mut number = 0_usize;
        for _ in 0..1_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let seed = number >> 20;
            let grant = directory.grant(&mut |limit| seed % limit.max(1));
            let application: usize = grant.key.unwrap().split('.').next().unwrap().parse().unwrap();
            let team = format!("Team::\"team-{}\"", application % size.teams);
            let api = grant.host.split('.').next().unwrap();
            let action = format!("Action::\"{api}:GET {}\"", grant.path);
            assert!(
                permits.iter().any(|permit| permit.contains(&team) && permit.contains(&action)),
                "{team} {action}"
            );
        }
    }

    #[test]
    fn the_full_size_has_as_many_policies_as_it_says() {
        assert_eq!(Size::FULL.guards() + Size::FULL.permits(), Size::FULL.policies);
    }
}

//! The command line: what can be typed, with an example for each command.
//!
//! Parsing only. Results go to standard output, everything else to standard error; exit code 0 means done, 1 that
//! the answer is no, 2 a mistake in usage or configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

mod audit;
mod block;
mod discover;
mod inventory;
mod key;
mod policy;
mod revision;

pub(crate) use audit::{AuditCommand, ProveArguments, SearchArguments};
pub(crate) use block::BlockCommand;
pub(crate) use discover::{DiscoverArguments, DiscoverCommand, DiscoverFormat, MergeArguments, Selection};
pub(crate) use inventory::{InventoryCommand, NamedOperation, NamedPlace};
pub(crate) use key::{ImportArguments, KeyCommand, PromoteArguments, SecretCommand, SecretName};
pub(crate) use policy::{
    MatrixArguments, PolicyCommand, ReplayArguments, SuggestArguments, TestArguments, UsageArguments,
};
pub(crate) use revision::{PublishArguments, RevisionCommand};

/// Zero trust for APIs: every call identified, nothing allowed by default, everything recorded.
#[derive(Debug, Parser)]
#[command(name = "sallyport", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Examples:
  sallyport demo                                        see all of it work in one minute
  sallyport init shop --upstream http://127.0.0.1:9000 --openapi openapi.yaml
  sallyport --dir shop up
  sallyport --dir shop key create --app web --scope shop:read

Exit codes: 0 done; 1 the answer is no (denied, not verified, findings); 2 usage or configuration.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The policy repository
    #[arg(long, global = true, value_name = "DIR", env = "SALLYPORT_DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Reach the admin API here instead of where `.state/admin.json` says
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) admin: Option<String>,
    /// Verify an https admin API by the authorities in this PEM file
    #[arg(long, global = true, value_name = "FILE", env = "SALLYPORT_ADMIN_CA")]
    pub(crate) admin_ca: Option<PathBuf>,
    /// Read the administrator's token from this file instead of `.state/token`
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print results as JSON, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a real API behind Sallyport, with callers, denials and explanations
    #[command(after_help = "Examples:\n  sallyport demo\n  sallyport demo --duration 10s --json")]
    Demo(DemoArguments),
    /// Find the APIs in traffic: operations, who calls them, and which are in no document
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    #[command(after_help = "\
Examples:
  sallyport discover access.log
  sallyport discover access.log.*.gz --openapi openapi.yaml --fail-on shadow,zombie
  sallyport discover shop.example.com=shop.log other.log --output jsonl
  zcat access.log.gz | sallyport discover - --host shop.example.com
  sallyport discover day1.log --save-state day1.state
  sallyport discover merge day1.state day2.state

Nothing is granted by it, and no gateway need run. Exit code 1 when --fail-on finds something.")]
    Discover(Box<DiscoverArguments>),
    /// What the gateway saw beside what is declared: list, show, adopt, ignore
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// Write a new policy repository, for an API or from what was seen
    #[command(after_help = "\
Examples:
  sallyport init shop --upstream http://127.0.0.1:9000 --openapi openapi.yaml --host shop.example.com
  sallyport init company --from access.log --upstream shop.example.com=http://10.0.0.5:80 --upstream http://10.0.0.9:80

Without --openapi the API starts in observe for 14 days; with it, in enforce. With --from each host becomes an API in observe, with
the document of what was seen and grants that are switched off.")]
    Init(InitArguments),
    /// Run the gateway
    #[command(
        after_help = "Examples:\n  sallyport --dir shop up\n  sallyport --dir shop up --listen 127.0.0.1:0 --json"
    )]
    Up(UpArguments),
    /// Check the files of the repository without changing anything
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the Cedar schema that policies are checked against
    #[command(after_help = "Example:\n  sallyport --dir shop schema > shop.cedarschema")]
    Schema,
    /// Policies: suggest them from use, replay, test, explain, who can do what
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// APIs: declare, show, regroup
    #[command(subcommand)]
    Api(ApiCommand),
    /// Teams
    #[command(subcommand)]
    Team(TeamCommand),
    /// Applications: the clients that own keys
    #[command(subcommand)]
    App(AppCommand),
    /// Issuers of access tokens, and the state of their keys
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Keys: create, import, promote, rotate, revoke
    #[command(subcommand)]
    Key(KeyCommand),
    /// Stop now: block applications, keys, users, tokens, workloads, networks, operations, APIs
    #[command(subcommand)]
    Block(BlockCommand),
    /// The upstreams' own credentials, which `credential: exchange` puts in place of the callers'
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Administrators of Sallyport itself
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Who called what, how often, and what came of it
    #[command(after_help = "\
Examples:
  sallyport --dir shop usage
  sallyport --dir shop usage --since 2026-11-01 --by team,operation --csv > november.csv
  sallyport --dir shop usage --by key,operation --api orders --json")]
    Usage(UsageArguments),
    /// Per API: who would be denied today, and why
    #[command(after_help = "\
Examples:
  sallyport --dir shop status
  sallyport --dir shop status --days 14 --calls 10000

An observed API is ready to be enforced when the policies in force would have refused nothing for --days days over --calls calls.
At the end of its observation it is enforced in any case.")]
    Status(StatusArguments),
    /// Why a call was, or would be, allowed or denied, and the smallest change that allows it
    #[command(after_help = "\
Examples:
  sallyport explain 01jdz8k3v2c5m7q9r1s3t5v7w9
  sallyport explain --as app:web GET https://shop.example.com/orders/7

Exit code 1 when the decision is not to allow.")]
    Explain(ExplainArguments),
    /// The tamper-evident log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Make the files as they are now the next revision, and say what that changes for whom
    #[command(after_help = "\
Examples:
  sallyport --dir shop publish --dry-run
  sallyport --dir shop publish --reason \"partners may read orders, OPS-118\"

Afterwards what is in force is asked the cases of tests/; exit code 1 when one comes out otherwise.")]
    Publish(PublishArguments),
    /// Revisions: list, show, compare, roll back
    #[command(subcommand)]
    Revision(RevisionCommand),
    /// Print shell completions
    #[command(after_help = "Example:\n  sallyport completions bash > /etc/bash_completion.d/sallyport")]
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Stop by itself after this long, for example 10s or 2m
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    pub(crate) duration: Option<Duration>,
    /// Keep repository, keys and log here; otherwise nothing is left behind
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Where to write the repository; made if it is missing
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The server behind the gateway, http://HOST:PORT; with --from also HOST=URL, several times
    #[arg(long, value_name = "URL", required = true)]
    pub(crate) upstream: Vec<String>,
    /// Its document: Swagger 2.0, OpenAPI 3.0 or 3.1, YAML or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) openapi: Option<PathBuf>,
    /// A log, or a state that `discover --save-state` or a gateway kept: each host that was seen becomes an API
    #[arg(long, value_name = "STATE|INPUT")]
    pub(crate) from: Vec<String>,
    /// Name of the API, with --from of the first; from the document's title, the folder or the host if absent
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Host under which callers reach the API; every host if absent. With --from, the host of lines that name none
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
}

/// What declares a new API.
#[derive(Debug, Args)]
pub(crate) struct NewApi {
    /// The server behind the gateway, http://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: String,
    /// Its document: Swagger 2.0, OpenAPI 3.0 or 3.1, YAML or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) openapi: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// For how many days nothing may have been in the way
    #[arg(long, value_name = "DAYS", default_value_t = control::READY_DAYS)]
    pub(crate) days: u32,
    /// Over how many calls
    #[arg(long, value_name = "CALLS", default_value_t = control::READY_CALLS)]
    pub(crate) calls: u64,
}

/// Why a change is made.
#[derive(Debug, Args)]
pub(crate) struct Why {
    /// Why; kept in the log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// Listen here instead of where sallyport.yaml says; port 0 takes a free one
    #[arg(long, value_name = "A")]
    pub(crate) listen: Option<SocketAddr>,
    /// Serve the admin API here instead of where sallyport.yaml says
    #[arg(long, value_name = "A")]
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Worker threads; one per core if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: Option<u16>,
    /// Listen beyond this machine without TLS
    #[arg(long)]
    pub(crate) plaintext: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check every file; exit code 2 when there are errors
    #[command(after_help = "Example:\n  sallyport --dir shop config check --json")]
    Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApiCommand {
    /// Declare one more API
    #[command(after_help = "\
Example:
  sallyport api add billing --upstream http://127.0.0.1:9100 --openapi billing.yaml --host billing.example.com")]
    Add {
        name: String,
        #[command(flatten)]
        api: NewApi,
        /// Host under which callers reach it
        #[arg(long, value_name = "HOST")]
        host: String,
        /// Team that owns it; the first team of teams.yaml if absent
        #[arg(long, value_name = "TEAM")]
        owner: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// List APIs
    #[command(after_help = "Example:\n  sallyport api list")]
    List,
    /// Show one API and its operations
    #[command(after_help = "Example:\n  sallyport api show orders")]
    Show { name: String },
    /// Bring groups.lock up to the document; prints who gains what
    #[command(after_help = "Example:\n  sallyport api regroup orders --dry-run")]
    Regroup {
        name: String,
        /// Print only
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        why: Why,
    },
    /// Observe for longer, or again: every call passes until then; 30 days at most from today
    #[command(
        after_help = "Example:\n  sallyport api observe orders --until 2026-12-20 --reason \"month end not seen yet\""
    )]
    Observe {
        name: String,
        #[arg(long, value_name = "DATE")]
        until: String,
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TeamCommand {
    /// Add a team to teams.yaml
    #[command(after_help = "Example:\n  sallyport team create partners")]
    Create {
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// List teams
    #[command(after_help = "Example:\n  sallyport team list")]
    List,
    /// Show one team and its applications
    #[command(after_help = "Example:\n  sallyport team show partners")]
    Show { name: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum IssuerCommand {
    /// List issuers
    #[command(after_help = "Example:\n  sallyport issuer list")]
    List,
    /// Show one issuer: its keys, their age, the last error
    #[command(after_help = "Example:\n  sallyport issuer show corp")]
    Show { name: String },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// Register an application
    #[command(after_help = "Example:\n  sallyport app create web --team partners --attr customer=42")]
    Create {
        name: String,
        #[arg(long, value_name = "T")]
        team: String,
        /// An attribute declared in sallyport.yaml, NAME=VALUE; may be repeated
        #[arg(long = "attr", value_name = "NAME=VALUE")]
        attributes: Vec<String>,
        #[command(flatten)]
        why: Why,
    },
    /// List applications
    #[command(after_help = "Example:\n  sallyport app list")]
    List,
    /// Show one application and its keys
    #[command(after_help = "Example:\n  sallyport app show web")]
    Show { name: String },
    /// Refuse every key of an application from the next request on
    #[command(after_help = "Example:\n  sallyport app disable web --reason \"contract ended\"")]
    Disable {
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// Accept its keys again
    #[command(after_help = "Example:\n  sallyport app enable web --reason \"contract renewed\"")]
    Enable {
        name: String,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Add an administrator; the token is shown this once
    #[command(after_help = "\
A viewer looks; an analyst looks into decisions and policies, and revokes keys; an owner changes what belongs to a team that
teams.yaml lists the name in; an admin changes everything.

Example:
  sallyport admin create ann --role analyst")]
    Create {
        name: String,
        #[arg(long, value_parser = ["viewer", "analyst", "owner", "admin"])]
        role: String,
        #[command(flatten)]
        why: Why,
    },
    /// List administrators
    #[command(after_help = "Example:\n  sallyport admin list")]
    List,
    /// Take an administrator's token away
    #[command(after_help = "Example:\n  sallyport admin revoke ann --reason \"left the company\"")]
    Revoke {
        name: String,
        #[command(flatten)]
        why: Why,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// Who would call: app:NAME, workload:NAME or anonymous
    #[arg(long = "as", value_name = "CALLER", requires = "url")]
    pub(crate) caller: Option<String>,
    /// A decision id, or the method of a call
    #[arg(value_name = "DECISION_ID|METHOD")]
    pub(crate) subject: String,
    /// The URL of the call
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
}

/// Reads a duration such as `10s`, `2m`, `24h`, `90d` or `500ms`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let number: u64 =
        number.parse().map_err(|_| format!("`{text}` is not a duration such as 10s, 2m or 24h"))?;
    let millis = match unit {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    millis
        .and_then(|millis: u64| number.checked_mul(millis))
        .map(Duration::from_millis)
        .ok_or_else(|| format!("`{text}` is not a duration such as 10s, 2m or 24h"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn is_consistent() {
        Cli::command().debug_assert();
    }

    /// Issue 8, point 16: `--help` has an example for each command.
    #[test]
    fn every_command_shows_an_example() {
        fn visit(command: &clap::Command, path: &str) {
            let mut leaf = true;
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                leaf = false;
                visit(sub, &format!("{path} {}", sub.get_name()));
            }
            if leaf {
                let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(after.contains("Example") && after.contains("sallyport"), "{path} has no example");
            }
        }
        visit(&Cli::command(), "sallyport");
    }

    #[test]
    fn reads_durations() {
        assert_eq!(parse_duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("90d"), Ok(Duration::from_secs(90 * 86_400)));
        for text in ["", "s", "10", "10 s", "-1s", "1w", "99999999999999999999s", "99999999999999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}

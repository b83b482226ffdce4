//! `sallyport.yaml`: the gateway itself.

mod guessing;
pub(crate) mod issuers;
pub(crate) mod read;
mod workloads;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use model::{AttributeType, Guessing, TeamName};

use crate::{AdminTls, ListenerTls};

pub use issuers::{
    ClaimType, IssuerConfig, KeySource, ScopeUse, SourceUrl, SourceUrlError, TokenType, UrlScheme,
    UserAttribute,
};

/// What `sallyport.yaml` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Where callers connect; `127.0.0.1:8080` when absent.
    pub listen: ListenAddress,
    /// Where administrators, metrics and probes connect; `127.0.0.1:8181` when absent.
    pub admin: ListenAddress,
    /// Networks whose `Forwarded` and `X-Forwarded-For` count; nobody's when absent.
    pub trusted_proxies: Vec<IpNet>,
    /// What makes an edited file live; `on_change` when absent.
    pub reload: Reload,
    pub record: RecordConfig,
    /// How callers are spoken to; in the clear when absent.
    pub tls: Option<ListenerTls>,
    /// How administrators are spoken to; in the clear, and on this machine alone, when absent.
    pub admin_tls: Option<AdminTls>,
    /// The declared attributes of applications and their types.
    pub application_attributes: BTreeMap<String, AttributeType>,
    /// The declared attributes of users, which access tokens' claims fill, and their types.
    pub user_attributes: BTreeMap<String, AttributeType>,
    /// Whose access tokens count, in the order written.
    pub issuers: Vec<IssuerConfig>,
    /// The second part of own keys, `sp_<environment>_…`; `live` when absent. Letters and digits in lower case, 16 at most.
    pub environment: String,
    /// How failed credentials are slowed down; [`model::GuessLimits::STANDARD`] when absent.
    pub guessing: Guessing,
    /// Which teams answer for client certificates.
    pub workloads: Vec<WorkloadTeam>,
}

/// The team of one workload, or of all below a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadTeam {
    /// A name, `spiffe://DOMAIN/PATH/*` or `*.DOMAIN`.
    pub names: String,
    pub team: TeamName,
    /// Where it is written: line and column.
    pub(crate) place: (u32, u32),
}

/// What makes an edited file live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// The edit itself.
    OnChange,
    /// `sallyport publish --reason TEXT`.
    OnPublish,
}

/// How the log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordConfig {
    /// For how long; 90 days when absent.
    pub keep: Duration,
}

/// An address to listen on. Port 0 asks the system for a free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress(pub SocketAddr);

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From this machine alone.
    Loopback,
    /// From others too; the binary refuses this for the admin listener without TLS.
    Beyond,
}

impl ListenAddress {
    /// Tells whether other machines can reach the address; an unspecified one (`0.0.0.0`, `::`) can be reached.
    #[must_use]
    pub fn reach(self) -> Reach {
        if self.0.ip().to_canonical().is_loopback() { Reach::Loopback } else { Reach::Beyond }
    }
}

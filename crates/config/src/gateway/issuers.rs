//! `issuers:` of `sallyport.yaml`: whose access tokens count, and what they mean.

pub(crate) mod read;
pub(crate) mod url;

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use model::{ApplicationName, AttributeType, IssuerName, TeamName};

pub use url::{SourceUrl, SourceUrlError, UrlScheme};

/// One issuer of access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerConfig {
    pub name: IssuerName,
    /// Line and column of the name, for later errors about this issuer.
    pub place: (u32, u32),
    /// `iss` of its tokens, byte for byte.
    pub issuer: String,
    /// Never empty.
    pub audience: Vec<String>,
    pub source: KeySource,
    /// Names of RFC 7518 and 8037 out of [`IssuerConfig::ALGORITHMS`], as written; [`IssuerConfig::ALGORITHMS_DEFAULT`]
    /// when absent.
    pub algorithms: Vec<String>,
    /// 24 h when absent.
    pub max_lifetime: Duration,
    /// 30 s when absent.
    pub leeway: Duration,
    /// For how long the last good key set counts while the issuer is away; 24 h when absent.
    pub max_key_age: Duration,
    /// How often keys are got anew; 5 min when absent.
    pub refresh_interval: Duration,
    /// The least time between two attempts because of a token's unknown key; 30 s when absent.
    pub refetch_interval: Duration,
    pub typ: TokenType,
    pub required_claims: Vec<String>,
    /// `client_id` when absent.
    pub client_claim: String,
    /// From the issuer's names of clients to applications of ours.
    pub clients: BTreeMap<String, ApplicationName>,
    /// The team of clients that are not listed; without one they are refused.
    pub team: Option<TeamName>,
    /// `sub` when absent.
    pub user_claim: String,
    pub teams_claim: Option<String>,
    /// `scope` when absent.
    pub scope_claim: String,
    pub scopes_narrow: ScopeUse,
    pub user_attributes: BTreeMap<String, UserAttribute>,
    pub mfa_amr: Vec<String>,
    pub mfa_acr: Vec<String>,
    /// Networks that a name may resolve to although they are private, and to which plain `http` may go.
    pub allow_networks: Vec<IpNet>,
    /// Certificates that sign the issuer's; those of the system when absent.
    pub ca_file: Option<String>,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The issuer says it itself (OpenID Connect Discovery, RFC 8414).
    Discovery(SourceUrl),
    /// A path, relative to the repository or absolute.
    File(String),
    Url(SourceUrl),
}

/// Which `typ` a token must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// `at+jwt`, and the profile of RFC 9068.
    AccessToken,
    Any,
}

/// What the scopes of a token do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeUse {
    /// They are facts for policies.
    Facts,
    /// They name operations and groups and narrow like those of a key.
    Narrow,
}

/// From which claim an attribute of users comes, and of which type it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAttribute {
    pub claim: String,
    pub kind: ClaimType,
}

/// The type of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimType {
    /// An address; a String in policies.
    Email,
    Plain(AttributeType),
}

impl ClaimType {
    /// Its type in policies.
    #[must_use]
    pub const fn attribute_type(self) -> AttributeType {
        match self {
            Self::Email => AttributeType::String,
            Self::Plain(kind) => kind,
        }
    }
}

impl IssuerConfig {
    /// The algorithms that can be listed: none of them is symmetric, and `none` is not one.
    pub const ALGORITHMS: &[&str] =
        &["ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];
    /// Those of an issuer that lists none.
    pub const ALGORITHMS_DEFAULT: &[&str] = &["ES256", "RS256", "EdDSA", "PS256"];
}

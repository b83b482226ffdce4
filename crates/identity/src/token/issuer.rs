//! What an issuer's tokens must be like, and what its words mean here.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{ApplicationName, AttributeType, IssuerName, TeamName};

use super::Algorithm;

/// An issuer as configured (contract, `sallyport.yaml`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// Its name in our files; the namespace of the applications that it names.
    pub name: IssuerName,
    /// `iss`, compared byte for byte.
    pub issuer: Box<str>,
    /// One of these must be in `aud`. Never empty: a token for somebody else is not for us (security case 57).
    pub audiences: Box<[Box<str>]>,
    /// Those that keys may have, the most wanted first. Never empty.
    pub algorithms: Box<[Algorithm]>,
    /// For how long the last good key set counts while no newer one can be had.
    pub key_age_max: Duration,
    /// The least time between two attempts to get a key set because a token names a key that is not known.
    pub refetch_interval: Duration,
    /// The longest time from `iat`, or from now, to `exp`.
    pub lifetime_max: Duration,
    /// By how much clocks may differ.
    pub leeway: Duration,
    pub profile: Profile,
    /// Claims that must be there, beside those of the profile.
    pub required_claims: Box<[Box<str>]>,
    /// The claim that names the client.
    pub client_claim: Box<str>,
    /// What clients of the issuer are called here.
    pub clients: BTreeMap<Box<str>, ApplicationName>,
    /// The team of clients that are not listed; without one they are refused.
    pub team: Option<TeamName>,
    /// The claim that names the user.
    pub user_claim: Box<str>,
    /// The claim that lists the user's teams or groups.
    pub teams_claim: Option<Box<str>>,
    /// The claim with the scopes: a text with spaces between them, or a list.
    pub scope_claim: Box<str>,
    pub scope_use: ScopeUse,
    /// Attributes of users, by the name that policies use.
    pub user_attributes: BTreeMap<String, ClaimSource>,
    /// Values of `amr` of which one says that several factors were used.
    pub mfa_amr: Box<[Box<str>]>,
    /// Values of `acr` that say so, the most wanted first; a step-up asks for these.
    pub mfa_acr: Box<[Box<str>]>,
}

/// Which profile a token has to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// RFC 9068: `typ` is `at+jwt`, and `sub`, `client_id`, `iat` and `jti` are there.
    AccessToken,
    /// Any signed JWT with `exp`; an identity token can then stand in for an access token, which RFC 9068 is there
    /// to prevent.
    Any,
}

/// What the scopes of a token do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeUse {
    /// They are facts for policies: an issuer's scopes are its words, not our operations.
    Facts,
    /// They narrow, like those of a key: they name operations and groups.
    Narrow,
}

/// Where an attribute of a user comes from, and of which type it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimSource {
    pub claim: Box<str>,
    pub kind: ClaimType,
}

/// The type of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimType {
    /// An address with exactly one `@`, that the issuer does not call unverified (security case 64).
    Email,
    /// One of the types of attributes.
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

    /// Its name in `sallyport.yaml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "Email",
            Self::Plain(kind) => kind.as_str(),
        }
    }

    /// Reads a type's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == Self::Email.as_str() {
            Some(Self::Email)
        } else {
            AttributeType::parse(text).map(Self::Plain)
        }
    }
}

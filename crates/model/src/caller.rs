//! The caller: the client that sent a request, the user it acts for, and how surely we know both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::{ApplicationName, Fingerprint, IssuerName, KeyId, TeamName, Timestamp, WorkloadName};

/// How surely the caller is known (design section 2). The order is part of the meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    Anonymous,
    Claimed,
    SharedSecret,
    VerifiedSignature,
    Bound,
}

impl Strength {
    /// `context.strength` in policies.
    #[must_use]
    pub const fn as_long(self) -> i64 {
        match self {
            Self::Anonymous => 0,
            Self::Claimed => 1,
            Self::SharedSecret => 2,
            Self::VerifiedSignature => 3,
            Self::Bound => 4,
        }
    }

    /// The name in JSON and in tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Claimed => "claimed",
            Self::SharedSecret => "shared_secret",
            Self::VerifiedSignature => "verified_signature",
            Self::Bound => "bound",
        }
    }

    /// Reads `context.strength` back, as records keep it.
    #[must_use]
    pub const fn of_long(value: i64) -> Option<Self> {
        match value {
            0 => Some(Self::Anonymous),
            1 => Some(Self::Claimed),
            2 => Some(Self::SharedSecret),
            3 => Some(Self::VerifiedSignature),
            4 => Some(Self::Bound),
            _ => None,
        }
    }
}

/// The declared type of an application's attribute, in Cedar's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttributeType {
    Bool,
    Long,
    String,
    StringSet,
}

impl AttributeType {
    /// Its name in `sallyport.yaml` and in the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bool => "Bool",
            Self::Long => "Long",
            Self::String => "String",
            Self::StringSet => "Set<String>",
        }
    }

    /// Reads a type's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Bool, Self::Long, Self::String, Self::StringSet].into_iter().find(|kind| kind.as_str() == text)
    }

    /// Reads a value of this type as `app create --attr NAME=VALUE` writes it; a set is separated by commas.
    #[must_use]
    pub fn parse_value(self, text: &str) -> Option<AttributeValue> {
        match self {
            Self::Bool => match text {
                "true" => Some(AttributeValue::Bool(true)),
                "false" => Some(AttributeValue::Bool(false)),
                _ => None,
            },
            Self::Long => text.parse().ok().map(AttributeValue::Long),
            Self::String => Some(AttributeValue::String(text.to_owned())),
            Self::StringSet => {
                Some(AttributeValue::StringSet(text.split(',').map(|item| item.trim().to_owned()).collect()))
            }
        }
    }
}

/// A value of an application's attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AttributeValue {
    Bool(bool),
    Long(i64),
    String(String),
    StringSet(BTreeSet<String>),
}

impl AttributeValue {
    #[must_use]
    pub const fn kind(&self) -> AttributeType {
        match self {
            Self::Bool(_) => AttributeType::Bool,
            Self::Long(_) => AttributeType::Long,
            Self::String(_) => AttributeType::String,
            Self::StringSet(_) => AttributeType::StringSet,
        }
    }
}

/// An application: a client that owns own keys, or one that an issuer of tokens or an API with keys of its own knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub name: ApplicationName,
    pub team: TeamName,
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Grows with every change of the application, so that caches can tell the states apart.
    pub version: u64,
}

/// A machine that showed a certificate of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    pub name: WorkloadName,
    /// The team that answers for it, where the configuration names one.
    pub team: Option<TeamName>,
}

/// Who sent the request.
#[derive(Clone, Debug)]
pub enum Client {
    /// Nobody presented a credential that identifies anyone.
    Anonymous,
    /// An application, known by a key or by an access token.
    Application(Arc<Application>),
    /// A machine, known by its certificate.
    Workload(Arc<Workload>),
}

impl Client {
    /// As commands and logs name it: `anonymous`, `app:NAME` or `workload:NAME`.
    #[must_use]
    pub fn label(&self) -> String {
        self.to_string()
    }

    /// The team that answers for the client.
    #[must_use]
    pub fn team(&self) -> Option<&TeamName> {
        match self {
            Self::Anonymous => None,
            Self::Application(application) => Some(&application.team),
            Self::Workload(workload) => workload.team.as_ref(),
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::Application(application) => write!(formatter, "app:{}", application.name),
            Self::Workload(workload) => write!(formatter, "workload:{}", workload.name),
        }
    }
}

/// The user on whose behalf a client acts, as a verified access token says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Whose word it is: the issuer's name in `sallyport.yaml`. Two issuers' users are never the same one.
    pub issuer: IssuerName,
    /// The issuer's name for the user, which is `sub` unless configured otherwise.
    pub name: String,
    /// What the issuer says of the user's teams; the word of a claim, not of `teams.yaml`.
    pub teams: BTreeSet<String>,
    /// Claims that `user_attributes` of `sallyport.yaml` declares, with their types.
    pub attributes: BTreeMap<String, AttributeValue>,
}

impl User {
    /// What separates issuer and name; no issuer's name holds it.
    pub const SEPARATOR: char = '/';

    /// As commands and records name the user: `ISSUER/NAME`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}{}{}", self.issuer, Self::SEPARATOR, self.name)
    }
}

/// Whether the caller's token says that several factors were used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mfa {
    NotUsed,
    Used,
}

/// How and when the user signed in, as a verified token says it (RFC 9470 section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIn {
    pub mfa: Mfa,
    /// `auth_time`; none where the token does not say.
    pub time: Option<Timestamp>,
}

impl SignIn {
    /// Nobody signed in.
    pub const NONE: Self = Self { mfa: Mfa::NotUsed, time: None };

    /// Whole seconds since the user signed in: `context.authAge` in policies. None where that is not known, and where
    /// it is yet to come.
    #[must_use]
    pub fn age(self, now: Timestamp) -> Option<i64> {
        let micros = now.as_micros().checked_sub(self.time?.as_micros())?;
        (0 <= micros).then_some(micros / 1_000_000)
    }
}

/// By which credential the client was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialRef {
    Absent,
    /// A client certificate.
    Certificate(Fingerprint),
    /// A key that the API itself gave out, recognised by its form.
    Foreign(Fingerprint),
    /// An own key, or an existing one that was made first-class.
    Key(KeyId),
    /// An access token.
    Token(Fingerprint),
}

/// What a request resolves to: client, user, strength, and the credential that showed it.
#[derive(Clone, Debug)]
pub struct Caller {
    pub client: Client,
    pub user: Option<Arc<User>>,
    /// How surely the client is known.
    pub strength: Strength,
    pub credential: CredentialRef,
    /// The access token that was verified, whether it showed the client too or only the user.
    pub token: Option<Fingerprint>,
    pub sign_in: SignIn,
}

impl Caller {
    /// A client without a user.
    #[must_use]
    pub const fn client(client: Client, strength: Strength, credential: CredentialRef) -> Self {
        Self { client, user: None, strength, credential, token: None, sign_in: SignIn::NONE }
    }

    /// The caller of a request that presented nothing.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self {
            client: Client::Anonymous,
            user: None,
            strength: Strength::Anonymous,
            credential: CredentialRef::Absent,
            token: None,
            sign_in: SignIn::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strengths_are_ordered_as_the_design_says() {
        let all = [
            Strength::Anonymous,
            Strength::Claimed,
            Strength::SharedSecret,
            Strength::VerifiedSignature,
            Strength::Bound,
        ];
        assert!(all.is_sorted());
        for (value, strength) in (0..).zip(all) {
            assert_eq!(strength.as_long(), value);
            assert_eq!(Strength::of_long(value), Some(strength));
        }
        assert_eq!(Strength::of_long(5), None);
        assert_eq!(Strength::of_long(-1), None);
    }

    #[test]
    fn the_age_of_a_sign_in_is_whole_seconds_and_never_of_the_future() {
        let at = |seconds| Timestamp::from_seconds(seconds);
        let signed_in = |time| SignIn { mfa: Mfa::NotUsed, time };
        for (time, now, expected) in [
            (None, at(100), None),
            (Some(at(100)), at(100), Some(0)),
            (Some(at(40)), at(100), Some(60)),
            (Some(at(101)), at(100), None),
            (Some(Timestamp::MAX), at(100), None),
        ] {
            assert_eq!(signed_in(time).age(now), expected, "{time:?}");
        }
    }

    #[test]
    fn attributes_are_read_by_their_declared_type() {
        assert_eq!(AttributeType::Long.parse_value("42"), Some(AttributeValue::Long(42)));
        assert_eq!(AttributeType::Long.parse_value("4 2"), None);
        assert_eq!(AttributeType::Bool.parse_value("yes"), None);
        assert_eq!(AttributeType::String.parse_value("42"), Some(AttributeValue::String("42".into())));
        assert_eq!(AttributeType::parse("Set<String>"), Some(AttributeType::StringSet));
        assert_eq!(AttributeType::parse("string"), None);
    }
}

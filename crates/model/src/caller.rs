//! The caller: the client that sent a request, the user it acts for, and how surely we know both.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{ApplicationName, KeyId, TeamName};

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
    StringSet(std::collections::BTreeSet<String>),
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

/// An application: a client that owns own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    pub name: ApplicationName,
    pub team: TeamName,
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Grows with every change of the application, so that caches can tell the states apart.
    pub version: u64,
}

/// Who sent the request.
#[derive(Clone, Debug)]
pub enum Client {
    /// Nobody presented a credential that identifies anyone.
    Anonymous,
    /// An application, known by an own key.
    Application(Arc<Application>),
}

impl Client {
    /// As commands and logs name it: `anonymous` or `app:NAME`.
    #[must_use]
    pub fn label(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::Application(application) => write!(formatter, "app:{}", application.name),
        }
    }
}

/// The user on whose behalf a client acts; tokens that name one arrive with access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
}

/// By which credential the client was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialRef {
    Absent,
    Key(KeyId),
}

/// What a request resolves to: client, user, strength, and the credential that showed it.
#[derive(Clone, Debug)]
pub struct Caller {
    pub client: Client,
    pub user: Option<User>,
    pub strength: Strength,
    pub credential: CredentialRef,
}

impl Caller {
    /// The caller of a request that presented nothing.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self {
            client: Client::Anonymous,
            user: None,
            strength: Strength::Anonymous,
            credential: CredentialRef::Absent,
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
    fn attributes_are_read_by_their_declared_type() {
        assert_eq!(AttributeType::Long.parse_value("42"), Some(AttributeValue::Long(42)));
        assert_eq!(AttributeType::Long.parse_value("4 2"), None);
        assert_eq!(AttributeType::Bool.parse_value("yes"), None);
        assert_eq!(AttributeType::String.parse_value("42"), Some(AttributeValue::String("42".into())));
        assert_eq!(AttributeType::parse("Set<String>"), Some(AttributeType::StringSet));
        assert_eq!(AttributeType::parse("string"), None);
    }
}

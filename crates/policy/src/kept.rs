//! Which facts of a request its record keeps: those that the policies of its operation read and that a record has no
//! field of its own for. The address, the strength, the user and the time have one. Beside them the scopes of a token that
//! the API's document asks for: no policy reads them there, but they tell who is meant to call.
//!
//! The list is made once per operation when the policies are compiled, so that recording looks nothing up.

use std::collections::BTreeSet;

use catalog::PathParameter;

use crate::facts::UserFact;
use crate::reads::{ContextFact, Names, Reads};

/// A fact to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptFact {
    /// An attribute of the calling application.
    Attribute(KeptName),
    /// Seconds since the user signed in.
    AuthAge,
    /// Whether several factors were used.
    Mfa,
    /// The path parameter at `place` of the operation's order.
    Param { name: KeptName, place: usize },
    /// The scopes of the credential.
    Scopes,
    /// The scopes of an access token, of those that the API's document asks for: what was declared about who calls.
    TokenScopes,
    /// A declared attribute of the user.
    UserAttribute(KeptName),
    /// The user's teams, as its issuer names them.
    UserTeams,
}

/// A name, and how a record writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptName {
    key: Box<str>,
    prefix: &'static str,
}

impl KeptName {
    fn new(prefix: &'static str, name: &str) -> Self {
        Self { key: format!("{prefix}{name}").into(), prefix }
    }

    /// The name alone.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.strip_prefix(self.prefix).unwrap_or(&self.key)
    }
}

impl KeptFact {
    /// What the key of an application's attribute begins with.
    pub const ATTRIBUTE_PREFIX: &'static str = "principal.";
    /// What the key of a user's attribute begins with.
    pub const USER_PREFIX: &'static str = "user.";
    /// The key of the user's teams.
    pub const USER_TEAMS: &'static str = "user.teams";
    /// The key of the scopes that a document asks for.
    pub const TOKEN_SCOPES: &'static str = "token.scopes";
    /// What the key of a path parameter begins with.
    pub const PARAM_PREFIX: &'static str = "params.";

    /// The name in a record: as a policy reads the fact.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Attribute(name) | Self::Param { name, .. } | Self::UserAttribute(name) => &name.key,
            Self::AuthAge => ContextFact::AuthAge.as_str(),
            Self::UserTeams => Self::USER_TEAMS,
            Self::Mfa => ContextFact::Mfa.as_str(),
            Self::Scopes => ContextFact::Scopes.as_str(),
            Self::TokenScopes => Self::TOKEN_SCOPES,
        }
    }

    /// The facts to keep of an operation, sorted by kind and name. `asked` are the scopes that its API's document asks for.
    pub(crate) fn of<'a>(
        reads: &'a Reads,
        parameters: &[PathParameter],
        asked: &[Box<str>],
        declared: impl Iterator<Item = &'a String>,
        of_user: impl Iterator<Item = &'a String>,
    ) -> Box<[Self]> {
        let attributes = named(&reads.attributes, declared);
        let attribute = |name: &str| Self::Attribute(KeptName::new(Self::ATTRIBUTE_PREFIX, name));
        let mut kept: Vec<_> = attributes.into_iter().map(attribute).collect();
        if reads.context.contains(&ContextFact::AuthAge) {
            kept.push(Self::AuthAge);
        }
        if reads.context.contains(&ContextFact::Mfa) {
            kept.push(Self::Mfa);
        }
        for (place, parameter) in parameters.iter().enumerate() {
            if reads.params.contains(&parameter.name) {
                let name = KeptName::new(Self::PARAM_PREFIX, &parameter.name);
                kept.push(Self::Param { name, place });
            }
        }
        if reads.context.contains(&ContextFact::Scopes) {
            kept.push(Self::Scopes);
        }
        if !asked.is_empty() {
            kept.push(Self::TokenScopes);
        }
        if reads.context.contains(&ContextFact::User) {
            let of_user = named(&reads.user, of_user).into_iter();
            // The name and the issuer have a field of their own in the record.
            let attributes = of_user.filter(|name| UserFact::ALL.iter().all(|own| own.as_str() != *name));
            kept.extend(attributes.map(|name| Self::UserAttribute(KeptName::new(Self::USER_PREFIX, name))));
            if reads.user.contains(UserFact::Teams.as_str()) {
                kept.push(Self::UserTeams);
            }
        }
        kept.into()
    }
}

/// The names that are read, of all that are declared.
fn named<'a>(read: &'a Names, declared: impl Iterator<Item = &'a String>) -> BTreeSet<&'a str> {
    match read {
        Names::All => declared.map(String::as_str).collect(),
        Names::Listed(names) => names.iter().map(String::as_str).collect(),
    }
}

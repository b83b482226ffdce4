//! Which facts of a request its record keeps: those that the policies of its operation read and that a record has no
//! field of its own for. The address, the strength, the user and the time have one.
//!
//! The list is made once per operation when the policies are compiled, so that recording looks nothing up.

use std::collections::BTreeSet;

use catalog::PathParameter;

use crate::reads::{ContextFact, Names, Reads};

/// A fact to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeptFact {
    /// An attribute of the calling application.
    Attribute(KeptName),
    /// Whether several factors were used.
    Mfa,
    /// The path parameter at `place` of the operation's order.
    Param { name: KeptName, place: usize },
    /// The scopes of the credential.
    Scopes,
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
    /// What the key of a path parameter begins with.
    pub const PARAM_PREFIX: &'static str = "params.";

    /// The name in a record: as a policy reads the fact.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Attribute(name) | Self::Param { name, .. } => &name.key,
            Self::Mfa => ContextFact::Mfa.as_str(),
            Self::Scopes => ContextFact::Scopes.as_str(),
        }
    }

    /// The facts to keep of an operation with these parameters, sorted by kind and name.
    pub(crate) fn of<'a>(
        reads: &Reads,
        parameters: &[PathParameter],
        declared: impl Iterator<Item = &'a String>,
    ) -> Box<[Self]> {
        let attributes: BTreeSet<&str> = match &reads.attributes {
            Names::All => declared.map(String::as_str).collect(),
            Names::Listed(names) => names.iter().map(String::as_str).collect(),
        };
        let attribute = |name: &str| Self::Attribute(KeptName::new(Self::ATTRIBUTE_PREFIX, name));
        let mut kept: Vec<_> = attributes.into_iter().map(attribute).collect();
        if reads.context.contains(&ContextFact::Mfa) {
            kept.push(Self::Mfa);
        }
        for (place, parameter) in parameters.iter().enumerate() {
            let is_read = match &reads.params {
                Names::All => true,
                Names::Listed(names) => names.contains(&parameter.name),
            };
            if is_read {
                let name = KeptName::new(Self::PARAM_PREFIX, &parameter.name);
                kept.push(Self::Param { name, place });
            }
        }
        if reads.context.contains(&ContextFact::Scopes) {
            kept.push(Self::Scopes);
        }
        kept.into()
    }
}

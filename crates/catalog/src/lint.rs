//! What is allowed in a catalogue and yet worth a second look.

use std::fmt;

use model::{ApiName, OperationId};

/// Something that a person should look at. Every lint names all that takes part in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lint {
    /// Some paths fit both, and neither is the more special one; requests for them go to `taken`.
    Ambiguous { taken: OperationId, other: OperationId },
    /// Two APIs on one host with one base path declare different things for browsers, so that preflights show which
    /// of their paths belong to which.
    BrowsersTellApisApart { one: ApiName, other: ApiName },
    /// A denial hides it, so no preflight may tell of its method, and no other operation of the API has it: browsers
    /// can't call it from other origins.
    HiddenFromBrowsers { operation: OperationId },
    /// The look at overlaps or the list of lints ended at its limit.
    Incomplete,
    /// The same place of one path has two names, so that rules on either see half of the operations.
    ParameterNames { one: OperationId, other: OperationId, name: String, other_name: String },
    /// Every path that fits `special` also fits `general`; requests for them go to `special`.
    Shadowed { special: OperationId, general: OperationId },
    /// The path has no word of its own, so it takes whatever nothing else takes.
    TooGeneric { operation: OperationId },
    /// No request can reach it.
    Unreachable { operation: OperationId, reason: String },
    /// It is in no group: only a rule that names it can grant it.
    Ungrouped { operation: OperationId },
}

impl fmt::Display for Lint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous { taken, other } => write!(
                formatter,
                "some paths fit both `{taken}` and `{other}`; requests for them are judged as the first"
            ),
            Self::BrowsersTellApisApart { one, other } => write!(
                formatter,
                "`{one}` and `{other}` share a host and a base path and differ in `cors`, so preflights tell anyone whose paths are whose"
            ),
            Self::HiddenFromBrowsers { operation } => write!(
                formatter,
                "`{operation}` is hidden and the only operation with its method, so preflights do not tell of it and browsers cannot call it from other origins"
            ),
            Self::Incomplete => formatter.write_str("there is more to say than the limit of lints allows"),
            Self::ParameterNames { one, other, name, other_name } => write!(
                formatter,
                "`{one}` and `{other}` name the same place of the path `{name}` and `{other_name}`; a rule on one name does not see the other"
            ),
            Self::Shadowed { special, general } => {
                write!(formatter, "`{special}` takes paths that would fit `{general}`")
            }
            Self::TooGeneric { operation } => {
                write!(formatter, "`{operation}` has no word of its own and takes every path of its length")
            }
            Self::Unreachable { operation, reason } => {
                write!(formatter, "no request can reach `{operation}`: {reason}")
            }
            Self::Ungrouped { operation } => {
                write!(
                    formatter,
                    "`{operation}` is in no group; `api regroup` would add it and say who gains it"
                )
            }
        }
    }
}

//! What happened to a request, as data.

/// The verdict of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Allowed,
    Denied,
    SteppedUp,
    /// Passed because its API or policy is observed; it would have been denied.
    WouldDeny,
    /// Passed because its API or policy is observed; more proof would have been asked for.
    WouldStepUp,
}

impl Verdict {
    pub const ALL: [Self; 5] =
        [Self::Allowed, Self::Denied, Self::SteppedUp, Self::WouldDeny, Self::WouldStepUp];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::SteppedUp => "stepped_up",
            Self::WouldDeny => "would_deny",
            Self::WouldStepUp => "would_step_up",
        }
    }

    /// Reads a verdict's name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == text)
    }
}

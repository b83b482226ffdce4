//! Why a key was revoked, as far as it says whether what the key did is evidence.
//!
//! The cause stands before the reason, in the log as in the store: `replaced: yearly change of keys`. So it is kept with the act,
//! and whoever reads the record reads it.

use crate::ControlError;

/// Why a key came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// What it was for has ended.
    Ended,
    /// Somebody else has it, or may.
    Leaked,
    /// Another key does its work.
    Replaced,
}

impl Cause {
    const ALL: [Self; 3] = [Self::Ended, Self::Leaked, Self::Replaced];

    /// Reads what somebody names.
    pub fn parse(text: &str) -> Result<Self, ControlError> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text).ok_or_else(|| {
            ControlError::invalid(
                format!("`{text}` is no cause of a revocation"),
                "one of `leaked`, `replaced`, `ended`; say none where nobody knows",
            )
        })
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Leaked => "leaked",
            Self::Replaced => "replaced",
        }
    }

    /// The cause that stands before a reason, where one does.
    pub(crate) fn of_reason(reason: &str) -> Option<Self> {
        let (cause, _) = reason.split_once(':')?;
        Self::ALL.into_iter().find(|known| known.as_str() == cause)
    }

    /// A reason with the cause before it.
    pub(crate) fn before(self, reason: &str) -> String {
        format!("{}: {reason}", self.as_str()).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_read_back_from_the_reason_that_it_stands_before() {
        for cause in Cause::ALL {
            assert_eq!(Cause::parse(cause.as_str()).unwrap(), cause);
            for reason in ["", "OPS-7", "replaced: it says"] {
                assert_eq!(Cause::of_reason(&cause.before(reason)), Some(cause), "{reason}");
            }
        }
        assert_eq!(Cause::Replaced.before("yearly change"), "replaced: yearly change");
        for reason in
            ["", "replaced", "replaced by another", "Replaced: x", "was replaced: x", "OPS-7: leaked"]
        {
            assert_eq!(Cause::of_reason(reason), None, "{reason}");
        }
        assert!(Cause::parse("").is_err() && Cause::parse("Leaked").is_err());
    }
}

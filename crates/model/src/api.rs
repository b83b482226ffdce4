//! What an API declares about itself, as closed lists.

use std::time::Duration;

use crate::Timestamp;

/// Who an API is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exposure {
    Internal,
    Partner,
    Public,
    ThirdParty,
}

/// How sensitive the data of an API is; ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataClass {
    Public,
    Internal,
    Confidential,
    Restricted,
}

/// Whether a decision that cannot be recorded still passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audit {
    /// Passes, and the loss is counted.
    Counted,
    /// The `decided` entry is durable before the first byte goes to the upstream; otherwise denied.
    Required,
}

/// What happens to a foreign credential. Own keys are never passed on, whatever this says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CredentialUse {
    /// The caller's credentials are removed and the upstream's own stands in for them.
    Exchange,
    /// A foreign credential goes on as it came.
    Pass,
    /// It is removed.
    Strip,
}

/// Whether denials are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    /// Denials that observation suspends are recorded as `would_deny` until this point, then carried out.
    ObserveUntil(Timestamp),
}

impl Mode {
    /// Whether observation suspends denials at `now`.
    #[must_use]
    pub fn observes(self, now: Timestamp) -> bool {
        match self {
            Self::Enforce => false,
            Self::ObserveUntil(end) => now < end,
        }
    }
}

/// So many events per period, with as many at once: `100/s`, `2000/m`, `5/h`, `10000/d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    count: u32,
    period: RatePeriod,
}

/// The period of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RatePeriod {
    Second,
    Minute,
    Hour,
    Day,
}

impl Rate {
    /// Reads `COUNT/PERIOD`; a count of zero is refused, since it would be a guard in disguise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, period) = text.split_once('/')?;
        let period = match period {
            "s" => RatePeriod::Second,
            "m" => RatePeriod::Minute,
            "h" => RatePeriod::Hour,
            "d" => RatePeriod::Day,
            _ => return None,
        };
        if !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        match count.parse() {
            Ok(0) | Err(_) => None,
            Ok(count) => Some(Self { count, period }),
        }
    }

    /// Events per period; at least one.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    #[must_use]
    pub const fn period(self) -> Duration {
        match self.period {
            RatePeriod::Second => Duration::from_secs(1),
            RatePeriod::Minute => Duration::from_secs(60),
            RatePeriod::Hour => Duration::from_secs(3_600),
            RatePeriod::Day => Duration::from_secs(86_400),
        }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let period = match self.period {
            RatePeriod::Second => 's',
            RatePeriod::Minute => 'm',
            RatePeriod::Hour => 'h',
            RatePeriod::Day => 'd',
        };
        write!(formatter, "{}/{period}", self.count)
    }
}

macro_rules! named {
    ($name:ident, $($variant:ident = $text:literal),+) => {
        impl $name {
            /// The name in files and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// Reads the name as files write it.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

named!(Exposure, Internal = "internal", Partner = "partner", Public = "public", ThirdParty = "third-party");
named!(
    DataClass,
    Public = "public",
    Internal = "internal",
    Confidential = "confidential",
    Restricted = "restricted"
);
named!(Audit, Counted = "counted", Required = "required");
named!(CredentialUse, Exchange = "exchange", Pass = "pass", Strip = "strip");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observes_until_its_end_and_not_a_moment_longer() {
        let end = Timestamp::from_seconds(100);
        let mode = Mode::ObserveUntil(end);
        assert!(mode.observes(Timestamp::from_micros(end.as_micros() - 1)));
        assert!(!mode.observes(end));
        assert!(!mode.observes(Timestamp::MAX));
        assert!(!Mode::Enforce.observes(Timestamp::MIN));
    }

    #[test]
    fn reads_rates() {
        for (text, expected) in [
            ("100/s", Some((100, 1))),
            ("1/d", Some((1, 86_400))),
            ("0/s", None),
            ("+1/s", None),
            ("1/w", None),
            ("1", None),
            ("/s", None),
            ("99999999999/s", None),
        ] {
            let found = Rate::parse(text).map(|rate| (rate.count(), rate.period().as_secs()));
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(Rate::parse("5/h").unwrap().to_string(), "5/h");
    }
}

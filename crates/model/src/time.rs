//! Points in time. The core never reads a clock: a request carries one `Timestamp` from start to end.

use std::fmt;
use std::time::Duration;

/// A point in time in microseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not a point in time.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is neither a date like 2026-12-31 nor an RFC 3339 time like 2026-12-31T18:00:00Z")]
pub struct TimestampError {
    text: String,
}

impl Timestamp {
    /// The earliest point: everything has expired long before any other.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest point.
    pub const MAX: Self = Self(i64::MAX);

    /// Microseconds since the epoch, negative before it.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Milliseconds since the epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Seconds since the epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This point moved forward; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// This point moved back; saturates.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// The time from `earlier` until this point; zero when the clock went back.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Parses a date (midnight UTC at its start) or an RFC 3339 time with offset, of those that [`fmt::Display`] can
    /// write: up to 9999-12-30T22:00:00Z.
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let refused = || TimestampError { text: text.to_owned() };
        let is_date = text.len() == "2026-12-31".len() && text.parse::<jiff::civil::Date>().is_ok();
        let midnight = is_date.then(|| format!("{text}T00:00:00Z"));
        let text = midnight.as_deref().unwrap_or(text);
        let point = text.parse::<jiff::Timestamp>().map_err(|_| refused())?;
        let point = Self(point.as_microsecond());
        // The last second that can be read has milliseconds that cannot be written.
        jiff::Timestamp::from_millisecond(point.as_millis()).map_err(|_| refused())?;
        Ok(point)
    }
}

/// RFC 3339 in UTC with milliseconds, as in records and in JSON.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.as_millis()) {
            Ok(point) => write!(formatter, "{point:.3}"),
            Err(_) if self.0 < 0 => formatter.write_str("-infinity"),
            Err(_) => formatter.write_str("+infinity"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_and_rfc_3339_times() {
        for (text, seconds) in [
            ("1970-01-01", Some(0)),
            ("1970-01-02", Some(86_400)),
            ("2026-12-09T10:00:00Z", Some(1_796_810_400)),
            ("2026-12-09T11:00:00+01:00", Some(1_796_810_400)),
            ("2026-13-01", None),
            ("2026-02-30", None),
            ("tomorrow", None),
            ("2026-12-09T10:00:00", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::parse(text).ok().map(Timestamp::as_seconds), seconds, "{text}");
        }
    }

    #[test]
    fn reads_no_time_that_it_could_not_write() {
        for (text, reads) in [
            ("9999-12-31T00:00:00+02:00", true),
            ("9999-12-31T00:00:00.123456+02:00", false),
            ("9999-12-30T21:59:59.999999Z", true),
            ("9999-12-31T00:00:00Z", false),
        ] {
            let time = Timestamp::parse(text);
            assert_eq!(time.is_ok(), reads, "{text}");
            if let Ok(time) = time {
                assert_eq!(Timestamp::parse(&time.to_string()).unwrap().as_millis(), time.as_millis());
            }
        }
    }

    #[test]
    fn prints_utc_with_milliseconds() {
        assert_eq!(Timestamp::from_millis(1_796_810_400_120).to_string(), "2026-12-09T10:00:00.120Z");
        assert_eq!(Timestamp::MAX.to_string(), "+infinity");
    }

    #[test]
    fn saturates_rather_than_wraps() {
        assert_eq!(Timestamp::MAX.plus(Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.minus(Duration::from_secs(1)), Timestamp::MIN);
        assert_eq!(Timestamp::from_seconds(1).since(Timestamp::from_seconds(2)), Duration::ZERO);
    }
}

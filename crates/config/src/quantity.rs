//! Durations and sizes as people write them: `90d`, `15m`, `10MiB`.

use std::time::Duration;

/// Why a text is no quantity.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    #[error("`{text}` is no duration: a whole number and one of ms, s, m, h, d")]
    Duration { text: String },
    #[error("`{text}` is no size: a whole number and one of B, KiB, MiB, GiB, kB, MB, GB")]
    Size { text: String },
    #[error("`{text}` is too large")]
    TooLarge { text: String },
}

/// Reads `500ms`, `30s`, `15m`, `12h`, `90d`: one whole number, one unit, nothing between them.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let fault = || QuantityError::Duration { text: crate::fields::shown(text) };
    let (count, unit) = split(text).ok_or_else(fault)?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(fault()),
    };
    multiply(text, count, millis).map(Duration::from_millis)
}

/// Reads `512B`, `64KiB`, `10MiB`, `1GiB`, `10kB`, `10MB`, `1GB` as bytes.
pub fn parse_size(text: &str) -> Result<u64, QuantityError> {
    let fault = || QuantityError::Size { text: crate::fields::shown(text) };
    let (count, unit) = split(text).ok_or_else(fault)?;
    let bytes: u64 = match unit {
        "B" => 1,
        "kB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return Err(fault()),
    };
    multiply(text, count, bytes)
}

/// The digits at the start and what follows them.
fn split(text: &str) -> Option<(&str, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 { None } else { text.split_at_checked(digits) }
}

fn multiply(text: &str, count: &str, unit: u64) -> Result<u64, QuantityError> {
    let too_large = || QuantityError::TooLarge { text: crate::fields::shown(text) };
    let count: u64 = count.parse().map_err(|_| too_large())?;
    count.checked_mul(unit).ok_or_else(too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        for (text, millis) in [
            ("90d", Some(7_776_000_000)),
            ("15m", Some(900_000)),
            ("0s", Some(0)),
            ("500ms", Some(500)),
            ("1h", Some(3_600_000)),
            ("90", None),
            ("90 d", None),
            ("-1d", None),
            ("+1d", None),
            ("1.5h", None),
            ("1h30m", None),
            ("d", None),
            ("", None),
            ("1D", None),
            ("٣d", None),
            ("99999999999999999999d", None),
            ("18446744073709551615d", None),
        ] {
            assert_eq!(parse_duration(text).ok(), millis.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("10MiB", Some(10_485_760)),
            ("10MB", Some(10_000_000)),
            ("0B", Some(0)),
            ("1GiB", Some(1 << 30)),
            ("10", None),
            ("10mib", None),
            ("10 MiB", None),
            ("17179869184GiB", None),
            ("é", None),
        ] {
            assert_eq!(parse_size(text).ok(), bytes, "{text}");
        }
    }
}

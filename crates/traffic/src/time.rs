//! Times as logs write them, to milliseconds since 1970 in UTC.

const DAY_MS: i64 = 86_400_000;

/// `10/Oct/2000:13:55:36 -0700`, as Apache and nginx write it.
pub(crate) fn clf(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let &[a, b, b'/', m, n, o, b'/', y, e, c, d, b':', h, i, b':', j, k, b':', s, t, b' ', ref zone @ ..] =
        bytes
    else {
        return None;
    };
    let date = days(number(&[y, e, c, d])?, month(&[m, n, o])?, number(&[a, b])?)?;
    let clock = clock(number(&[h, i])?, number(&[j, k])?, number(&[s, t])?)?;
    Some(date * DAY_MS + clock - offset(zone)?)
}

/// `2026-11-26T17:00:00.123456Z`, with a blank for the `T`, an offset, or without a zone, which then is UTC (RFC 3339).
pub(crate) fn iso(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let &[
        a,
        b,
        c,
        d,
        b'-',
        m,
        n,
        b'-',
        e,
        f,
        b'T' | b't' | b' ',
        h,
        i,
        b':',
        j,
        k,
        b':',
        s,
        t,
        ref rest @ ..,
    ] = bytes
    else {
        return None;
    };
    let date = days(number(&[a, b, c, d])?, number(&[m, n])?, number(&[e, f])?)?;
    let clock = clock(number(&[h, i])?, number(&[j, k])?, number(&[s, t])?)?;
    let (millis, zone) = fraction(rest)?;
    let offset = match zone {
        [] | b"Z" | b"z" => 0,
        zone => offset(zone)?,
    };
    Some(date * DAY_MS + clock + millis - offset)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7). The day of the week is not compared.
pub fn http_date(text: &str) -> Option<i64> {
    let (_, rest) = text.split_once(", ")?;
    let &[a, b, b' ', m, n, o, b' ', y, e, c, d, b' ', h, i, b':', j, k, b':', s, t, b' ', b'G', b'M', b'T'] =
        rest.as_bytes()
    else {
        return None;
    };
    let date = days(number(&[y, e, c, d])?, month(&[m, n, o])?, number(&[a, b])?)?;
    Some(date * DAY_MS + clock(number(&[h, i])?, number(&[j, k])?, number(&[s, t])?)?)
}

/// A number since 1970: seconds, with a fraction or not, or milli-, micro- or nanoseconds by its size.
pub(crate) fn epoch(text: &str) -> Option<i64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || whole.len() > 19 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole: i64 = whole.parse().ok().filter(|whole| 0 <= *whole)?;
    Some(match whole {
        0..100_000_000_000 => {
            let mut millis = 0;
            for place in 0..3 {
                let digit = rest.as_bytes().get(place).map_or(0, |byte| i64::from(byte - b'0'));
                millis = millis * 10 + digit;
            }
            whole * 1_000 + millis
        }
        100_000_000_000..100_000_000_000_000 => whole,
        100_000_000_000_000..100_000_000_000_000_000 => whole / 1_000,
        _ => whole / 1_000_000,
    })
}

/// Any of them, as fields of JSON hold them.
pub(crate) fn any(text: &str) -> Option<i64> {
    iso(text).or_else(|| epoch(text)).or_else(|| clf(text))
}

/// Milliseconds of `.123456`, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.' | b',', digits @ ..] = rest else { return Some((0, rest)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, zone) = digits.split_at_checked(count)?;
    if digits.is_empty() {
        return None;
    }
    let digit = |place: usize| digits.get(place).map_or(0, |byte| i64::from(byte - b'0'));
    Some((digit(0) * 100 + digit(1) * 10 + digit(2), zone))
}

/// `+0100` or `+01:00`, in milliseconds.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match *zone {
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => (sign, number(&[a, b])?, number(&[c, d])?),
        _ => return None,
    };
    let millis = (hours * 60 + minutes) * 60_000;
    match sign {
        _ if 23 < hours || 59 < minutes => None,
        b'+' => Some(millis),
        b'-' => Some(-millis),
        _ => None,
    }
}

fn clock(hour: i64, minute: i64, second: i64) -> Option<i64> {
    // A leap second is the last moment of its minute.
    let fits = hour < 24 && minute < 60 && second <= 60;
    fits.then_some(((hour * 60 + minute) * 60 + second.min(59)) * 1_000)
}

fn month(name: &[u8; 3]) -> Option<i64> {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (names, _) = NAMES.as_chunks::<3>();
    (1..).zip(names).find(|(_, other)| *other == name).map(|(number, _)| number)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        Some(number * 10 + i64::from(digit))
    })
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    // Counted from March, so that the leap day is a year's last.
    let (years, months) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let since_march = (153 * months + 2) / 5 + day - 1;
    Some(years * 365 + years / 4 - years / 100 + years / 400 + since_march - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_servers_write() {
        assert_eq!(clf("10/Oct/2000:13:55:36 -0700"), Some(971_211_336_000));
        assert_eq!(clf("01/Jan/1970:00:00:00 +0000"), Some(0));
        assert_eq!(clf("29/Feb/2024:23:59:60 +0530"), Some(1_709_231_399_000));
        for text in ["2000-10-10T13:55:36-07:00", "2000-10-10 20:55:36", "2000-10-10T20:55:36.000999Z"] {
            assert_eq!(iso(text), Some(971_211_336_000), "{text}");
        }
        assert_eq!(iso("2000-10-10T20:55:36.5+0000"), Some(971_211_336_500));
        assert_eq!(epoch("1741564800.257"), Some(1_741_564_800_257));
        for text in ["1741564800", "1741564800000", "1741564800000000", "1741564800000000000"] {
            assert_eq!(epoch(text), Some(1_741_564_800_000), "{text}");
        }
    }

    #[test]
    fn reads_dates_of_fields() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        for text in [
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "10/Oct/2000:13:55:36",
            "10/Oct/2000:24:55:36 +0000",
            "10/Okt/2000:13:55:36 +0000",
            "31/Apr/2000:13:55:36 +0000",
            "29/Feb/2023:00:00:00 +0000",
            "00/Jan/2000:00:00:00 +0000",
            "1a/Oct/2000:13:55:36 +0000",
            "10/Oct/2000:13:55:36 +2400",
            "10/Oct/2000:13:55:36 0000",
            "2000-13-10T13:55:36Z",
            "2000-10-10T13:55:36.Z",
            "2000-10-10T13:55:36 Europe",
            "-5",
            "1.2.3",
            "1e9",
            "99999999999999999999",
            "now",
        ] {
            assert_eq!(any(text), None, "{text}");
        }
    }
}

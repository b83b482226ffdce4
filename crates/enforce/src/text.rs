//! Short texts of addresses and numbers, without an allocation and without the formatting machinery, whose cost is
//! that of the fields they stand in.

use std::fmt::Write as _;
use std::net::IpAddr;

/// As many bytes as the text of an address takes, which is more than a number takes.
const BYTES_MAX: usize = 39;

/// A text in its standard form.
pub(crate) struct ShortText {
    bytes: [u8; BYTES_MAX],
    start: usize,
    end: usize,
}

impl ShortText {
    const fn new() -> Self {
        Self { bytes: [0; BYTES_MAX], start: 0, end: 0 }
    }

    /// An address.
    #[inline]
    pub(crate) fn of(address: &IpAddr) -> Self {
        let mut text = Self::new();
        match address {
            IpAddr::V4(address) => {
                let [first, others @ ..] = address.octets();
                text.push_octet(first);
                for octet in others {
                    text.push(b'.');
                    text.push_octet(octet);
                }
            }
            // No address is longer than there is room; were it otherwise, nothing half-written would be sent.
            IpAddr::V6(address) => {
                if write!(text, "{address}").is_err() {
                    text.end = 0;
                }
            }
        }
        text
    }

    /// A number in decimal digits.
    #[inline]
    pub(crate) fn number(number: u64) -> Self {
        match u32::try_from(number) {
            Ok(number @ ..=99_999_999) => Self::of_eight_digits(number),
            Ok(_) | Err(_) => Self::long_number(number),
        }
    }

    /// A number of at most eight digits, which nearly all are: all digits at once. A number is halved three times, into
    /// parts of a word that lie side by side; each factor is a division by 100 or by 10 that is exact for such parts.
    #[inline]
    fn of_eight_digits(number: u32) -> Self {
        let halves = u64::from(number / 10_000) | (u64::from(number % 10_000) << 32);
        let hundreds = (halves.wrapping_mul(10_486) >> 20) & 0x0000_007f_0000_007f;
        let pairs = hundreds | (halves.wrapping_sub(hundreds.wrapping_mul(100)) << 16);
        let tens = (pairs.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
        let digits = tens | (pairs.wrapping_sub(tens.wrapping_mul(10)) << 8);
        let mut text = Self::new();
        if let Some(slots) = text.bytes.first_chunk_mut::<8>() {
            *slots = (digits | 0x3030_3030_3030_3030).to_le_bytes();
        }
        // Zeros at the front are left out, but for the last digit.
        text.start = (digits.trailing_zeros() / 8).min(7) as usize;
        text.end = 8;
        text
    }

    #[cold]
    fn long_number(number: u64) -> Self {
        let mut text = Self { bytes: [0; BYTES_MAX], start: BYTES_MAX, end: BYTES_MAX };
        let mut left = number;
        for slot in text.bytes.iter_mut().rev() {
            let [digit, ..] = (left % 10).to_le_bytes();
            *slot = b'0' | digit;
            text.start -= 1;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        text
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.end) {
            *slot = byte;
            self.end += 1;
        }
    }

    #[inline]
    fn push_octet(&mut self, octet: u8) {
        if 100 <= octet {
            self.push(b'0' + octet / 100);
        }
        if 10 <= octet {
            self.push(b'0' + octet / 10 % 10);
        }
        self.push(b'0' + octet % 10);
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }
}

impl std::fmt::Write for ShortText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for byte in text.bytes() {
            if self.bytes.len() <= self.end {
                return Err(std::fmt::Error);
            }
            self.push(byte);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn says_what_formatting_says(number in any::<u64>(), four in any::<u32>(), six in any::<u128>()) {
            for number in [number, number >> 37, number >> 40, number >> 60, 0, 99_999_999, 100_000_000, u64::MAX] {
                let text = ShortText::number(number);
                prop_assert_eq!(std::str::from_utf8(text.as_bytes()).unwrap(), number.to_string());
            }
            for address in [IpAddr::V4(Ipv4Addr::from_bits(four)), IpAddr::V6(Ipv6Addr::from_bits(six))] {
                let text = ShortText::of(&address);
                prop_assert_eq!(std::str::from_utf8(text.as_bytes()).unwrap(), address.to_string());
            }
        }
    }

    #[test]
    fn the_longest_address_has_room() {
        for address in [Ipv6Addr::from_bits(u128::MAX), Ipv6Addr::from_bits(0xffff_ffff_ffff)] {
            let text = address.to_string();
            assert_eq!(ShortText::of(&IpAddr::V6(address)).as_bytes(), text.as_bytes());
        }
    }
}

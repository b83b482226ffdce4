//! Networks of addresses: those of trusted proxies, and those that are blocked.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// One network: the addresses that share a prefix. IPv4 is compared as IPv4-mapped IPv6, so both spellings agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network {
    bits: u128,
    mask: u128,
}

/// The networks that are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networks(Box<[Network]>);

/// Why there is no such network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("the prefix is longer than the address")]
    PrefixTooLong,
    #[error("the prefix makes everyone a member")]
    Everyone,
    #[error("it is written as an address, or as an address, `/` and the length of the prefix")]
    Form,
}

impl Network {
    /// The network of `address` and the first `prefix` bits. A prefix of zero is refused (security case 26).
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, NetworkError> {
        let offset = match address {
            IpAddr::V4(_) => 96,
            IpAddr::V6(_) => 0,
        };
        if prefix == 0 {
            return Err(NetworkError::Everyone);
        }
        let length = u32::from(prefix) + offset;
        if 128 < length {
            return Err(NetworkError::PrefixTooLong);
        }
        let mask = u128::MAX << (128 - length);
        // `::ffff:0:0/96` and shorter prefixes of it hold every IPv4 address.
        let bits = mapped(address) & mask;
        if length <= 96 && bits == mapped(IpAddr::from([0, 0, 0, 0])) & mask {
            return Err(NetworkError::Everyone);
        }
        Ok(Self { bits, mask })
    }

    /// Reads `10.2.0.0/16`, or an address that stands for itself alone. Bits beyond the prefix do not count.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let Some(prefix) = prefix else { return Self::new(address, whole) };
        // A sign or a space is no digit, whatever else would read it as a number.
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NetworkError::Form);
        }
        Self::new(address, prefix.parse().map_err(|_| NetworkError::PrefixTooLong)?)
    }

    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        mapped(address) & self.mask == self.bits
    }

    /// Whether every address of `other` is in this one.
    #[must_use]
    pub const fn covers(&self, other: &Self) -> bool {
        self.mask & other.mask == self.mask && other.bits & self.mask == self.bits
    }

    /// How many leading bits its members share, of the 128 of IPv6.
    #[must_use]
    pub const fn prefix(&self) -> u32 {
        self.mask.count_ones()
    }

    /// Whether some address is in both.
    #[must_use]
    pub const fn meets(&self, other: &Self) -> bool {
        let mask = self.mask & other.mask;
        self.bits & mask == other.bits & mask
    }

    /// The network of the first `prefix` of 128 bits that holds `address`; for looking networks up by their prefix.
    #[must_use]
    pub fn around(address: IpAddr, prefix: u32) -> Self {
        let mask =
            128_u32.checked_sub(prefix).map_or(u128::MAX, |rest| u128::MAX.checked_shl(rest).unwrap_or(0));
        Self { bits: mapped(address) & mask, mask }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let six = Ipv6Addr::from_bits(self.bits);
        match (self.prefix().checked_sub(96), six.to_ipv4_mapped()) {
            (Some(prefix), Some(four)) => write!(formatter, "{four}/{prefix}"),
            (Some(_) | None, _) => write!(formatter, "{six}/{}", self.prefix()),
        }
    }
}

impl Networks {
    /// Nobody is a member.
    #[must_use]
    pub fn none() -> Self {
        Self(Box::default())
    }

    /// These networks, each an address and the length of its prefix.
    pub fn of(networks: impl IntoIterator<Item = (IpAddr, u8)>) -> Result<Self, NetworkError> {
        networks
            .into_iter()
            .map(|(address, prefix)| Network::new(address, prefix))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    #[must_use]
    #[inline]
    pub fn hold(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }
}

fn mapped(address: IpAddr) -> u128 {
    let six: Ipv6Addr = match address {
        IpAddr::V4(four) => four.to_ipv6_mapped(),
        IpAddr::V6(six) => six,
    };
    six.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Result<Network, NetworkError> {
        let (address, prefix) = text.split_once('/').unwrap();
        Network::new(address.parse().unwrap(), prefix.parse().unwrap())
    }

    #[test]
    fn holds_its_own_addresses_and_the_nearest_others_not() {
        for (text, inside, outside) in [
            ("10.2.0.0/16", "10.2.255.255", "10.3.0.0"),
            ("10.2.3.4/32", "10.2.3.4", "10.2.3.5"),
            ("10.2.3.4/16", "10.2.0.0", "10.1.255.255"),
            ("10.2.0.0/16", "::ffff:10.2.0.1", "::10.2.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1/128", "::1", "::2"),
        ] {
            let network = network(text).unwrap();
            assert!(network.holds(inside.parse().unwrap()), "{text} {inside}");
            assert!(!network.holds(outside.parse().unwrap()), "{text} {outside}");
        }
        assert!(!Networks::none().hold(IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn covers_itself_and_what_lies_in_it() {
        for (outer, inner, expected) in [
            ("10.2.0.0/16", "10.2.0.0/16", true),
            ("10.2.0.0/16", "10.2.7.0/24", true),
            ("10.2.7.0/24", "10.2.0.0/16", false),
            ("10.2.0.0/16", "10.3.7.0/24", false),
            ("10.2.0.0/16", "::ffff:10.2.7.0/120", true),
            ("2001:db8::/32", "2001:db8:1::/48", true),
        ] {
            assert_eq!(network(outer).unwrap().covers(&network(inner).unwrap()), expected, "{outer} {inner}");
        }
    }

    #[test]
    fn refuses_what_is_everyone_or_nothing() {
        for (text, error) in [
            ("0.0.0.0/0", NetworkError::Everyone),
            ("10.2.0.0/0", NetworkError::Everyone),
            ("::/0", NetworkError::Everyone),
            ("::ffff:0:0/96", NetworkError::Everyone),
            ("::/1", NetworkError::Everyone),
            ("10.0.0.0/33", NetworkError::PrefixTooLong),
            ("::1/129", NetworkError::PrefixTooLong),
        ] {
            assert_eq!(network(text), Err(error), "{text}");
        }
    }
}

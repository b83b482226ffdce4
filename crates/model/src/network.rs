//! Networks of addresses: those of trusted proxies, and those that are blocked.

use std::net::{IpAddr, Ipv6Addr};

/// One network: the addresses that share a prefix. IPv4 is compared as IPv4-mapped IPv6, so both spellings agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        mapped(address) & self.mask == self.bits
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

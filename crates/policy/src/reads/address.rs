//! Tests of the client's address against literals, with Cedar's meaning.
//!
//! They serve the cache key only: two addresses that agree on every test of a slice get one answer. Cedar itself
//! still judges. A property test compares these with Cedar.

use std::net::IpAddr;

/// One test of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AddressTest {
    /// `== ip("…")`: the address itself; an address is never equal to a network.
    Equal(IpAddr),
    /// `.isInRange(ip("…"))`, of the same family.
    InRange {
        network: IpAddr,
        prefix: u8,
    },
    Loopback,
    Multicast,
    V4,
    V6,
}

impl AddressTest {
    /// The test of `.isInRange(ip(text))`; none where the literal is not understood.
    pub(crate) fn in_range(text: &str) -> Option<Self> {
        let (network, prefix) = network(text)?;
        Some(Self::InRange { network, prefix })
    }

    /// The test of `== ip(text)`; none where the literal is a network or not understood.
    pub(crate) fn equal(text: &str) -> Option<Self> {
        let (network, prefix) = network(text)?;
        (prefix == bits(network)).then_some(Self::Equal(network))
    }

    pub(crate) fn holds(self, address: IpAddr) -> bool {
        match self {
            Self::Equal(other) => address == other,
            Self::InRange { network, prefix } => match (address, network) {
                (IpAddr::V4(address), IpAddr::V4(network)) => {
                    let host_bits = 32_u32.saturating_sub(u32::from(prefix));
                    let differing = address.to_bits() ^ network.to_bits();
                    differing.checked_shr(host_bits).unwrap_or(0) == 0
                }
                (IpAddr::V6(address), IpAddr::V6(network)) => {
                    let host_bits = 128_u32.saturating_sub(u32::from(prefix));
                    let differing = address.to_bits() ^ network.to_bits();
                    differing.checked_shr(host_bits).unwrap_or(0) == 0
                }
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
            },
            Self::Loopback => address.is_loopback(),
            Self::Multicast => address.is_multicast(),
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    match text.split_once('/') {
        None => {
            let address: IpAddr = text.parse().ok()?;
            Some((address, bits(address)))
        }
        Some((address, prefix)) => {
            let address: IpAddr = address.parse().ok()?;
            let prefix: u8 = prefix.parse().ok()?;
            (prefix <= bits(address)).then_some((address, prefix))
        }
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

//! Of which calls usage is given: those of a key, of a caller, from a network.

use std::net::IpAddr;

use advise::{CallFacts, Network as Place};
use model::{KeyId, Network};

use crate::ControlError;

/// Conditions on the facts of calls; `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    caller: Option<String>,
    key: Option<KeyId>,
    pub(super) network: Option<Network>,
}

/// Whether calls of a row are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    No,
    /// The row names no address, or a network that only overlaps with the one asked for.
    Unknown,
}

impl Asked {
    /// Sets one condition by its name; false where there is none of this name.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<bool, ControlError> {
        let bad = |what: &str, fix: &str| ControlError::invalid(format!("`{value}` is no {what}"), fix);
        match name {
            "caller" => self.caller = Some(value.to_owned()),
            "key" => {
                let fix = "use the id that `sallyport key list` shows, which is no secret";
                self.key = Some(KeyId::parse(value.as_bytes()).map_err(|_| bad("key id", fix))?);
            }
            "network" => {
                let fix = "write an address, or a network as 203.0.113.0/24";
                self.network = Some(Network::parse(value).map_err(|_| bad("network", fix))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn of(&self, facts: &CallFacts) -> Match {
        let is_caller = self.caller.as_ref().is_none_or(|caller| *caller == facts.caller);
        let is_key = self.key.is_none_or(|key| facts.key.as_deref() == Some(key.as_str()));
        if !is_caller || !is_key {
            return Match::No;
        }
        let Some(network) = self.network else { return Match::Yes };
        match facts.network {
            Place::Address(address) if network.holds(address) => Match::Yes,
            Place::Address(_) => Match::No,
            Place::Within(first) => match Network::new(first, prefix_of(first)) {
                Ok(row) if network.covers(&row) => Match::Yes,
                Ok(row) if !row.covers(&network) => Match::No,
                Ok(_) | Err(_) => Match::Unknown,
            },
            Place::Unknown => Match::Unknown,
        }
    }
}

/// How long the prefix of a row's network is, which the row names by its first address.
const fn prefix_of(first: IpAddr) -> u8 {
    match first {
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 48,
    }
}

/// Where calls came from, as columns show it: an address, a network, or nothing where neither is known.
pub(super) fn shown(network: &Place) -> String {
    match network {
        Place::Address(address) => address.to_string(),
        Place::Within(first) => format!("{first}/{}", prefix_of(*first)),
        Place::Unknown => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn facts(key: Option<&str>, network: Place) -> CallFacts {
        CallFacts {
            api: "orders".into(),
            operation: "orders:GET /".into(),
            caller: "app:shop".into(),
            team: None,
            user: None,
            key: key.map(str::to_owned),
            strength: 2,
            verdict: "allowed".into(),
            reason: String::new(),
            network,
            attributes: BTreeMap::new(),
            incomplete: false,
        }
    }

    fn asked(conditions: &[(&str, &str)]) -> Asked {
        let mut asked = Asked::default();
        for (name, value) in conditions {
            assert!(asked.set(name, value).unwrap(), "{name}");
        }
        asked
    }

    #[test]
    fn conditions_are_read_or_refused() {
        let mut asked = Asked::default();
        for (name, value, taken) in [
            ("key", "l41N3Xzhytop", Some(true)),
            ("key", "sp live", None),
            ("network", "10.0.0.0/8", Some(true)),
            ("network", "0.0.0.0/0", None),
            ("caller", "app:shop", Some(true)),
            ("colour", "red", Some(false)),
        ] {
            assert_eq!(asked.set(name, value).ok(), taken, "{name}={value}");
        }
    }

    #[test]
    fn rows_are_of_what_is_asked_or_it_is_said_that_nobody_knows() {
        let address = |text: &str| Place::Address(text.parse().unwrap());
        let within = |text: &str| Place::Within(text.parse().unwrap());
        for (conditions, network, expected) in [
            (&[("network", "127.1.0.0/16")][..], address("127.1.0.9"), Match::Yes),
            (&[("network", "127.1.0.0/16")], address("127.2.0.9"), Match::No),
            (&[("network", "127.1.0.0/16")], within("127.1.7.0"), Match::Yes),
            (&[("network", "127.1.7.0/24")], within("127.1.7.0"), Match::Yes),
            (&[("network", "127.1.7.9")], within("127.1.7.0"), Match::Unknown),
            (&[("network", "127.1.7.0/25")], within("127.1.7.0"), Match::Unknown),
            (&[("network", "127.1.8.9")], within("127.1.7.0"), Match::No),
            (&[("network", "2001:db8:1:2::/64")], within("2001:db8:1::"), Match::Unknown),
            (&[("network", "2001:db8::/32")], within("2001:db8:1::"), Match::Yes),
            (&[("network", "127.1.0.0/16")], Place::Unknown, Match::Unknown),
            (&[("key", "l41N3Xzhytop")], Place::Unknown, Match::Yes),
            (&[("key", "l41N3Xzhytoq")], Place::Unknown, Match::No),
            (&[("caller", "app:shop")], Place::Unknown, Match::Yes),
            (&[("caller", "app:shop2"), ("network", "127.1.0.0/16")], Place::Unknown, Match::No),
            (&[("caller", "app:shop"), ("key", "l41N3Xzhytop")], address("10.0.0.1"), Match::Yes),
        ] {
            let found = asked(conditions).of(&facts(Some("l41N3Xzhytop"), network.clone()));
            assert_eq!(found, expected, "{conditions:?} of {network:?}");
        }
        assert_eq!(asked(&[("key", "l41N3Xzhytop")]).of(&facts(None, Place::Unknown)), Match::No);
    }

    #[test]
    fn networks_are_shown_as_far_as_they_are_known() {
        assert_eq!(shown(&Place::Address("127.1.0.9".parse().unwrap())), "127.1.0.9");
        assert_eq!(shown(&Place::Within("127.1.0.0".parse().unwrap())), "127.1.0.0/24");
        assert_eq!(shown(&Place::Within("2001:db8:1::".parse().unwrap())), "2001:db8:1::/48");
        assert_eq!(shown(&Place::Unknown), "");
    }
}

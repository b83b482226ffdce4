//! Whom an operation is exposed to: as somebody says, or as the callers' addresses show.

use std::net::IpAddr;

use crate::operation::Operation;

/// Whom an operation is exposed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exposure {
    /// Called from within.
    Internal,
    /// Called by companies that one knows.
    Partner,
    /// Called from anywhere.
    Public,
    /// Somebody else's, called by one's own.
    ThirdParty,
    /// Nothing shows it.
    Unknown,
}

impl Exposure {
    const ALL: [Self; 5] = [Self::Internal, Self::Partner, Self::Public, Self::ThirdParty, Self::Unknown];

    /// The word in outputs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Partner => "partner",
            Self::Public => "public",
            Self::ThirdParty => "third-party",
            Self::Unknown => "unknown",
        }
    }

    /// The exposure of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|exposure| exposure.as_str() == word)
    }
}

/// What somebody says of hosts: `shop.example`, or `*.example` for all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// In lower case.
    pub pattern: String,
    /// What they are.
    pub exposure: Exposure,
}

/// The exposure of an operation and the reason in words. What is said outweighs what is seen; of several patterns the longest counts.
#[must_use]
pub fn exposure(seen: &Operation, said: &[Said]) -> (Exposure, String) {
    let fitting = said.iter().filter(|one| is_of(&one.pattern, &seen.host));
    if let Some(one) = fitting.max_by_key(|one| one.pattern.len()) {
        return (one.exposure, format!("said of {}", one.pattern));
    }
    if 0 < seen.client_side && seen.client_side == seen.succeeded {
        let why = "seen from its callers' side alone, so it may be somebody else's".to_owned();
        return (Exposure::ThirdParty, why);
    }
    let addresses: Vec<IpAddr> =
        seen.callers.sample.iter().filter_map(|caller| caller.parse().ok()).collect();
    let public = addresses.iter().filter(|address| is_public(**address)).count();
    match (addresses.len(), public) {
        (0, _) => (Exposure::Unknown, "no address of a caller was seen".to_owned()),
        (all, 0) => {
            let why = format!(
                "called from private addresses alone ({all} looked at), unless a proxy stands before the source"
            );
            (Exposure::Internal, why)
        }
        (all, public) => {
            (Exposure::Public, format!("called from public addresses ({public} of {all} looked at)"))
        }
    }
}

fn is_of(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(domain) => host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        None => pattern == "*" || pattern == host,
    }
}

/// Whether an address is none of the ranges that are not routed (RFC 6890, RFC 4193, RFC 6598).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || is_shared)
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::tests::seen;

    fn judged(callers: &[&str], said: &[(&str, &str)]) -> String {
        let mut operation = seen("shop.example", "GET", "/a");
        operation.callers.sample = callers.iter().map(|one| (*one).to_owned()).collect();
        let said: Vec<Said> = said
            .iter()
            .map(|(pattern, word)| Said {
                pattern: (*pattern).to_owned(),
                exposure: Exposure::of_word(word).unwrap(),
            })
            .collect();
        exposure(&operation, &said).0.as_str().to_owned()
    }

    #[test]
    fn addresses_tell_unless_somebody_says_otherwise() {
        assert_eq!(judged(&[], &[]), "unknown");
        assert_eq!(judged(&["checkout"], &[]), "unknown");
        assert_eq!(judged(&["10.0.0.1", "fd00::1", "100.64.1.1", "::1"], &[]), "internal");
        assert_eq!(judged(&["10.0.0.1", "198.51.100.7"], &[]), "public");
        assert_eq!(judged(&["::ffff:10.0.0.1"], &[]), "internal");
        assert_eq!(judged(&["198.51.100.7"], &[("shop.example", "partner")]), "partner");
        assert_eq!(judged(&["198.51.100.7"], &[("*.example", "internal"), ("*", "public")]), "internal");
        assert_eq!(
            judged(&["198.51.100.7"], &[("*.shop.example", "internal"), ("example", "internal")]),
            "public"
        );
    }

    #[test]
    fn what_is_seen_from_the_callers_side_alone_may_be_somebody_elses() {
        let mut operation = seen("pay.example", "GET", "/a");
        operation.client_side = operation.succeeded;
        assert_eq!(exposure(&operation, &[]).0, Exposure::ThirdParty);
        operation.succeeded += 1;
        assert_eq!(exposure(&operation, &[]).0, Exposure::Unknown);
    }
}

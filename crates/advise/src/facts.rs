//! The facts of a call that a decision was made from, as roll-ups keep them.
//!
//! Calls with equal facts are one row. What would make every call its own row is kept coarser, and a row says so: the age
//! of a sign-in is rounded up to two digits, and a row that was made while there were too many of them names the
//! network for the address, or leaves facts out.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::{DenyReason, Strength, Verdict};
use policy::KeptFact;
use record::decode::AttributeView;
use record::{ClientKind, ClientRef, DecidedView, PersonalView};
use serde::{Deserialize, Serialize};

use crate::spread::{Detail, Share};

/// The caller of a call whose personal part was erased.
pub(crate) const ERASED: &str = "(erased)";
/// Under which name a record says that it does not hold all that policies read.
const INCOMPLETE: &str = "incomplete";
/// The age of a sign-in in a record.
pub(crate) const AUTH_AGE: &str = "authAge";
/// What follows an API's name in the names of callers that showed one of its keys and that nobody vouched for.
const CLAIMED: &str = ":key-";

/// Where a call came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The one address of every call of the row.
    Address(IpAddr),
    /// A network of 24 bits (IPv4) or 48 bits (IPv6) that holds the addresses of the calls, by its first address.
    Within(IpAddr),
    /// Not known, or left out.
    Unknown,
}

impl Network {
    /// Whether calls from here may have come from one of the addresses of `other`: of what is not known, they may.
    #[must_use]
    pub fn may_be_of(&self, other: &model::Network) -> bool {
        match self {
            Self::Address(address) => other.holds(*address),
            Self::Within(first) => other.meets(&model::Network::around(*first, bits_of_network(*first))),
            Self::Unknown => true,
        }
    }
}

/// A fact that policies read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FactValue {
    Bool(bool),
    Long(i64),
    Text(String),
    Texts(Vec<String>),
}

/// What calls of one row have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFacts {
    /// The API's name; empty where the calls reached none.
    pub api: String,
    /// The operation's id; empty where none matched.
    pub operation: String,
    /// `anonymous`, `app:NAME`, `workload:NAME`, or `(erased)`.
    pub caller: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// `ISSUER/NAME` of the user on whose behalf the caller acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The id of the key that showed the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// 0 to 4, as policies read it.
    pub strength: i64,
    pub verdict: String,
    /// The reason's code; empty where the calls were allowed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    pub network: Network,
    /// What the policies of the operation read, by the names of the record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, FactValue>,
    /// Facts that policies read were left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub incomplete: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl CallFacts {
    /// The facts of one recorded request; `personal` is `None` where it was erased.
    pub(crate) fn of(decided: &DecidedView<'_>, personal: Option<&PersonalView<'_>>, detail: Detail) -> Self {
        let mut facts = Self {
            api: decided.api.to_owned(),
            operation: decided.operation.to_owned(),
            caller: ERASED.to_owned(),
            team: None,
            user: None,
            key: None,
            strength: decided.strength.as_long(),
            verdict: decided.verdict.as_str().to_owned(),
            reason: decided.reason.map(|reason| reason.code().to_owned()).unwrap_or_default(),
            network: Network::Unknown,
            attributes: BTreeMap::new(),
            incomplete: false,
        };
        let Some(personal) = personal else {
            facts.incomplete = true;
            return facts;
        };
        facts.caller = caller_label(decided.api, personal.client);
        facts.team = personal.team.map(str::to_owned);
        // What anybody can claim makes no row of its own.
        if Strength::SharedSecret <= decided.strength {
            facts.key = personal.key.map(|key| key.to_string());
        }
        if !keeps_more(decided) {
            return facts;
        }
        facts.network = network(personal.source_ip, detail);
        if !is_of_policy(decided.verdict, decided.reason) {
            return facts;
        }
        if matches!(detail, Detail::Coarse | Detail::Together) {
            facts.incomplete = has_more(personal);
            return facts;
        }
        facts.user = personal.user.map(str::to_owned);
        (facts.attributes, facts.incomplete) = attributes_of(personal, detail);
        facts
    }

    /// Whose rows these facts take.
    #[must_use]
    pub fn share(&self) -> Share {
        Share::of(&self.caller, self.strength)
    }

    /// The same without whatever names a person or could.
    #[must_use]
    pub fn without_persons(&self) -> Self {
        Self {
            caller: ERASED.to_owned(),
            team: None,
            user: None,
            key: None,
            network: Network::Unknown,
            attributes: BTreeMap::new(),
            incomplete: true,
            ..self.clone()
        }
    }

    /// The scopes of the token that showed the caller, of those that the API's document asks for.
    pub(crate) fn token_scopes(&self) -> &[String] {
        match self.attributes.get(KeptFact::TOKEN_SCOPES) {
            Some(FactValue::Texts(scopes)) if Strength::VerifiedSignature.as_long() <= self.strength => {
                scopes
            }
            Some(_) | None => &[],
        }
    }

    /// Whether calls of this row came through and were answered by the upstream without an error, as a proof of need asks:
    /// whoever was let pass, by a grant or because the API is observed.
    #[must_use]
    pub fn passed(&self) -> bool {
        matches!(
            Verdict::parse(&self.verdict),
            Some(Verdict::Allowed | Verdict::WouldDeny | Verdict::WouldStepUp)
        )
    }
}

/// Whether a row that keeps caller, key and operation alone leaves anything out.
pub(crate) fn has_more(personal: &PersonalView<'_>) -> bool {
    personal.source_ip.is_some() || personal.user.is_some() || personal.attributes.clone().next().is_some()
}

/// What the policies of the operation read, as far as `detail` keeps it, and whether anything of it is missing.
pub(crate) fn attributes_of(
    personal: &PersonalView<'_>,
    detail: Detail,
) -> (BTreeMap<String, FactValue>, bool) {
    let mut attributes = BTreeMap::new();
    let mut incomplete = false;
    for (name, value) in personal.attributes.clone() {
        match (name, kept(name, detail)) {
            (INCOMPLETE, _) | (_, Kept::LeftOut) => incomplete = true,
            (_, Kept::NoFact) => {}
            (_, Kept::Whole) => {
                attributes.insert(name.to_owned(), fact(name, value));
            }
        }
    }
    (attributes, incomplete)
}

/// Whether the row of a call says where it came from: of those that policy judged, since it may ask, and of those that somebody
/// verified made, since whoever follows a key asks.
pub(crate) fn keeps_more(decided: &DecidedView<'_>) -> bool {
    is_of_policy(decided.verdict, decided.reason) || Strength::SharedSecret <= decided.strength
}

/// Whether a request got as far as policy, so that another policy could have judged it otherwise.
pub(crate) const fn is_of_policy(verdict: Verdict, reason: Option<DenyReason>) -> bool {
    match verdict {
        Verdict::Allowed | Verdict::SteppedUp | Verdict::WouldStepUp => true,
        // Passed all the same, since only the declaration does not fit; with another one, policy has the word.
        Verdict::WouldDeny if is_of_declaration(reason) => true,
        Verdict::Denied | Verdict::WouldDeny => {
            matches!(
                reason,
                Some(
                    DenyReason::NoGrant
                        | DenyReason::NoCredential
                        | DenyReason::Guard
                        | DenyReason::PolicyFault
                        | DenyReason::StepUp
                )
            )
        }
    }
}

/// Whether such a call passes while its API is observed as long as no guard forbids it: what is declared does not describe it.
pub(crate) const fn is_of_declaration(reason: Option<DenyReason>) -> bool {
    matches!(reason, Some(DenyReason::BadParameter | DenyReason::OutOfScope))
}

/// The caller's label.
pub(crate) fn caller_of(decided: &DecidedView<'_>, personal: Option<&PersonalView<'_>>) -> String {
    personal.map_or_else(|| ERASED.to_owned(), |personal| caller_label(decided.api, personal.client))
}

/// Callers that nobody vouched for are together: anybody can send what looks like a key.
fn caller_label(api: &str, client: ClientRef<'_>) -> String {
    let (kind, name) = client.parts();
    match kind {
        ClientKind::Application if name.strip_prefix(api).is_some_and(|rest| rest.starts_with(CLAIMED)) => {
            kind.label(&format!("{api}{CLAIMED}*"))
        }
        ClientKind::Anonymous | ClientKind::Application | ClientKind::Workload => kind.label(name),
    }
}

fn network(address: Option<IpAddr>, detail: Detail) -> Network {
    match (address.map(|address| address.to_canonical()), detail) {
        (None, _) | (_, Detail::Coarse | Detail::Together) => Network::Unknown,
        (Some(address), Detail::Exact) => Network::Address(address),
        (Some(address), Detail::Network) => Network::Within(first_of_network(address)),
    }
}

/// The first address of the network that [`Network::Within`] names for `address`.
#[must_use]
pub(crate) fn first_of_network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::from((u32::from(address) & 0xffff_ff00).to_be_bytes()),
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            IpAddr::from([a, b, c, 0, 0, 0, 0, 0])
        }
    }
}

/// How many of the 128 bits of an IPv6 address the addresses of such a network share.
const fn bits_of_network(first: IpAddr) -> u32 {
    match first {
        IpAddr::V4(_) => 96 + 24,
        IpAddr::V6(_) => 48,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Whole,
    LeftOut,
    /// What a record shows beside the facts of policies: fingerprints of credentials.
    NoFact,
}

fn kept(name: &str, detail: Detail) -> Kept {
    let of_many = [KeptFact::PARAM_PREFIX, KeptFact::USER_PREFIX];
    if of_many.iter().any(|prefix| name.starts_with(prefix)) {
        return if detail == Detail::Exact { Kept::Whole } else { Kept::LeftOut };
    }
    let is_fact = name.starts_with(KeptFact::ATTRIBUTE_PREFIX)
        || [AUTH_AGE, "mfa", "scopes", KeptFact::TOKEN_SCOPES].contains(&name);
    if is_fact { Kept::Whole } else { Kept::NoFact }
}

fn fact(name: &str, value: AttributeView<'_>) -> FactValue {
    match value {
        AttributeView::Bool(value) => FactValue::Bool(value),
        AttributeView::Long(age) if name == AUTH_AGE => FactValue::Long(rounded_up(age)),
        AttributeView::Long(value) => FactValue::Long(value),
        AttributeView::Text(text) => FactValue::Text(text.to_owned()),
        AttributeView::TextSet(texts) => FactValue::Texts(texts.map(str::to_owned).collect()),
    }
}

/// Up to two digits that are not zero: 299 becomes 300. Never younger than it was.
pub(crate) fn rounded_up(age: i64) -> i64 {
    let mut unit = 1_i64;
    while 100 <= age / unit {
        unit = unit.saturating_mul(10);
    }
    age.checked_add(unit - 1).map_or(i64::MAX, |sum| sum / unit * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_never_rounded_down() {
        for (age, rounded) in
            [(0, 0), (7, 7), (99, 99), (100, 100), (101, 110), (299, 300), (300, 300), (3_601, 3_700)]
        {
            assert_eq!(rounded_up(age), rounded, "{age}");
        }
        assert_eq!(rounded_up(i64::MAX), i64::MAX);
    }

    #[test]
    fn networks_are_of_24_and_48_bits() {
        for (address, first) in [("203.0.113.77", "203.0.113.0"), ("2001:db8:1:2::3", "2001:db8:1::")] {
            assert_eq!(first_of_network(address.parse().unwrap()), first.parse::<IpAddr>().unwrap());
        }
    }

    #[test]
    fn a_network_may_be_of_another_where_one_address_is() {
        let network = |text: &str| model::Network::parse(text).unwrap();
        let address = |text: &str| Network::Address(text.parse().unwrap());
        let within = |text: &str| Network::Within(text.parse().unwrap());
        for (one, other, may) in [
            (address("203.0.113.7"), "203.0.113.7", true),
            (address("203.0.113.7"), "203.0.113.8", false),
            (address("203.0.113.7"), "203.0.0.0/16", true),
            (within("203.0.113.0"), "203.0.113.8", true),
            (within("203.0.113.0"), "203.0.0.0/16", true),
            (within("203.0.113.0"), "203.0.112.0/24", false),
            (within("2001:db8:1::"), "2001:db8:1:2::/64", true),
            (within("2001:db8:1::"), "2001:db8:2::/64", false),
            (Network::Unknown, "203.0.113.8", true),
        ] {
            assert_eq!(one.may_be_of(&network(other)), may, "{one:?} {other}");
        }
    }

    #[test]
    fn facts_read_back() {
        let facts = CallFacts {
            api: "orders".into(),
            operation: "orders:GET /".into(),
            caller: "app:shop".into(),
            team: None,
            user: None,
            key: None,
            strength: 2,
            verdict: "allowed".into(),
            reason: String::new(),
            network: Network::Address("203.0.113.7".parse().unwrap()),
            attributes: BTreeMap::from([("params.id".to_owned(), FactValue::Long(7))]),
            incomplete: false,
        };
        let text = serde_json::to_string(&facts).unwrap();
        assert_eq!(serde_json::from_str::<CallFacts>(&text).unwrap(), facts);
        assert!(serde_json::from_str::<CallFacts>(&text.replace("\"api\"", "\"apis\"")).is_err());
    }
}

//! Which calls are evidence of a need, and of whose.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use enforce::decide_policy;
use model::{DenyReason, KeyId, Strength, Timestamp, Verdict};
use policy::DecisionCache;

use super::asked::{Asked, Scoped, ScopedNeeds, add};
use super::withdrawn::{Lost, Withdrawn};
use super::{KeyState, SuggestQuestion};
use crate::caller::recall;
use crate::ended::Ended;
use crate::facts::{Network, first_of_network};
use crate::{Usage, Used};

/// The most decisions that a need names.
const SAMPLES_MAX: usize = 3;

/// What one caller did with one operation, as far as it is evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    /// Calls that succeeded.
    pub(super) calls: u64,
    /// A bit for each day of the span.
    pub(super) days: u128,
    /// A bit for each hour of the day.
    pub(super) hours: u32,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// The least strength by which the caller was known.
    pub(super) strength: Strength,
    pub(super) samples: Vec<String>,
}

/// How one caller calls one operation, whether that is granted already or not.
#[derive(Clone, Debug, Default)]
pub(super) struct Use {
    pub(super) networks: BTreeMap<Network, Span>,
}

/// Calls from one network, and when they were.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) calls: u64,
    /// A bit for each day of the span.
    pub(super) days: u128,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Span {
    pub(super) fn add(&mut self, other: &Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.days |= other.days;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// All that one caller did.
#[derive(Clone, Debug, Default)]
pub(super) struct CallerUse {
    pub(super) team: Option<String>,
    /// What is not granted yet, by operation.
    pub(super) needs: BTreeMap<String, Need>,
    /// Everything, by operation.
    pub(super) uses: BTreeMap<String, Use>,
    /// Of all its successful calls, those included that are granted already.
    pub(super) calls: u64,
    pub(super) days: u128,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    /// Operations that policy permits already.
    pub(super) granted: BTreeSet<String>,
    /// What the scopes of its tokens say, together with the documents that ask for them.
    pub(super) scoped: ScopedNeeds,
}

impl CallerUse {
    /// Whether it called an operation with success.
    pub(super) fn shows(&self, operation: &str) -> bool {
        self.needs.contains_key(operation) || self.granted.contains(operation)
    }
}

#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// By the caller's label.
    pub(super) callers: BTreeMap<String, CallerUse>,
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) withdrawn: Vec<Withdrawn>,
    pub(super) left_out: BTreeMap<String, u64>,
    pub(super) granted_calls: u64,
    /// Calls that found nothing, because no declared operation matched, by the caller's label.
    pub(super) missed: BTreeMap<String, u64>,
    /// The callers that were seen of each team, whether what they did is evidence or not.
    pub(super) teams: BTreeMap<String, BTreeSet<String>>,
}

pub(super) fn gather(usage: &Usage, question: &SuggestQuestion<'_>) -> Gathered {
    let mut gathered = Gathered { span: usage.span(), ..Gathered::default() };
    let mut lost: BTreeMap<KeyId, Lost> = BTreeMap::new();
    let mut cache = DecisionCache::new();
    let ended = Ended::of(question.policies, question.now);
    let asked = Asked::of(question.catalog);
    let mut said: SaidOf<'_> = HashMap::new();
    for used in usage.rows() {
        if question.api.is_some_and(|api| api != used.facts.api) {
            continue;
        }
        gathered.see(used);
        let key = used.facts.key.as_ref().and_then(|key| KeyId::parse(key.as_bytes()).ok());
        if let Some(why) = no_evidence(used, question) {
            *gathered.left_out.entry(why.to_owned()).or_default() += used.counts.calls;
            continue;
        }
        let permitted = permitting(used, question, &mut cache, &ended);
        if let Some(key) = key
            && let Some(why) = stopped(key, question)
        {
            lost.entry(key).or_default().take(used, why, permitted);
            continue;
        }
        gathered.take(used, permitted.is_some());
        let scopes = used.facts.token_scopes();
        if !scopes.is_empty() {
            let of_token = (used.facts.api.as_str(), scopes);
            let said = said.entry(of_token).or_insert_with(|| asked.said(of_token.0, of_token.1));
            gathered.declare(&used.facts.caller, said);
        }
    }
    let withdrawn = lost.into_iter().map(|(key, lost)| {
        let still = gathered.callers.get(lost.caller());
        lost.withdrawn(key, still)
    });
    gathered.withdrawn = withdrawn.collect();
    gathered
}

/// What the scopes of tokens of an API say; many rows have the same.
type SaidOf<'a> = HashMap<(&'a str, &'a [String]), Vec<(&'a str, Scoped)>>;

impl Gathered {
    /// Notes what the scopes of a caller's token say.
    fn declare(&mut self, caller: &str, said: &[(&str, Scoped)]) {
        if let Some(caller) = self.callers.get_mut(caller) {
            add(&mut caller.scoped, said);
        }
    }

    /// Notes what is worth knowing of a row that may be no evidence.
    fn see(&mut self, used: &Used) {
        let facts = &used.facts;
        if facts.operation.is_empty() && 0 < used.counts.client_errors {
            *self.missed.entry(facts.caller.clone()).or_default() += used.counts.client_errors;
        }
        if let Some(team) = &facts.team
            && !self.teams.get(team).is_some_and(|seen| seen.contains(&facts.caller))
        {
            self.teams.entry(team.clone()).or_default().insert(facts.caller.clone());
        }
    }

    fn take(&mut self, used: &Used, is_granted: bool) {
        let counts = &used.counts;
        let failed = counts.calls.saturating_sub(counts.ok);
        if 0 < failed {
            *self.left_out.entry("answered with an error, or not known how".to_owned()).or_default() +=
                failed;
        }
        let caller = self.callers.entry(used.facts.caller.clone()).or_default();
        caller.team = caller.team.take().or_else(|| used.facts.team.clone());
        caller.calls += counts.ok;
        caller.days |= used.days;
        caller.first = Some(caller.first.map_or(counts.first, |first| first.min(counts.first)));
        caller.last = Some(caller.last.map_or(counts.last, |last| last.max(counts.last)));
        let network = network_of(&used.facts.network);
        let span = Span { calls: counts.ok, days: used.days, first: counts.first, last: counts.last };
        let use_ = caller.uses.entry(used.facts.operation.clone()).or_default();
        use_.networks.entry(network).and_modify(|before| before.add(&span)).or_insert(span);
        if is_granted {
            self.granted_calls += counts.ok;
            caller.granted.insert(used.facts.operation.clone());
            return;
        }
        let strength = Strength::of_long(used.facts.strength).unwrap_or(Strength::Anonymous);
        let need = caller.needs.entry(used.facts.operation.clone()).or_insert_with(|| Need {
            calls: 0,
            days: 0,
            hours: 0,
            first: counts.first,
            last: counts.last,
            strength,
            samples: Vec::new(),
        });
        need.calls += counts.ok;
        need.days |= used.days;
        need.hours |= counts.hours;
        need.first = need.first.min(counts.first);
        need.last = need.last.max(counts.last);
        need.strength = need.strength.min(strength);
        let missing = SAMPLES_MAX.saturating_sub(need.samples.len());
        need.samples.extend(used.samples().take(missing).map(|id| id.to_string()));
    }
}

/// Why a row is no evidence of anybody's need; none where it is.
fn no_evidence(used: &Used, question: &SuggestQuestion<'_>) -> Option<&'static str> {
    let facts = &used.facts;
    if facts.operation.is_empty() {
        return Some("no declared operation matched");
    }
    if !facts.passed() {
        return Some("refused");
    }
    if DenyReason::parse(&facts.reason) == Some(DenyReason::Guard) {
        return Some("a guard under observation forbids it");
    }
    match Verdict::parse(&facts.verdict) {
        Some(Verdict::WouldStepUp) => return Some("it needs a stronger sign-in, not a grant"),
        Some(Verdict::Allowed | Verdict::WouldDeny) => {}
        Some(Verdict::Denied | Verdict::SteppedUp) | None => return Some("refused"),
    }
    if facts.strength < Strength::SharedSecret.as_long() {
        return Some(if facts.caller == "anonymous" {
            "nobody showed who called"
        } else {
            "the caller is only claimed, or erased"
        });
    }
    if used.counts.ok == 0 {
        return Some("answered with an error, or not known how");
    }
    if !question.world.is_in_good_standing(&facts.caller) {
        return Some("the caller is unknown today, disabled or blocked");
    }
    question.world.is_blocked(facts).then_some("the user or the network is blocked today, or may be")
}

/// Why what a key did is no evidence; none where it is.
fn stopped(key: KeyId, question: &SuggestQuestion<'_>) -> Option<String> {
    match question.world.key(key) {
        // Removed with its application: then the caller is not in good standing either.
        None => Some("the key is not known any more".to_owned()),
        Some(standing) => match standing.state {
            KeyState::Sound => None,
            KeyState::Stopped(why) => Some(why),
        },
    }
}

/// The policies that permit a row already; none where it is not permitted.
fn permitting(
    used: &Used,
    question: &SuggestQuestion<'_>,
    cache: &mut DecisionCache,
    ended: &Ended,
) -> Option<BTreeSet<String>> {
    let recalled = recall(used, question.catalog, question.policies, question.world).ok()?;
    let decided = decide_policy(
        question.catalog,
        question.policies,
        cache,
        recalled.time,
        recalled.subject(),
        &recalled.request,
    );
    (decided.verdict == Verdict::Allowed && !ended.all(&decided.policies))
        .then(|| decided.policies.iter().map(|policy| policy.as_str().to_owned()).collect())
}

/// A network, whatever it is recorded by.
fn network_of(network: &Network) -> Network {
    match network {
        Network::Address(address) => Network::Within(first_of_network(*address)),
        Network::Within(_) | Network::Unknown => network.clone(),
    }
}

//! What came of the grants: what they allow beyond the need, and what of the need they deny.

use std::collections::BTreeSet;

use advise::{Grantee, Proposal, SuggestQuestion, Suggestion, Usage, suggest};
use enforce::{Subject, decide_policy};
use model::{Caller, Client, CredentialRef, KeyId, Strength, Timestamp, Verdict};
use policy::{DecisionCache, Policies};
use testkit::company::{Call, Company, Place, Shape, Standing, Who};

use super::log::usage;
use super::world::{Made, application};

/// Figures of one company, or of several.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    /// Pairs of client and operation that are allowed, and those of them that nobody needs.
    pub(crate) allowed: usize,
    pub(crate) unneeded: usize,
    /// Calls of the held-out day, and those that are denied after the owners' word.
    pub(crate) calls: usize,
    pub(crate) denied: usize,
    /// The same by what was ready without a word, of calls that need none.
    pub(crate) calls_ready: usize,
    pub(crate) denied_ready: usize,
    /// Proposals that wait for a word about something needed.
    pub(crate) words: usize,
    /// What must not be there: poisoned pairs that are allowed, and what is proposed again.
    pub(crate) poisoned: Vec<String>,
    pub(crate) again: Vec<String>,
    /// What to look at where the figures are not good enough.
    pub(crate) notes: Vec<String>,
}

impl Judged {
    pub(crate) fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.allowed, other.allowed),
            (&mut self.unneeded, other.unneeded),
            (&mut self.calls, other.calls),
            (&mut self.denied, other.denied),
            (&mut self.calls_ready, other.calls_ready),
            (&mut self.denied_ready, other.denied_ready),
            (&mut self.words, other.words),
        ];
        for (sum, more) in sums {
            *sum += more;
        }
        self.notes.extend(other.notes.iter().cloned());
    }
}

/// Plays a company, puts the grants in force, and judges them.
pub(crate) fn judge(shape: Shape) -> Judged {
    let company = Company::new(shape);
    let made = Made::of(&company);
    let usage = usage(&company, &company.learning);
    let suggestion = ask(&made, &usage, &made.compile(""), &company);
    let ready = text(suggestion.proposals.iter().filter(|proposal| proposal.is_ready()));
    let ready = made.compile(&ready);
    let agreed = |proposal: &&Proposal| proposal.is_ready() || is_needed(&company, proposal);
    let by_hand = by_hand(&company, &suggestion);
    let said = made.compile(&format!("{}\n{by_hand}", text(suggestion.proposals.iter().filter(agreed))));
    let mut judged = Judged {
        words: suggestion.proposals.iter().filter(|one| !one.is_ready() && is_needed(&company, one)).count(),
        ..Judged::default()
    };
    judged.pairs(&company, &made, &ready, &said);
    judged.days(&company, &made, &ready, &said);
    let after = ask(&made, &usage, &said, &company);
    judged.again.extend(after.proposals.iter().filter(|one| one.is_ready()).map(|one| one.text.clone()));
    if !judged.poisoned.is_empty() || 0 < judged.unneeded || 0 < judged.denied_ready {
        judged.explain(&company, &suggestion);
    }
    judged
}

fn ask(made: &Made, usage: &Usage, policies: &Policies, company: &Company) -> Suggestion {
    let now = company.learning.last().map_or(0, |call| call.time);
    suggest(
        usage,
        &SuggestQuestion {
            catalog: &made.catalog,
            policies,
            world: made,
            now: Timestamp::from_micros(now),
            api: None,
            known_ids: &|_| false,
        },
    )
}

fn text<'a>(proposals: impl Iterator<Item = &'a Proposal>) -> String {
    proposals.map(|proposal| proposal.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// What an owner writes who knows what is needed, and reads what a stopped key called.
fn by_hand(company: &Company, suggestion: &Suggestion) -> String {
    let mut text = String::new();
    for withdrawn in &suggestion.withdrawn {
        let name = withdrawn.caller.strip_prefix("app:").unwrap();
        let client = company.clients.iter().find(|client| client.name == name).unwrap();
        let needed: BTreeSet<String> = client.needs.iter().map(|place| company.id(*place)).collect();
        for lost in withdrawn.operations.iter().filter(|lost| needed.contains(&lost.operation)) {
            text.push_str(&format!(
                "permit (principal == Application::\"{name}\", action == Action::\"{}\", resource);\n",
                lost.operation
            ));
        }
    }
    text
}

/// What an owner says who knows what is needed.
fn is_needed(company: &Company, proposal: &Proposal) -> bool {
    let needs = |client: &testkit::company::Client| {
        let needed: BTreeSet<String> = client.needs.iter().map(|place| company.id(*place)).collect();
        proposal.operations.iter().all(|operation| needed.contains(operation))
    };
    match &proposal.grantee {
        Grantee::Application(name) => {
            company.clients.iter().any(|client| client.name == *name && needs(client))
        }
        Grantee::Team(team) => company.clients.iter().filter(|client| client.team == *team).all(needs),
        Grantee::Workload(_) => false,
    }
}

fn is_allowed(
    company: &Company,
    made: &Made,
    policies: &Policies,
    cache: &mut DecisionCache,
    (client, key, place): (usize, Option<usize>, Place),
) -> bool {
    let client = &company.clients[client];
    let strength = match client.standing {
        Standing::Keys => Strength::SharedSecret,
        Standing::Token => Strength::VerifiedSignature,
    };
    let credential = key.and_then(|key| KeyId::parse(company.keys[key].id.as_bytes()).ok());
    let credential = credential.map_or(CredentialRef::Absent, CredentialRef::Key);
    let caller = Caller::client(Client::Application(application(client)), strength, credential);
    let index = made.catalog.by_id(&company.id(place)).unwrap();
    let operation = made.catalog.operation(index).unwrap();
    let api = made.catalog.api(operation.api).unwrap();
    let request = catalog::request_to(operation, api, |_, _| Some("7".to_owned())).unwrap().unwrap();
    let scopes = key.map(|key| company.keys[key].scopes.clone());
    let subject = Subject { caller: &caller, scopes: scopes.as_deref(), source_ip: None };
    let now = Timestamp::from_micros(company.held_out.last().map_or(0, |call| call.time));
    let decided = decide_policy(&made.catalog, policies, cache, now, subject, &request);
    decided.verdict == Verdict::Allowed
}

impl Judged {
    fn pairs(&mut self, company: &Company, made: &Made, ready: &Policies, said: &Policies) {
        let poisoned = company.poisoned();
        for policies in [ready, said] {
            let mut cache = DecisionCache::new();
            for (number, client) in company.clients.iter().enumerate() {
                for place in company.places() {
                    if !is_allowed(company, made, policies, &mut cache, (number, None, place)) {
                        continue;
                    }
                    self.allowed += 1;
                    if client.needs.contains(&place) {
                        continue;
                    }
                    self.unneeded += 1;
                    if poisoned.contains(&(number, place)) && !was_called_for_itself(company, number, place) {
                        self.poisoned.push(format!("{} {}", client.name, company.id(place)));
                    }
                }
            }
        }
    }

    fn days(&mut self, company: &Company, made: &Made, ready: &Policies, said: &Policies) {
        let mut caches = [DecisionCache::new(), DecisionCache::new()];
        for call in &company.held_out {
            let (Who::Client(client), Some(place)) = (call.who, call.operation) else { continue };
            let [of_ready, of_said] = &mut caches;
            self.calls += 1;
            if !is_allowed(company, made, said, of_said, (client, call.key, place)) {
                self.denied += 1;
                self.notes.push(format!("denied: {} {}", company.clients[client].name, company.id(place)));
            }
            if needs_a_word(company, client, place) {
                continue;
            }
            self.calls_ready += 1;
            if !is_allowed(company, made, ready, of_ready, (client, call.key, place)) {
                self.denied_ready += 1;
                self.notes.push(format!("not ready: {} {}", company.clients[client].name, company.id(place)));
            }
        }
    }
}

/// Whether the owner of the poisoned pair tried it too, out of curiosity: then it is judged as that.
fn was_called_for_itself(company: &Company, client: usize, place: Place) -> bool {
    let is = |call: &&Call| call.who == Who::Client(client) && call.operation == Some(place);
    company.learning.iter().filter(is).any(|call| !call.purpose.is_poison())
}

/// By the rules that are promised: a client that has just appeared, one of whose evidence a part was withdrawn with a key
/// that leaked, a write of restricted data, and what is hardly ever called and asks for a scope that others ask for, too.
fn needs_a_word(company: &Company, client: usize, (api, place): Place) -> bool {
    let known = &company.clients[client];
    let is_shared = known.standing == Standing::Token
        && known.rare.contains(&(api, place))
        && !company.asks_for_its_own((api, place));
    let api = &company.apis[api];
    let has_lost_a_key = company.keys.iter().any(|key| key.client == client && key.stopped.is_some());
    known.is_late || is_shared || has_lost_a_key || (api.is_restricted && !api.operations[place].reads())
}

impl Judged {
    /// Notes what was ready and is not needed, and what waits and is needed.
    fn explain(&mut self, company: &Company, suggestion: &Suggestion) {
        for proposal in &suggestion.proposals {
            let what = match (proposal.is_ready(), is_needed(company, proposal)) {
                (true, false) => "ready and not needed",
                (false, true) => "waits and is needed",
                (true, true) | (false, false) => continue,
            };
            let (operations, concerns) = (&proposal.operations, &proposal.concerns);
            self.notes.push(format!("{what}: {} {operations:?} {concerns:?}", proposal.id));
        }
    }
}

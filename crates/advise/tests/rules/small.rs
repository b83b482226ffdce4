//! A small company: two APIs, three clients, and calls as a test wants them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use advise::{SuggestQuestion, Suggestion, suggest};
use model::Timestamp;
use testkit::company::{Api, Call, Client, Company, Key, Operation, Place, Purpose, Shape, Standing, Who};

use super::log::usage;
use super::world::Made;

pub(crate) const LIST: Place = (0, 0);
pub(crate) const READ: Place = (0, 1);
pub(crate) const MAKE: Place = (0, 2);
pub(crate) const DELETE: Place = (0, 3);
/// Of the API whose data is restricted.
pub(crate) const SECRETS: Place = (1, 0);
pub(crate) const MAKE_SECRET: Place = (1, 1);

/// The team `shops` has `shop` and `till`, the team `others` has `other`; each has a key with the scopes of both APIs.
pub(crate) const SHOP: usize = 0;
pub(crate) const TILL: usize = 1;
pub(crate) const OTHER: usize = 2;

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;
/// Midnight of the first day, in seconds.
const BEGIN: i64 = 1_780_272_000;

pub(crate) fn company() -> Company {
    let operation = |(method, path): (&'static str, &str)| Operation {
        method,
        path: path.to_owned(),
        scopes: Vec::new(),
    };
    let api = |name: &str, is_restricted, operations: &[(&'static str, &str)]| Api {
        name: name.to_owned(),
        owner: "owners".to_owned(),
        is_restricted,
        operations: operations.iter().copied().map(operation).collect(),
    };
    let orders =
        [("GET", "/orders"), ("GET", "/orders/{id}"), ("POST", "/orders"), ("DELETE", "/orders/{id}")];
    let clients = [("shop", "shops"), ("till", "shops"), ("other", "others")];
    Company {
        shape: Shape::of_a_month(0),
        apis: vec![
            api("orders", false, &orders),
            api("secrets", true, &[("GET", "/secrets"), ("POST", "/secrets")]),
        ],
        teams: vec!["others".to_owned(), "shops".to_owned()],
        clients: clients.map(|(name, team)| client(name, team, Standing::Keys)).into(),
        keys: (0..clients.len()).map(|client| key(client, &["orders", "secrets"])).collect(),
        learning: Vec::new(),
        held_out: Vec::new(),
    }
}

pub(crate) fn client(name: &str, team: &str, standing: Standing) -> Client {
    Client {
        name: name.to_owned(),
        team: team.to_owned(),
        needs: BTreeSet::new(),
        standing,
        is_late: false,
        scopes: Vec::new(),
        rare: BTreeSet::new(),
    }
}

pub(crate) fn key(client: usize, scopes: &[&str]) -> Key {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    Key { id: format!("key{client:09}"), client, scopes, stopped: None }
}

/// A call so many seconds after the beginning, by the client's key, from its own network, with success.
pub(crate) fn call(client: usize, place: Place, seconds: i64) -> Call {
    Call {
        time: (BEGIN + seconds) * 1_000_000,
        who: Who::Client(client),
        key: Some(client),
        operation: Some(place),
        api: place.0,
        address: IpAddr::from([10, 0, 0, 1]),
        in_scope: true,
        status: 200,
        purpose: Purpose::Need,
    }
}

pub(crate) fn away(call: Call) -> Call {
    Call { address: IpAddr::from([203, 0, 113, 9]), ..call }
}

/// A call every six hours of thirty days, which is often by any measure.
pub(crate) fn often(client: usize, place: Place) -> Vec<Call> {
    (0..120).map(|number| call(client, place, number * 6 * HOUR)).collect()
}

/// What is proposed for these calls.
pub(crate) fn propose(company: &Company, calls: &[Vec<Call>]) -> Suggestion {
    propose_beside(company, "", calls)
}

/// The same beside policies that are there already.
pub(crate) fn propose_beside(company: &Company, policies: &str, calls: &[Vec<Call>]) -> Suggestion {
    propose_in(company, policies, calls, |_| {})
}

/// The same in a world that differs from what the company makes of it.
pub(crate) fn propose_in(
    company: &Company,
    policies: &str,
    calls: &[Vec<Call>],
    change: impl FnOnce(&mut Made),
) -> Suggestion {
    let mut calls: Vec<Call> = calls.iter().flatten().cloned().collect();
    calls.sort_by_key(|call| call.time);
    let mut made = Made::of(company);
    change(&mut made);
    let question = SuggestQuestion {
        catalog: &made.catalog,
        policies: &made.compile(policies),
        world: &made,
        now: Timestamp::from_seconds(BEGIN + 31 * DAY),
        api: None,
        known_ids: &|_| false,
    };
    suggest(&usage(company, &calls), &question)
}

/// The codes of what has to be said a word about before a client may do this; `ready` where nothing has, and `no proposal`.
pub(crate) fn word(suggestion: &Suggestion, company: &Company, place: Place) -> String {
    let id = company.id(place);
    let found = suggestion.proposals.iter().find(|one| one.operations.contains(&id));
    match found {
        None => "no proposal".to_owned(),
        Some(one) if one.is_ready() => "ready".to_owned(),
        Some(one) => one.concerns.iter().map(|concern| concern.code()).collect::<Vec<_>>().join(" "),
    }
}

//! What was stopped by hand: the blocks of the snapshot against one request.
//!
//! Looked at in two places: before anybody is identified, by where a request comes from and which API it is for, and
//! once it is known who calls what. Where nothing is blocked each costs one comparison. A block is never suspended by
//! observation, and the client is told that it is blocked and nothing else: whoever may not know that an
//! operation exists is told what it is told of any other.

use std::net::IpAddr;

use catalog::{Catalog, Match, Visibility};
use identity::token::{TokenClient, VerifiedToken};
use identity::{Blocks, Soundness};
use model::{BlockId, Caller, Client, CredentialRef, DenyReason, Refusal, Timestamp};

use crate::weigh::{NO_CREDENTIAL, UNKNOWN_OPERATION, operation_of};

/// A request that was stopped by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// What is recorded.
    pub(crate) refusal: Refusal,
    /// What the client is told.
    pub(crate) told: Refusal,
    /// By which block; none where the list of blocks is not known.
    pub(crate) block: Option<BlockId>,
}

const UNREADABLE: Refusal = Refusal::of(DenyReason::StopsUnreadable);

/// One refusal per kind; all of them say the same to the client.
const fn blocked(code: &'static str) -> Refusal {
    Refusal::new(DenyReason::Blocked, code, DenyReason::Blocked.problem().title)
}

const BY_API: Refusal = blocked("blocked_api");
const BY_APPLICATION: Refusal = blocked("blocked_app");
const BY_KEY: Refusal = blocked("blocked_key");
const BY_NETWORK: Refusal = blocked("blocked_network");
const BY_OPERATION: Refusal = blocked("blocked_operation");
const BY_TOKEN: Refusal = blocked("blocked_token");
const BY_USER: Refusal = blocked("blocked_user");
const BY_WORKLOAD: Refusal = blocked("blocked_workload");

impl Stopped {
    const fn by(refusal: Refusal, block: BlockId) -> Self {
        Self { refusal, told: refusal, block: Some(block) }
    }
}

/// Whether a request from `address` to `api` is stopped, whoever sends it.
#[inline]
pub(crate) fn at_the_door(
    blocks: &Blocks,
    now: Timestamp,
    api: &str,
    address: impl FnOnce() -> Option<IpAddr>,
) -> Option<Stopped> {
    if blocks.is_empty() {
        return None;
    }
    match blocks.soundness() {
        Soundness::Sound => {}
        Soundness::Unreadable => {
            return Some(Stopped { refusal: UNREADABLE, told: UNREADABLE, block: None });
        }
    }
    let network = || Some(Stopped::by(BY_NETWORK, blocks.of_address(address(), now)?));
    let api = || Some(Stopped::by(BY_API, blocks.of_api(api, now)?));
    network().or_else(api)
}

/// Whether a request of this caller for what was found is stopped. `token` is the access token that was verified: its client
/// is stopped also where another credential shows the caller, since what the token says of the user counts.
#[inline]
pub(crate) fn of_call(
    blocks: &Blocks,
    now: Timestamp,
    caller: &Caller,
    token: Option<&VerifiedToken>,
    (catalog, found): (&Catalog, &Match),
) -> Option<Stopped> {
    if blocks.is_empty() {
        return None;
    }
    of_caller(blocks, now, caller)
        .or_else(|| of_token_client(blocks, now, token?))
        .or_else(|| of_operation(blocks, now, caller, catalog, found))
}

fn of_token_client(blocks: &Blocks, now: Timestamp, token: &VerifiedToken) -> Option<Stopped> {
    let name = match &token.client {
        TokenClient::External(application) => &application.name,
        TokenClient::Listed(name) => name,
    };
    Some(Stopped::by(BY_APPLICATION, blocks.of_application(name.as_str(), now)?))
}

fn of_caller(blocks: &Blocks, now: Timestamp, caller: &Caller) -> Option<Stopped> {
    let by = |refusal, block: Option<BlockId>| block.map(|block| Stopped::by(refusal, block));
    let key = || match caller.credential {
        CredentialRef::Key(id) => by(BY_KEY, blocks.of_key(id, now)),
        // An access token is looked at below: it may stand beside another credential.
        CredentialRef::Absent
        | CredentialRef::Certificate(_)
        | CredentialRef::Foreign(_)
        | CredentialRef::Token(_) => None,
    };
    let token = || by(BY_TOKEN, blocks.of_token(caller.token?, now));
    let client = || match &caller.client {
        Client::Anonymous => None,
        Client::Application(application) => {
            by(BY_APPLICATION, blocks.of_application(application.name.as_str(), now))
        }
        Client::Workload(workload) => by(BY_WORKLOAD, blocks.of_workload(workload.name.as_str(), now)),
    };
    let user = || {
        let user = caller.user.as_deref()?;
        by(BY_USER, blocks.of_user(user.issuer.as_str(), &user.name, now))
    };
    key().or_else(token).or_else(client).or_else(user)
}

fn of_operation(
    blocks: &Blocks,
    now: Timestamp,
    caller: &Caller,
    catalog: &Catalog,
    found: &Match,
) -> Option<Stopped> {
    let operation = catalog.operation(operation_of(found)?)?;
    let block = blocks.of_operation(operation.id.as_str(), now)?;
    let told = match (&caller.client, operation.visibility) {
        // Anonymous callers learn nothing about which paths exist, not even that one is blocked.
        (Client::Anonymous, Visibility::Hidden | Visibility::Shown) => NO_CREDENTIAL,
        (Client::Application(_) | Client::Workload(_), Visibility::Hidden) => UNKNOWN_OPERATION,
        (Client::Application(_) | Client::Workload(_), Visibility::Shown) => BY_OPERATION,
    };
    Some(Stopped { told, ..Stopped::by(BY_OPERATION, block) })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use model::{Block, BlockTarget, Fingerprint, IssuerName, Strength, User, Workload, WorkloadName};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);
    const TOKEN: &str = "00112233445566778899aabbccddeeff";

    fn table(kind: &str, name: &str) -> Blocks {
        let target = BlockTarget::parse(kind, name).unwrap();
        let until = Timestamp::from_seconds(1_001);
        Blocks::of([&Block { id: BlockId::new(1), target, until }]).unwrap()
    }

    fn code(blocks: &Blocks, caller: &Caller) -> &'static str {
        of_caller(blocks, NOW, caller).map_or("", |stopped| stopped.refusal.code())
    }

    /// What tokens and certificates say reaches the blocks however they came beside each other.
    #[test]
    fn users_tokens_and_workloads_are_stopped_whatever_shows_the_client() {
        let name = WorkloadName::parse("spiffe://example/ns/a/sa/b").unwrap();
        let workload = Client::Workload(Arc::new(Workload { name, team: None }));
        let certificate = CredentialRef::Certificate(Fingerprint::from_bytes([1; 16]));
        let user = User {
            issuer: IssuerName::parse("corp").unwrap(),
            name: "ann@example.com".to_owned(),
            teams: BTreeSet::new(),
            attributes: BTreeMap::new(),
        };
        let plain = Caller::client(workload, Strength::Bound, certificate);
        let token = Some(Fingerprint::parse(TOKEN).unwrap());
        let with_user = Caller { user: Some(Arc::new(user)), token, ..plain.clone() };
        for (kind, name, of_plain, of_user) in [
            ("workload", "spiffe://example/ns/a/sa/b", "blocked_workload", "blocked_workload"),
            ("workload", "spiffe://example/ns/a/sa/bc", "", ""),
            ("user", "corp/ann@example.com", "", "blocked_user"),
            ("user", "other/ann@example.com", "", ""),
            ("user", "corp/Ann@example.com", "", ""),
            ("token", TOKEN, "", "blocked_token"),
            ("token", "00112233445566778899aabbccddeefe", "", ""),
        ] {
            let blocks = table(kind, name);
            assert_eq!(
                (code(&blocks, &plain), code(&blocks, &with_user)),
                (of_plain, of_user),
                "{kind} {name}"
            );
        }
    }
}

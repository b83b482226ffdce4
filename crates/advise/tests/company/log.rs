//! Calls as entries of the log, and back through the roll-ups.

use advise::{Spread, Tally, Usage};
use model::{DecisionId, DenyReason, KeyId, RevisionNumber, Snapshots, Strength, Timestamp, Verdict};
use record::encode::{
    put_completed, put_completed_leaf, put_decided, put_decided_leaf, put_personal, put_whole_leaf,
};
use record::{AttributeRef, Carried, ClientRef, Completed, Decided, Hash, Leaf, Outcome, Personal};
use testkit::company::{Call, Company, Standing, Who};

/// An entry as it is stored: the leaf, and the personal part of one that has it.
pub(crate) type Entry = (Vec<u8>, Option<Vec<u8>>);

/// Entries of a batch, as they are counted behind the log.
const BATCH: usize = 20_000;
const COMMITMENT: Hash = Hash([0; 32]);

/// The entries of a call: one, or two where it took longer.
pub(crate) fn entries(company: &Company, number: usize, call: &Call) -> Vec<Entry> {
    let time = Timestamp::from_micros(call.time);
    let id = DecisionId::new(time, number as u128);
    let (strength, client, team) = match call.who {
        Who::Anonymous => (Strength::Anonymous, None, None),
        Who::Claimed => {
            (Strength::Claimed, Some(format!("{}:key-0a1b2c", company.apis[call.api].name)), None)
        }
        Who::Client(client) => {
            let client = &company.clients[client];
            let strength = match client.standing {
                Standing::Keys => Strength::SharedSecret,
                Standing::Token => Strength::VerifiedSignature,
            };
            (strength, Some(client.name.clone()), Some(client.team.as_str()))
        }
    };
    let (verdict, reason) = match (call.in_scope, call.operation, call.who) {
        // Which is let pass while observed, where the operation is in no group as yet.
        (false, _, _) if call.status == 200 => (Verdict::WouldDeny, DenyReason::OutOfScope),
        (false, _, _) => (Verdict::Denied, DenyReason::OutOfScope),
        (true, None, _) => (Verdict::WouldDeny, DenyReason::UnknownOperation),
        (true, Some(_), Who::Anonymous) => (Verdict::WouldDeny, DenyReason::NoCredential),
        (true, Some(_), Who::Claimed | Who::Client(_)) => (Verdict::WouldDeny, DenyReason::NoGrant),
    };
    let operation = call.operation.map(|place| company.id(place)).unwrap_or_default();
    let mut decided = Vec::new();
    put_decided(
        &mut decided,
        &Decided {
            id,
            time,
            snapshots: Snapshots { revision: RevisionNumber(1), keys: 1, stops: 0 },
            verdict,
            reason: Some(reason),
            code: "",
            api: &company.apis[call.api].name,
            operation: &operation,
            mode: Carried::Observed,
            policies: &[],
            observed: &[],
            strength,
            personal: Personal::UNKNOWN,
        },
    );
    let scopes = token_scopes(company, call);
    let attributes = [("token.scopes", AttributeRef::TextSet(&scopes))];
    let mut personal = Vec::new();
    put_personal(
        &mut personal,
        &Personal {
            client: client.as_deref().map_or(ClientRef::Anonymous, ClientRef::Application),
            team,
            key: call.key.and_then(|key| KeyId::parse(company.keys[key].id.as_bytes()).ok()),
            source_ip: Some(call.address),
            attributes: if scopes.is_empty() { &[] } else { &attributes },
            ..Personal::UNKNOWN
        },
    );
    let completed = completed(id, call);
    let mut leaf = Vec::new();
    if number.is_multiple_of(2) {
        put_whole_leaf(&mut leaf, &decided, &COMMITMENT, &completed);
        return vec![(leaf, Some(personal))];
    }
    let mut ending = Vec::new();
    put_decided_leaf(&mut leaf, &decided, &COMMITMENT);
    put_completed_leaf(&mut ending, &completed);
    vec![(leaf, Some(personal)), (ending, None)]
}

/// The scopes of the caller's token that the API's document asks for somewhere, as a record keeps them.
fn token_scopes<'a>(company: &'a Company, call: &Call) -> Vec<&'a str> {
    let Who::Client(client) = call.who else { return Vec::new() };
    let operations = &company.apis[call.api].operations;
    let is_asked = |scope: &&String| operations.iter().any(|operation| operation.scopes.contains(scope));
    company.clients[client].scopes.iter().filter(is_asked).map(String::as_str).collect()
}

fn completed(id: DecisionId, call: &Call) -> Vec<u8> {
    let mut completed = Vec::new();
    put_completed(
        &mut completed,
        &Completed {
            id,
            time: Timestamp::from_micros(call.time + 30_000),
            status: call.status,
            outcome: Outcome::Done,
            request_bytes: 120,
            response_bytes: 2_400,
            time_to_decision_us: 40,
            upstream_us: 29_000,
            total_us: 30_000,
        },
    );
    completed
}

/// Counts calls as the roll-ups do. Endings that come late are put to their rows.
pub(crate) fn usage(company: &Company, calls: &[Call]) -> Usage {
    let from = calls.first().map_or(0, |call| call.time.div_euclid(86_400_000_000));
    let mut usage = Usage::since(from);
    let mut numbers = std::collections::HashMap::new();
    for (place, part) in calls.chunks(BATCH).enumerate() {
        let mut tally = Tally::new(Spread::new());
        for (offset, call) in part.iter().enumerate() {
            for (leaf, personal) in entries(company, place * BATCH + offset, call) {
                tally.take(&Leaf::decode(&leaf).unwrap(), personal.as_deref());
            }
        }
        let batch = tally.finish();
        assert!(batch.late.is_empty(), "entries of a call are in one batch here");
        for row in batch.rows {
            let next = numbers.len() as i64;
            let number = *numbers.entry(row.facts.clone()).or_insert(next);
            usage.add::<()>(number, row.day, &row.counts, || Ok(row.facts)).unwrap();
        }
    }
    usage
}

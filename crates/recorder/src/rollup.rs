//! Roll-ups for `sallyport status`: per API how much was allowed, and who was or would be denied, and why.
//!
//! Bounded: beyond [`ROWS_MAX`] rows of an API or [`APIS_MAX`] APIs, requests count in the overflow.

use std::collections::HashMap;

use model::{DenyReason, Timestamp, Verdict};
use serde::Serialize;

use record::hash::Fast;
use record::{ClientKind, ClientRef};

/// The most APIs that are counted apart.
pub const APIS_MAX: usize = 1_000;
/// The most rows (caller, operation, reason) of one API.
pub const ROWS_MAX: usize = 1_000;

/// Who was or would be denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// `denied`, `stepped_up`, `would_deny` or `would_step_up`.
    pub verdict: &'static str,
    /// `anonymous` or `app:NAME`.
    pub caller: String,
    /// The operation's id; empty where none matched.
    pub operation: String,
    /// The reason's code.
    pub reason: &'static str,
    pub count: u64,
    /// When it last happened, in microseconds since the epoch.
    pub last_us: i64,
}

/// What happened at one API since the recorder was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ApiRollup {
    /// The API's name; empty for requests that reached none.
    pub api: String,
    pub allowed: u64,
    pub denied: u64,
    pub would_deny: u64,
    /// The most frequent first.
    pub rows: Vec<Row>,
    /// Denials that are in no row, because there were too many different ones.
    pub overflow: u64,
}

/// All APIs, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rollups {
    pub apis: Vec<ApiRollup>,
    /// Requests to APIs beyond [`APIS_MAX`].
    pub overflow: u64,
}

/// Roll-ups, and what of the log is in them: where a recount after a crash has to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tallied {
    pub rollups: Rollups,
    /// The number behind the last entry that is durable; every decision before it is counted.
    pub next: u64,
}

/// One request, as roll-ups see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) api: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) client: ClientRef<'a>,
    pub(crate) verdict: Verdict,
    pub(crate) reason: Option<DenyReason>,
    pub(crate) time: Timestamp,
}

#[derive(Debug, Default)]
struct Counts {
    allowed: u64,
    denied: u64,
    would_deny: u64,
    overflow: u64,
    rows: HashMap<u64, Vec<(RowKey, u64, i64)>, Fast>,
    row_count: usize,
}

#[derive(Debug)]
struct RowKey {
    verdict: Verdict,
    reason: Option<DenyReason>,
    kind: ClientKind,
    name: Box<str>,
    operation: Box<str>,
}

impl RowKey {
    fn is(&self, seen: &Seen<'_>) -> bool {
        self.verdict == seen.verdict
            && self.reason == seen.reason
            && (self.kind, &*self.name) == seen.client.parts()
            && *self.operation == *seen.operation
    }
}

/// What follows an API's name in those of callers that showed one of its keys and that nobody vouched for.
const CLAIMED: &str = ":key-";

/// Whether nobody vouched for a caller. Anybody can send what looks like a key, and each text has a name of its own: they
/// are counted together, so that they push no row of a caller that is known out.
fn is_claimed(api: &str, name: &str) -> bool {
    name.strip_prefix(api).is_some_and(|rest| rest.starts_with(CLAIMED))
}

/// The counters behind [`Rollups`].
#[derive(Debug, Default)]
pub(crate) struct Tally {
    places: HashMap<Box<str>, usize, Fast>,
    apis: Vec<(Box<str>, Counts)>,
    /// The place of the last one: requests to one API often follow each other.
    last: usize,
    overflow: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, seen: &Seen<'_>) {
        if self.apis.get(self.last).is_none_or(|(api, _)| **api != *seen.api) {
            match self.places.get(seen.api) {
                Some(place) => self.last = *place,
                None if self.apis.len() < APIS_MAX => {
                    self.last = self.apis.len();
                    self.places.insert(seen.api.into(), self.last);
                    self.apis.push((seen.api.into(), Counts::default()));
                }
                None => {
                    self.overflow += 1;
                    return;
                }
            }
        }
        let Some((_, counts)) = self.apis.get_mut(self.last) else { return };
        match seen.client {
            ClientRef::Application(name) if is_claimed(seen.api, name) => {
                let together = format!("{}{CLAIMED}*", seen.api);
                counts.count(&Seen { client: ClientRef::Application(&together), ..*seen });
            }
            ClientRef::Anonymous | ClientRef::Application(_) | ClientRef::Workload(_) => counts.count(seen),
        }
    }

    pub(crate) fn rollups(&self) -> Rollups {
        let mut apis: Vec<_> = self.apis.iter().map(|(api, counts)| counts.rollup(api)).collect();
        apis.sort_by(|one, other| one.api.cmp(&other.api));
        Rollups { apis, overflow: self.overflow }
    }
}

impl Counts {
    fn count(&mut self, seen: &Seen<'_>) {
        match seen.verdict {
            Verdict::Allowed => {
                self.allowed += 1;
                return;
            }
            Verdict::Denied | Verdict::SteppedUp => self.denied += 1,
            Verdict::WouldDeny | Verdict::WouldStepUp => self.would_deny += 1,
        }
        let time = seen.time.as_micros();
        let (kind, name) = seen.client.parts();
        let key = Fast::of(&[name, seen.operation]);
        if let Some(rows) = self.rows.get_mut(&key)
            && let Some((_, count, last)) = rows.iter_mut().find(|(row, _, _)| row.is(seen))
        {
            *count += 1;
            *last = time.max(*last);
            return;
        }
        if ROWS_MAX <= self.row_count {
            self.overflow += 1;
            return;
        }
        self.row_count += 1;
        let row = RowKey {
            verdict: seen.verdict,
            reason: seen.reason,
            kind,
            name: name.into(),
            operation: seen.operation.into(),
        };
        self.rows.entry(key).or_default().push((row, 1, time));
    }

    fn rollup(&self, api: &str) -> ApiRollup {
        let mut rows: Vec<_> = self
            .rows
            .values()
            .flatten()
            .map(|(key, count, last)| Row {
                verdict: key.verdict.as_str(),
                caller: key.kind.label(&key.name),
                operation: key.operation.to_string(),
                reason: key.reason.map_or("", DenyReason::code),
                count: *count,
                last_us: *last,
            })
            .collect();
        rows.sort_by(|one, other| {
            (other.count, &one.caller, &one.operation, one.reason).cmp(&(
                one.count,
                &other.caller,
                &other.operation,
                other.reason,
            ))
        });
        ApiRollup {
            api: api.to_owned(),
            allowed: self.allowed,
            denied: self.denied,
            would_deny: self.would_deny,
            rows,
            overflow: self.overflow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen<'a>(operation: &'a str, application: Option<&'a str>, verdict: Verdict) -> Seen<'a> {
        let reason = (verdict != Verdict::Allowed).then_some(DenyReason::NoGrant);
        let client = application.map_or(ClientRef::Anonymous, ClientRef::Application);
        Seen { api: "orders", operation, client, verdict, reason, time: Timestamp::from_seconds(1) }
    }

    #[test]
    fn counts_who_is_denied_and_why() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.count(&seen("orders:GET /", Some("shop"), Verdict::WouldDeny));
        }
        tally.count(&seen("orders:GET /", None, Verdict::WouldDeny));
        // A workload of the application's name is another caller.
        tally.count(&Seen {
            client: ClientRef::Workload("shop"),
            ..seen("orders:GET /", None, Verdict::WouldDeny)
        });
        tally.count(&seen("orders:GET /", Some("shop"), Verdict::Denied));
        tally.count(&seen("orders:GET /", Some("shop"), Verdict::Allowed));
        let rollups = tally.rollups();
        let [api] = &rollups.apis[..] else { panic!("one API") };
        assert_eq!((api.allowed, api.denied, api.would_deny, api.overflow), (1, 1, 5, 0));
        let rows: Vec<_> =
            api.rows.iter().map(|row| (row.caller.as_str(), row.verdict, row.reason, row.count)).collect();
        assert_eq!(
            rows,
            [
                ("app:shop", "would_deny", "no_grant", 3),
                ("anonymous", "would_deny", "no_grant", 1),
                ("app:shop", "denied", "no_grant", 1),
                ("workload:shop", "would_deny", "no_grant", 1)
            ]
        );
    }

    #[test]
    fn keys_that_nobody_vouched_for_are_one_row() {
        let mut tally = Tally::default();
        for number in 0..2 * ROWS_MAX {
            let name = format!("orders:key-{number:016x}");
            tally.count(&seen("orders:GET /", Some(&name), Verdict::WouldDeny));
        }
        tally.count(&seen("orders:GET /", Some("billing:key-1"), Verdict::WouldDeny));
        let api = tally.rollups().apis.remove(0);
        let rows: Vec<_> = api.rows.iter().map(|row| (row.caller.as_str(), row.count)).collect();
        assert_eq!(rows, [("app:orders:key-*", 2 * ROWS_MAX as u64), ("app:billing:key-1", 1)]);
        assert_eq!(api.overflow, 0);
    }

    #[test]
    fn overflows_rather_than_grows() {
        let mut tally = Tally::default();
        for row in 0..ROWS_MAX + 5 {
            tally.count(&seen(&row.to_string(), None, Verdict::Denied));
        }
        let api = tally.rollups().apis.remove(0);
        assert_eq!((api.rows.len(), api.overflow), (ROWS_MAX, 5));
        for api in 0..APIS_MAX + 5 {
            tally.count(&Seen { api: &api.to_string(), ..seen("", None, Verdict::Allowed) });
        }
        assert_eq!((tally.rollups().apis.len(), tally.rollups().overflow), (APIS_MAX, 6));
    }
}

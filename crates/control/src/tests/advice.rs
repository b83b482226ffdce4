//! Usage, suggested grants, replay, readiness and key advice over recorded calls.

use std::collections::BTreeMap;
use std::time::Duration;

use model::DecisionId;
use recorder::LogReader;

use super::{API, Fixture, Open, POLICY, ann, error};
use crate::files::Files;
use crate::{Actor, Candidate, ReadyOrder, ReplayOrder, SuggestOrder, SuggestView, UsageOrder};

/// Read alone is granted, to the partners; everything else is observed.
const OBSERVED: &str = "mode: observe\nobserve_until: 2026-12-09";

pub(super) fn observed(name: &str) -> Fixture {
    let fixture = Fixture::new(name);
    fixture.write("apis/orders/api.yaml", &API.replace("mode: enforce", OBSERVED));
    fixture.write("policies/orders.cedar", "");
    fixture
}

impl Open {
    /// A call that the upstream answers with `status`.
    pub(super) fn answered(
        &mut self,
        fixture: &Fixture,
        key: Option<&str>,
        (method, path): (&str, &str),
        status: u16,
    ) {
        fixture.pass(Duration::from_millis(10));
        let (_, id) = self.call(fixture.now(), key, method, path);
        let completed = record::Completed {
            id: DecisionId::parse(&id).unwrap(),
            time: fixture.now(),
            status,
            outcome: record::Outcome::Done,
            request_bytes: 3,
            response_bytes: 5,
            time_to_decision_us: 1,
            upstream_us: 1,
            total_us: 1,
        };
        self.log.completed(&completed);
    }

    pub(super) fn usage(&self, by: &str) -> BTreeMap<String, (u64, u64)> {
        let mut order = UsageOrder::default();
        order.set("by", by).unwrap();
        let report = self.control.usage(&ann(), &order).unwrap();
        assert_eq!(report.fault, None);
        let name = |row: &crate::UsageLine| row.of.values().cloned().collect::<Vec<_>>().join(" | ");
        report.rows.iter().map(|row| (name(row), (row.calls, row.ok))).collect()
    }

    pub(super) fn suggest(&self, order: &SuggestOrder) -> SuggestView {
        self.control.suggest(&ann(), order).unwrap()
    }
}

pub(super) fn write() -> SuggestOrder {
    SuggestOrder { write: true, reason: "learned".to_owned(), ..SuggestOrder::default() }
}

pub(super) const LIST: (&str, &str) = ("GET", "/orders");
pub(super) const MAKE: (&str, &str) = ("POST", "/orders");

#[test]
fn usage_is_counted_once_over_restarts_and_kills() {
    let fixture = observed("usage");
    let mut open = fixture.up();
    let key = open.shop();
    for status in [200, 200, 404, 500] {
        open.answered(&fixture, Some(&key.key), LIST, status);
    }
    open.answered(&fixture, None, LIST, 200);
    let expected = BTreeMap::from([("app:shop".to_owned(), (4, 2)), ("anonymous".to_owned(), (1, 1))]);
    assert_eq!(open.usage("caller"), expected);
    assert_eq!(open.usage("caller"), expected, "asking counts nothing");
    open.answered(&fixture, Some(&key.key), LIST, 200);
    open.control.recorder().flush().unwrap();
    let killed = fixture.as_if_killed("usage-killed");
    open.control.close().unwrap();
    let expected = BTreeMap::from([("app:shop".to_owned(), (5, 3)), ("anonymous".to_owned(), (1, 1))]);
    for fixture in [&fixture, &killed] {
        let mut open = fixture.up();
        assert_eq!(open.usage("caller"), expected);
        open.answered(fixture, Some(&key.key), LIST, 200);
        assert_eq!(open.usage("caller")["app:shop"], (6, 4));
    }
}

#[test]
fn usage_ends_with_the_records_however_often_somebody_asks() {
    let fixture = observed("usage-kept");
    fixture.write("sallyport.yaml", &format!("{}record: {{ keep: 10d }}\n", super::GATEWAY));
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), LIST, 200);
    let days = |open: &Open| {
        let mut order = UsageOrder::default();
        order.set("since", "90d").unwrap();
        open.control.usage(&ann(), &order).unwrap().rows.len()
    };
    for _ in 0..10 {
        fixture.pass_days(1);
        assert_eq!(days(&open), 1);
        open.control.keep_up().unwrap();
    }
    assert_eq!(days(&open), 1, "kept for ten days");
    fixture.pass_days(1);
    days(&open);
    open.control.keep_up().unwrap();
    assert_eq!(days(&open), 0);
}

#[test]
fn an_ending_that_comes_after_the_count_is_counted() {
    let fixture = observed("late");
    let mut open = fixture.up();
    let key = open.shop();
    let (_, id) = open.call(fixture.now(), Some(&key.key), "GET", "/orders");
    // Beyond the moment for which a decision waits for its ending.
    fixture.pass(Duration::from_secs(2));
    assert_eq!(open.usage("operation"), BTreeMap::from([("orders:GET /orders".to_owned(), (1, 0))]));
    let completed = record::Completed {
        id: DecisionId::parse(&id).unwrap(),
        time: fixture.now(),
        status: 200,
        outcome: record::Outcome::Done,
        request_bytes: 0,
        response_bytes: 0,
        time_to_decision_us: 1,
        upstream_us: 1,
        total_us: 1,
    };
    open.log.completed(&completed);
    assert_eq!(open.usage("operation"), BTreeMap::from([("orders:GET /orders".to_owned(), (1, 1))]));
}

#[test]
fn an_erased_caller_leaves_sums_and_no_name() {
    let fixture = observed("usage-erased");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), LIST, 200);
    assert_eq!(open.usage("caller").len(), 1);
    open.answered(&fixture, Some(&key.key), LIST, 200);
    open.control.erase(&ann(), "app:shop", "asked for").unwrap();
    assert_eq!(open.usage("caller,key"), BTreeMap::from([("(erased) | ".to_owned(), (2, 2))]));
    assert!(open.suggest(&SuggestOrder::default()).proposals.is_empty());
}

#[test]
fn what_was_used_with_success_is_proposed_once_and_nothing_else() {
    let fixture = observed("suggest");
    let mut open = fixture.up();
    let key = open.shop();
    for _ in 0..3 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
        open.answered(&fixture, Some(&key.key), MAKE, 500);
        open.answered(&fixture, None, ("GET", "/customers/7"), 200);
    }
    let view = open.suggest(&SuggestOrder::default());
    let [proposal] = &view.proposals[..] else { panic!("{view:?}") };
    assert!(proposal.is_ready() && !view.written);
    assert_eq!(proposal.operations, ["orders:GET /orders"]);
    assert_eq!((proposal.evidence.calls, proposal.evidence.days), (3, 1));
    assert_eq!(view.left_out.values().sum::<u64>(), 6);
    assert!(!fixture.folder.join("policies/suggested-orders.cedar").exists());

    let revision = open.revision();
    assert!(open.suggest(&write()).written);
    assert_eq!(open.revision(), revision + 1, "reload: on_change");
    let text = fixture.read("policies/suggested-orders.cedar");
    let again = open.suggest(&write());
    assert!(again.proposals.is_empty() && !again.written, "{again:?}");
    assert_eq!(fixture.read("policies/suggested-orders.cedar"), text);
    assert_eq!(again.granted_calls, 3);
    let allowed = open.call(fixture.now(), Some(&key.key), "GET", "/orders").0;
    assert_eq!(allowed, "allowed");
    assert_eq!(open.call(fixture.now(), Some(&key.key), "POST", "/orders").0, "would_deny no_grant");
    assert!(
        fixture
            .changes()
            .iter()
            .any(|change| change.starts_with("policy.suggest") && change.contains("learned"))
    );
}

#[test]
fn a_single_call_waits_for_a_word_and_its_comment_is_not_repeated() {
    let fixture = observed("word");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), MAKE, 200);
    for _ in 0..2 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
    }
    let view = open.suggest(&write());
    assert_eq!(view.proposals.iter().map(|one| one.is_ready()).collect::<Vec<_>>(), [true, false]);
    let text = fixture.read("policies/suggested-orders.cedar");
    assert!(text.contains("// Needs the word of ops:\n//   - it was called once"), "{text}");
    assert_eq!(open.call(fixture.now(), Some(&key.key), "POST", "/orders").0, "would_deny no_grant");
    assert!(open.suggest(&write()).proposals.is_empty());
    // The word itself.
    let spoken: Vec<String> =
        text.lines().map(|line| line.strip_prefix("// ").unwrap_or(line).to_owned()).collect();
    let at = spoken.iter().rposition(|line| line.starts_with("@id(")).unwrap();
    fixture.write("policies/suggested-orders.cedar", &spoken[at..].join("\n"));
    open.control.reload(&Actor::gateway(), "file").unwrap();
    assert_eq!(open.call(fixture.now(), Some(&key.key), "POST", "/orders").0, "allowed");
}

#[test]
fn the_word_can_be_given_with_the_question_and_only_by_an_owner() {
    let fixture = observed("accept");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), MAKE, 200);
    let accept = |word: &str| SuggestOrder { accept: vec![word.to_owned()], ..write() };
    assert!(error(open.control.suggest(&ann(), &accept("anything"))).contains("`anything` is no proposal"));
    let stranger = Actor::administrator("eve@example.com", store::Role::Owner);
    assert!(error(open.control.suggest(&stranger, &accept("called_once"))).contains("`ops`"));
    let analyst = Actor::administrator("eve@example.com", store::Role::Analyst);
    assert!(error(open.control.suggest(&analyst, &write())).contains("role `owner`"));
    assert!(open.control.suggest(&analyst, &SuggestOrder::default()).is_ok());
    let owner = Actor::administrator("ola@example.com", store::Role::Owner);
    assert!(open.control.suggest(&owner, &accept("called_once")).unwrap().proposals[0].is_ready());
    assert_eq!(open.call(fixture.now(), Some(&key.key), "POST", "/orders").0, "allowed");
}

#[test]
fn evidence_of_a_key_that_leaked_is_withdrawn() {
    let fixture = observed("leaked");
    let mut open = fixture.up();
    let key = open.shop();
    let other = open.key("shop", &["orders"]);
    for _ in 0..3 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
        open.answered(&fixture, Some(&other.key), MAKE, 200);
    }
    open.suggest(&write());
    open.control.revoke_key(&ann(), &other.id, "leaked in a repository").unwrap();
    let view = open.suggest(&SuggestOrder::default());
    assert!(view.proposals.is_empty());
    let [withdrawn] = &view.withdrawn[..] else { panic!("{view:?}") };
    assert_eq!((withdrawn.key.as_str(), withdrawn.calls), (other.id.as_str(), 3));
    assert_eq!(withdrawn.granted_by.len(), 1, "the grant that rests on it alone: {withdrawn:?}");
    fixture.write("policies/suggested-orders.cedar", "");
    let view = open.suggest(&SuggestOrder::default());
    assert_eq!(
        view.proposals.iter().flat_map(|one| one.operations.clone()).collect::<Vec<_>>(),
        ["orders:GET /orders"]
    );
}

#[test]
fn what_the_only_key_called_that_leaked_is_told_once_and_permits_nothing() {
    let fixture = observed("only-key");
    let mut open = fixture.up();
    let key = open.shop();
    for _ in 0..3 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
    }
    open.control.revoke_key(&ann(), &key.id, "leaked in a repository").unwrap();
    let new = open.key("shop", &["orders"]);
    let view = open.suggest(&write());
    assert!(view.proposals.is_empty() && view.written, "{view:?}");
    let text = fixture.read("policies/suggested-orders.cedar");
    assert!(text.contains("action == Action::\"orders:GET /orders\": 3 calls"), "{text}");
    assert_eq!(open.call(fixture.now(), Some(&new.key), "GET", "/orders").0, "would_deny no_grant");
    assert!(!open.suggest(&write()).written);
    assert_eq!(fixture.read("policies/suggested-orders.cedar"), text);
    let accept = |word: &str| SuggestOrder { accept: vec![word.to_owned()], ..write() };
    let id = format!("withdrawn.{}.orders", key.id);
    assert!(error(open.control.suggest(&ann(), &accept(&id))).contains("is no proposal"));
    // Whose API it is not may not write there.
    fixture.write("policies/suggested-orders.cedar", "");
    let stranger = Actor::administrator("eve@example.com", store::Role::Owner);
    assert!(error(open.control.suggest(&stranger, &write())).contains("`ops`"));
}

#[test]
fn a_scope_of_just_one_operation_is_a_declared_need() {
    let fixture = observed("declared");
    let open = fixture.up();
    open.shop();
    open.key("shop", &["orders:POST /orders"]);
    let view = open.suggest(&write());
    let [proposal] = &view.proposals[..] else { panic!("{view:?}") };
    assert_eq!((proposal.evidence.calls, proposal.is_ready()), (0, true));
    assert_eq!(proposal.operations, ["orders:POST /orders"]);
}

#[test]
fn replay_tells_who_would_lose_and_who_would_gain() {
    let fixture = Fixture::new("replay");
    let mut open = fixture.up();
    let key = open.shop();
    for _ in 0..2 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
    }
    open.answered(&fixture, Some(&key.key), MAKE, 403);
    let replay = |candidate| {
        open.control.replay(&ann(), &ReplayOrder { candidate, ..ReplayOrder::default() }).unwrap().replayed
    };
    let same = replay(Candidate::Files);
    assert_eq!((same.calls, same.pass_both, same.refused_both), (3, 2, 1));
    assert!(same.would_lose.is_empty() && same.would_gain.is_empty());

    let mut files: Files = super::files_of(&fixture.folder);
    let turned = "@id(\"make\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\")\n\
                  permit (principal in Team::\"partners\", action == Action::\"orders:POST /orders\", resource);";
    files.insert("policies/orders.cedar".to_owned(), turned.as_bytes().to_vec());
    let flips = replay(Candidate::Given(files));
    let one = |flips: &[advise::Flip]| {
        let [flip] = flips else { panic!("{flips:?}") };
        (flip.operation.clone(), flip.now, flip.then, flip.count, flip.reason, flip.approximate.clone())
    };
    assert_eq!(
        one(&flips.would_lose),
        ("orders:GET /orders".to_owned(), "allowed", "denied", 2, Some("no_grant"), vec![])
    );
    assert_eq!(
        one(&flips.would_gain),
        ("orders:POST /orders".to_owned(), "denied", "allowed", 1, Some("guard"), vec![])
    );
    assert_eq!(flips.would_lose[0].samples.len(), 2);
    assert!(
        error(
            open.control.replay(
                &ann(),
                &ReplayOrder { candidate: Candidate::Revision(99), ..ReplayOrder::default() }
            )
        )
        .contains("revision `99`")
    );
    let viewer = Actor::administrator("v", store::Role::Viewer);
    assert!(open.control.replay(&viewer, &ReplayOrder::default()).is_err());
}

#[test]
fn recorded_calls_become_cases_that_hold_and_are_made_once() {
    let fixture = Fixture::new("recorded-cases");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), LIST, 200);
    open.answered(&fixture, Some(&key.key), MAKE, 403);
    open.answered(&fixture, Some(&key.key), ("GET", "/customers/42"), 200);
    open.answered(&fixture, None, LIST, 401);
    let made = open.control.record_cases(&ann(), &UsageOrder::default(), true).unwrap();
    assert_eq!((made.cases, made.written, made.left_out.len()), (4, true, 0), "{made:?}");
    let text = fixture.read("tests/recorded-orders.yaml");
    assert_eq!(text.matches("\"expect\":\"deny\"").count(), 2, "{text}");
    assert!(text.contains("\"id\":\"42\""), "{text}");
    // No policy looks at addresses, so none is copied out of the log.
    assert!(!text.contains("source_ip"), "{text}");
    let ran = crate::cases::run_cases(&super::files_of(&fixture.folder)).unwrap();
    assert_eq!((ran.cases.len(), ran.failed()), (4, 0));
    let again = open.control.record_cases(&ann(), &UsageOrder::default(), true).unwrap();
    assert_eq!((again.cases, again.written), (0, false));
    // A policy that changes is caught by them.
    fixture.write("policies/orders.cedar", "");
    assert_eq!(crate::cases::run_cases(&super::files_of(&fixture.folder)).unwrap().failed(), 3);
}

#[test]
fn the_matrix_tells_what_is_granted_what_is_used_and_both() {
    let fixture = Fixture::new("matrix");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), LIST, 200);
    open.answered(&fixture, Some(&key.key), MAKE, 403);
    let matrix = open.control.matrix(&ann(), &UsageOrder::default()).unwrap();
    let row = matrix.rows.iter().find(|row| row.caller == "app:shop").unwrap();
    let cells: Vec<_> = row
        .cells
        .iter()
        .map(|cell| (cell.operation.as_str(), cell.granted, cell.calls, cell.refused))
        .collect();
    assert_eq!(
        cells,
        [
            ("orders:GET /customers/{id}", "conditional", 0, 0),
            ("orders:GET /orders", "always", 1, 0),
            ("orders:POST /orders", "never", 0, 1)
        ]
    );
    // Scopes narrow what policy grants.
    open.control.narrow_key(&ann(), &key.id, &["orders:POST /orders".to_owned()], "").unwrap();
    let matrix = open.control.matrix(&ann(), &UsageOrder::default()).unwrap();
    let row = matrix.rows.iter().find(|row| row.caller == "app:shop").unwrap();
    assert!(row.cells.iter().all(|cell| cell.granted == "never"), "{row:?}");
}

#[test]
fn a_publish_says_what_recorded_calls_get_and_asks_again() {
    let fixture = Fixture::new("publish-replay");
    fixture.write("sallyport.yaml", &super::GATEWAY.replace("on_change", "on_publish"));
    let mut open = fixture.up();
    let key = open.shop();
    for _ in 0..2 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
    }
    fixture.write("policies/orders.cedar", "");
    let planned = open.control.plan_publish(&ann()).unwrap().summary.unwrap().replayed.unwrap();
    assert_eq!(planned["would_lose"][0]["count"], 2, "{planned}");
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "allowed", "nothing changed");
    let published = open.control.publish(&ann(), "less").unwrap();
    let replayed = published.summary.unwrap();
    assert_eq!(replayed["replayed"]["would_lose"][0]["operation"], "orders:GET /orders");
    let probe = published.replay_probe.unwrap();
    assert_eq!((probe.calls, probe.differing), (3, 0));
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "denied no_grant");
}

#[test]
fn an_answer_that_rests_on_what_was_not_recorded_says_so() {
    let fixture = observed("approximate");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), LIST, 200);
    let mut files: Files = super::files_of(&fixture.folder);
    let policy = POLICY.replace(
        "permit (principal in Team::\"partners\", action == Action::\"orders:GET /orders\", resource);",
        "permit (principal is Application, action == Action::\"orders:GET /orders\", resource) when { principal has level && principal.level > 3 };",
    );
    assert_ne!(policy, POLICY);
    files.insert("policies/orders.cedar".to_owned(), policy.into_bytes());
    let order = ReplayOrder { candidate: Candidate::Given(files), ..ReplayOrder::default() };
    let replayed = open.control.replay(&ann(), &order).unwrap().replayed;
    assert_eq!(replayed.approximate_calls, 1);
    assert_eq!(replayed.would_lose[0].approximate, ["principal.level"]);
}

#[test]
fn an_observed_api_is_ready_once_policies_settle_what_would_have_been_refused() {
    let fixture = observed("ready");
    let mut open = fixture.up();
    let key = open.shop();
    for _ in 0..3 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
    }
    let ready = |open: &Open, days, calls| {
        let status = open.control.status(&ann(), ReadyOrder { days, calls }).unwrap().apis.remove(0);
        (status.ready.unwrap(), status.in_the_way)
    };
    let (before, steps) = ready(&open, 1, 3);
    assert!(!before.ready && before.still[0].count == 3, "{before:?}");
    assert!(steps[0].contains("sallyport policy suggest --api orders"), "{steps:?}");
    open.suggest(&write());
    let (young, steps) = ready(&open, 1, 3);
    assert!(!young.ready && young.still.is_empty() && steps.is_empty(), "not recorded for a day: {young:?}");
    assert_eq!(young.settled_calls, 3);
    fixture.pass_days(1);
    assert!(ready(&open, 1, 3).0.ready);
    assert!(!ready(&open, 1, 4).0.ready, "one call too few");
    assert!(!ready(&open, 2, 3).0.ready, "one day too few");
}

#[test]
fn a_grant_that_has_ended_settles_nothing() {
    let fixture = observed("ended");
    let grant = "@id(\"short\") @owner(\"ops\") @reason(\"r\") @expires(\"2026-11-28T00:00:00Z\")\n\
                 permit (principal == Application::\"shop\", action == Action::\"orders:GET /orders\", resource);";
    fixture.write("policies/orders.cedar", grant);
    let mut open = fixture.up();
    let key = open.shop();
    for _ in 0..3 {
        open.answered(&fixture, Some(&key.key), LIST, 200);
    }
    let asked = |open: &Open| {
        let lost = open.control.replay(&ann(), &ReplayOrder::default()).unwrap().replayed.lost_calls();
        (open.suggest(&SuggestOrder::default()).proposals.len(), lost)
    };
    assert_eq!(asked(&open), (0, 0), "it is in force");
    fixture.pass_days(2);
    let (proposals, _) = asked(&open);
    assert_eq!(proposals, 1, "the need goes on");
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "would_deny no_grant");
    let lost = open.control.replay(&ann(), &ReplayOrder::default()).unwrap().replayed.would_lose;
    assert_eq!((lost[0].count, lost[0].now, lost[0].then), (4, "would_deny", "denied"));
}

#[test]
fn a_key_is_called_too_wide_only_after_the_whole_window() {
    let fixture = observed("right-size");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), LIST, 200);
    let mut order = UsageOrder::default();
    order.set("since", "10d").unwrap();
    let advice = |open: &Open| open.control.advise_keys(&ann(), &order, Some("shop")).unwrap().remove(0);
    fixture.pass_days(9);
    let early = advice(&open);
    assert!(early.never.is_empty() && early.command.is_none() && early.note.is_some(), "{early:?}");
    fixture.pass(Duration::from_secs(86_400 + 1));
    open.answered(&fixture, Some(&key.key), LIST, 200);
    let late = advice(&open);
    assert_eq!(late.never, ["orders:GET /customers/{id}", "orders:POST /orders"]);
    assert_eq!(late.narrower.clone().unwrap(), ["orders:GET /orders"]);
    assert!(late.command.unwrap().contains("key narrow"));
    let wider = open.control.narrow_key(&ann(), &key.id, &["orders:GET /nothing".to_owned()], "");
    assert!(error(wider).contains("not within"));
    open.control.narrow_key(&ann(), &key.id, &late.narrower.unwrap(), "unused").unwrap();
    assert_eq!(open.call(fixture.now(), Some(&key.key), "POST", "/orders").0, "denied out_of_scope");
    assert_eq!(open.call(fixture.now(), Some(&key.key), "GET", "/orders").0, "would_deny no_grant");
    let back = open.control.narrow_key(&ann(), &key.id, &["orders".to_owned()], "");
    assert!(error(back).contains("not within"), "narrow is one way");
}

#[test]
fn a_roll_up_that_cannot_be_read_says_which_and_loses_nothing() {
    let fixture = observed("broken-roll-up");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), LIST, 200);
    assert_eq!(open.usage("caller").len(), 1);
    let mut store = store::Store::open(&fixture.state().join("store.db")).unwrap().0;
    store.replace_usage_facts(|_| Some("{\"api\":".to_owned())).unwrap();
    let broken = error(open.control.usage(&ann(), &UsageOrder::default()));
    assert!(broken.contains("roll-up 2 cannot be read"), "{broken}");
    assert!(open.control.suggest(&ann(), &SuggestOrder::default()).is_err());
    assert!(LogReader::open(&fixture.state().join("log")).tail(10).unwrap().len() > 1);
}

//! What `status` says of the way to enforcing: for how long, what to do, and when observing ends by itself.

use std::time::Duration;

use traffic::{Alike, Credential, Exchange, RingReceiver, ring};

use super::advice::{LIST, observed};
use super::{DOCUMENT, Open, POLICY, ann};
use crate::ready::Ready;
use crate::{Actor, ApiStatus, ReadyOrder, SuggestOrder};

const MAKE: (&str, &str) = ("POST", "/orders");
const HIDDEN: (&str, &str) = ("GET", "/hidden");

impl Open {
    fn status_of(&self, calls: u64) -> ApiStatus {
        self.control.status(&ann(), ReadyOrder { days: 7, calls }).unwrap().apis.remove(0)
    }

    fn ready(&self) -> (Ready, Vec<String>) {
        let status = self.status_of(1);
        (status.ready.unwrap(), status.in_the_way)
    }

    fn reload(&self) {
        self.control.reload(&Actor::gateway(), "file").unwrap();
    }

    /// As the workers show it to the inventory.
    fn show(&self, call: (&str, &str)) {
        self.show_of(call, "shop");
    }

    fn show_of(&self, (method, path): (&str, &str), caller: &str) {
        let (mut sender, receiver) = ring(65_536);
        sender.send(&Alike::one(Exchange {
            at: Some(1_764_000_000_000),
            host: Some("orders.example.com"),
            method,
            path,
            status: Some(200),
            caller: Some(caller),
            credential: Credential::Verified,
            ..Exchange::default()
        }));
        let mut rings: [RingReceiver; 1] = [receiver];
        assert_eq!(self.control.feed_inventory(&mut rings), 1);
    }
}

#[test]
fn an_api_is_recorded_since_its_first_call_however_it_rests_between() {
    let fixture = observed("status-rests");
    fixture.write("policies/orders.cedar", POLICY);
    let mut open = fixture.up();
    let key = open.shop();
    let days = |open: &Open| (open.ready().0.days_recorded, open.ready().0.ready);
    open.answered(&fixture, Some(&key.key), LIST, 200);
    fixture.pass(Duration::from_secs(7 * 86_400 - 3_600));
    assert_eq!(days(&open), (6, false), "an hour too early");
    fixture.pass(Duration::from_secs(3_600));
    assert_eq!(days(&open), (7, true));
    // Two days without a call, at whose end the days that are asked about begin; asked earlier in the day than it was called.
    fixture.pass_days(3);
    open.answered(&fixture, Some(&key.key), LIST, 200);
    fixture.pass(Duration::from_secs(2 * 86_400 - 3_600));
    assert_eq!(days(&open), (7, true));
    assert_eq!(open.ready().0.calls, 1, "the first is too long ago to count");
}

#[test]
fn a_grant_that_waits_in_a_comment_is_not_proposed_by_the_step() {
    let fixture = observed("status-waits");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), MAKE, 200);
    let steps = |open: &Open| open.ready().1;
    let before = steps(&open);
    assert!(before[0].contains("`sallyport policy suggest --api orders` proposes them"), "{before:?}");
    let write = SuggestOrder { write: true, reason: "learned".to_owned(), ..SuggestOrder::default() };
    assert!(open.suggest(&write).written);
    let waits = steps(&open);
    assert_eq!(waits.len(), 1);
    assert!(
        waits[0].starts_with(
            "app:shop lacks grants for 1 call of 1 operation, which wait in policies/suggested-orders.cedar"
        ) && waits[0].contains("take the slashes away"),
        "{waits:?}"
    );
    // The nearest that is no such comment: that of another caller.
    let text = fixture.read("policies/suggested-orders.cedar");
    fixture.write("policies/suggested-orders.cedar", &text.replace("\"shop\"", "\"shop2\""));
    open.reload();
    assert!(steps(&open)[0].contains("policy suggest"), "{:?}", steps(&open));
    // What is done settles it.
    let spoken: Vec<&str> = text.lines().map(|line| line.strip_prefix("// ").unwrap_or(line)).collect();
    let at = spoken.iter().rposition(|line| line.starts_with("@id(")).unwrap();
    fixture.write("policies/suggested-orders.cedar", &spoken[at..].join("\n"));
    open.reload();
    assert_eq!(steps(&open), [""; 0]);
}

#[test]
fn where_no_call_shows_a_need_no_grant_is_promised() {
    let fixture = observed("status-unshown");
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), MAKE, 500);
    open.answered(&fixture, Some(&key.key), LIST, 200);
    open.answered(&fixture, Some(&key.key), LIST, 200);
    let steps = open.ready().1;
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert!(steps[0].contains("2 calls of 1 operation") && steps[0].contains("policy suggest"), "{steps:?}");
    assert!(
        steps[1].contains("1 call of 1 operation, and no call shows")
            && steps[1].contains("audit search --api orders --caller app:shop --reason no_grant"),
        "{steps:?}"
    );
    open.control.revoke_key(&ann(), &key.id, "leaked").unwrap();
    let steps = open.ready().1;
    assert!(steps.iter().all(|step| !step.contains("policy suggest")), "{steps:?}");
}

#[test]
fn what_was_declared_since_is_waited_for_and_nothing_has_to_be_done() {
    let fixture = observed("status-declared");
    fixture.write("policies/orders.cedar", POLICY);
    let mut open = fixture.up();
    let key = open.shop();
    open.answered(&fixture, Some(&key.key), LIST, 200);
    open.answered(&fixture, Some(&key.key), HIDDEN, 200);
    let (ready, steps) = open.ready();
    assert_eq!((ready.declared_since_calls, ready.still[0].count), (0, 1));
    assert!(steps[0].contains("the inventory does not list, 1 call: `sallyport audit search"), "{steps:?}");
    open.show(HIDDEN);
    assert!(open.ready().1[0].contains("`sallyport inventory list --api orders --state shadow` shows it"));
    fixture.pass(Duration::from_secs(60));
    let declared = format!("{DOCUMENT}  /hidden:\n    get: {{}}\n");
    fixture.write("apis/orders/openapi.yaml", &declared);
    open.reload();
    let (ready, steps) = open.ready();
    assert_eq!((ready.declared_since_calls, ready.still.len(), steps.len()), (1, 0, 0), "{steps:?}");
    // As long as something undeclared is listed, it may have been that; but not of who never called that.
    open.show_of(("GET", "/other"), "till");
    assert_eq!((open.ready().0.declared_since_calls, open.ready().1.len()), (1, 0));
    open.show(("GET", "/another"));
    let (ready, steps) = open.ready();
    assert_eq!((ready.declared_since_calls, steps.len()), (0, 1), "{steps:?}");
    fixture.write(
        "apis/orders/openapi.yaml",
        &format!("{declared}  /another:\n    get: {{}}\n  /other:\n    get: {{}}\n"),
    );
    open.reload();
    fixture.pass_days(7);
    open.answered(&fixture, Some(&key.key), LIST, 200);
    assert!(!open.ready().0.ready, "nobody knows whether what came is permitted now");
    fixture.pass_days(1);
    assert!(open.ready().0.ready);
    // What comes after the change was not declared by it.
    open.answered(&fixture, Some(&key.key), ("GET", "/third"), 200);
    assert_eq!((open.ready().0.declared_since_calls, open.ready().1.len()), (0, 1));
}

fn alerts(open: &Open) -> String {
    open.status_of(1).alerts.join("\n")
}

fn ends_in_metrics(open: &Open) -> Option<String> {
    let metrics = open.control.metrics();
    let line = metrics.lines().find(|line| line.starts_with("sallyport_observe_ends_seconds{"))?;
    Some(line.to_owned())
}

#[test]
fn the_end_of_an_observation_is_told_before_it_comes() {
    // Until 2026-12-09, from 2026-11-26T12:00 on.
    let fixture = observed("status-ends");
    let guard = "@id(\"night\") @owner(\"ops\") @reason(\"r\") @expires(\"2099-01-01\") @observe_until(\"2026-12-04\")\n\
                 forbid (principal, action == Action::\"orders:POST /orders\", resource);";
    fixture.write("policies/night.cedar", guard);
    let mut open = fixture.up();
    let key = open.shop();
    open.control.keep_up().unwrap();
    assert_eq!((alerts(&open).as_str(), open.reasons().contains("observation")), ("", false));
    fixture.pass(Duration::from_secs(86_400));
    assert!(open.reasons().contains("the observation of guard `night` ends in 6 days"), "{}", open.reasons());
    fixture.pass(Duration::from_secs(4 * 86_400 + 43_199));
    assert_eq!(alerts(&open), "", "a second early");
    open.answered(&fixture, Some(&key.key), LIST, 200);
    fixture.pass(Duration::from_secs(1));
    let told = alerts(&open);
    assert!(
        told.starts_with("the observation of api `orders` ends in 6 days, at 2026-12-09T00:00:00")
            && told.contains("1 of 1 calls of the last 7 days would be refused from then on")
            && told.contains("`sallyport api observe orders --until DATE --reason WHY`"),
        "{told}"
    );
    assert!(open.reasons().contains("observation of api `orders`"));
    assert_eq!(ends_in_metrics(&open).unwrap(), "sallyport_observe_ends_seconds{api=\"orders\"} 1796774400");
    // Moved, it is told no more; past its end it is no warning either.
    open.control.observe(&ann(), "orders", "2026-12-20", "month end").unwrap();
    assert_eq!(alerts(&open), "");
    fixture.pass_days(18);
    assert_eq!((alerts(&open).as_str(), open.status_of(1).mode), ("", "enforce"));
    assert!(!open.reasons().contains("observation"), "{}", open.reasons());
    open.control.keep_up().unwrap();
}

//! Reads `guessing` of `sallyport.yaml`: how failed credentials are slowed down.

use std::time::Duration;

use model::{GuessLimits, Guessing};

use crate::fields::{self, Fields};
use crate::place::Faults;
use crate::quantity::parse_duration;
use crate::yaml::{Node, Value};

const FIELDS: &[&str] = &["failures", "network_failures", "per", "wait_max"];
/// The most failures that can be written: beyond this there is no limit to speak of.
const FAILURES_MAX: u32 = 1_000_000;
const PER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

const FIX: &str =
    "write limits such as { failures: 10, network_failures: 100, per: 1m, wait_max: 15m }, or `unlimited`";

pub(crate) fn read(node: &Node, faults: &mut Faults) -> Option<Guessing> {
    if let Value::Text(text) = &node.value {
        if text == "unlimited" {
            return Some(Guessing::Unlimited);
        }
        faults.add(node.place, format!("`guessing` cannot be `{}`", fields::shown(text)), FIX);
        return None;
    }
    let standard = GuessLimits::STANDARD;
    let fields = Fields::of(node, "`guessing`", FIELDS, faults)?;
    let failures =
        fields.or("failures", standard.failures, faults, |node, faults| count(node, "failures", faults));
    let network_failures =
        fields.or("network_failures", standard.network_failures, faults, |node, faults| {
            count(node, "network_failures", faults)
        });
    let per =
        fields.or("per", standard.per, faults, |node, faults| within(node, ("per", "1s", "1h"), PER, faults));
    let wait_max = fields.or("wait_max", standard.wait_max, faults, |node, faults| {
        within(node, ("wait_max", "1s", "1d"), WAIT, faults)
    });
    let (failures, network_failures) = (failures?, network_failures?);
    if network_failures < failures {
        let reason =
            "`network_failures` is less than `failures`: those of one key are among those of its network";
        faults.add(fields.place("network_failures"), reason, FIX);
        return None;
    }
    Some(Guessing::Limited(GuessLimits { failures, network_failures, per: per?, wait_max: wait_max? }))
}

fn count(node: &Node, what: &str, faults: &mut Faults) -> Option<u32> {
    let found = match &node.value {
        Value::Integer(number) => {
            u32::try_from(*number).ok().filter(|count| (1..=FAILURES_MAX).contains(count))
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::List(_)
        | Value::Table(_) => None,
    };
    if found.is_none() {
        let reason = format!("`{what}` must be a whole number from 1 to {FAILURES_MAX}");
        faults.add(node.place, reason, FIX);
    }
    found
}

fn within(
    node: &Node,
    (what, least, most): (&str, &str, &str),
    range: (Duration, Duration),
    faults: &mut Faults,
) -> Option<Duration> {
    let found = fields::parsed(node, what, FIX, faults, parse_duration)?;
    if found < range.0 || range.1 < found {
        faults.add(node.place, format!("`{what}` must be from {least} to {most}"), FIX);
        return None;
    }
    Some(found)
}

//! Grants that end: from then on their callers are refused, so it is told before, and for as long as they are there after it.

use std::time::Duration;

use config::ConfigError;
use model::Timestamp;
use policy::{Effect, Policies, PolicySummary};

/// From how long before its end on a grant is told of.
const SOON: Duration = Duration::from_secs(7 * 86_400);
/// The most grants that one line names.
const NAMED_MAX: usize = 5;

/// Where a grant is on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ended,
    EndsSoon,
}

fn ending(
    policies: &Policies,
    now: Timestamp,
) -> impl Iterator<Item = (PolicySummary<'_>, Timestamp, Stage)> {
    policies.policies().filter(|policy| policy.effect == Effect::Permit).filter_map(move |policy| {
        let ends = policy.expires?;
        match ends {
            ends if ends <= now => Some((policy, ends, Stage::Ended)),
            ends if ends <= now.plus(SOON) => Some((policy, ends, Stage::EndsSoon)),
            _ => None,
        }
    })
}

/// What `config check` says of grants that have ended or will soon, each with its place: files know no clock.
#[must_use]
pub fn check_expiries(policies: &Policies, now: Timestamp) -> Vec<ConfigError> {
    let finding = |(policy, ends, stage): (PolicySummary<'_>, Timestamp, Stage)| {
        let (reason, fix) = match stage {
            Stage::Ended => (
                format!("the grant `{}` ended at {ends}: it permits nothing any more", policy.id),
                "remove it, or give it a later `@expires`",
            ),
            Stage::EndsSoon => (
                format!("the grant `{}` ends at {ends}: from then on it permits nothing", policy.id),
                "give it a later `@expires` if it is still needed",
            ),
        };
        ConfigError {
            file: policy.file.to_owned(),
            line: u32::try_from(policy.line).unwrap_or(u32::MAX),
            column: 1,
            reason,
            fix: fix.to_owned(),
        }
    };
    ending(policies, now).map(finding).collect()
}

/// The same in a line each for all that have ended and all that will soon.
pub(crate) fn lines(policies: &Policies, now: Timestamp) -> Vec<String> {
    let line = |stage: Stage, title: &str, fix: &str| {
        let of_stage = ending(policies, now).filter(|(_, _, its)| *its == stage);
        let names: Vec<String> =
            of_stage.map(|(policy, ends, _)| format!("`{}` at {ends}", policy.id)).collect();
        let (shown, more) = names.split_at(names.len().min(NAMED_MAX));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        (!names.is_empty()).then(|| format!("{title}: {}{more}; {fix}", shown.join(", ")))
    };
    let ended = line(
        Stage::Ended,
        "grants that have ended and permit nothing any more",
        "remove them, or give them a later `@expires`",
    );
    let soon = line(
        Stage::EndsSoon,
        "grants that end within 7 days",
        "give them a later `@expires` if they are still needed",
    );
    ended.into_iter().chain(soon).collect()
}

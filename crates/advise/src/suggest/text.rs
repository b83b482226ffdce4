//! Proposals as Cedar text, and what they add to a file.

use model::Strength;
use policy::quoted;

use super::word::{CONCERN, NEEDS_WORD};
use super::{Basis, Grantee, Proposal, Reach};

/// What the ids of proposals begin with.
pub(super) const ID_PREFIX: &str = "suggested";
/// And those of comments on what stopped keys did.
pub(super) const STOPPED_PREFIX: &str = "withdrawn";
/// As much of a grantee's name as is taken into an id.
const NAME_BYTES_MAX: usize = 48;
/// The words of a file that was made here.
const HEADER: &str = "// Grants that `sallyport policy suggest` made of recorded use. Edit them as you like: what is permitted already is not\n\
                      // proposed again, nor is what stands here in a comment. Remove the two slashes to give your word.\n";

/// An id that is the same for the same proposal, whatever its evidence: `suggested.shop.orders.9f3c01ab`.
pub(super) fn id(grantee: &Grantee, api: &str, basis: Basis, operations: &[String]) -> String {
    let (kind, name) = match grantee {
        Grantee::Application(name) => ("application", name),
        Grantee::Workload(name) => ("workload", name),
        Grantee::Team(name) => ("team", name),
    };
    // FNV-1a: an id has to be the same on every machine and in every version, and that is all that is asked of it.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let basis = match basis {
        Basis::Declared => "declared",
        Basis::Scoped => "scoped",
        Basis::Used => "used",
    };
    let parts = [kind, name, api, basis].into_iter().chain(operations.iter().map(String::as_str));
    for byte in parts.flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let plain = name.chars().map(|character| match character {
        plain if plain.is_ascii_alphanumeric() || matches!(plain, '-' | '_' | '.') => plain,
        _ => '-',
    });
    let name: String = plain.take(NAME_BYTES_MAX).collect();
    format!("{ID_PREFIX}.{name}.{api}.{:08x}", hash >> 32)
}

/// The policy of a proposal, formatted, with its evidence as annotations.
pub(super) fn policy(proposal: &Proposal, strength: Strength) -> String {
    let evidence = &proposal.evidence;
    let mut text = String::new();
    let mut annotate = |name: &str, value: &str| text.push_str(&format!("@{name}({})\n", quoted(value)));
    annotate("id", &proposal.id);
    if !proposal.owner.is_empty() {
        annotate("owner", &proposal.owner);
    }
    annotate("reason", &reason(proposal));
    if let (Some(first), Some(last)) = (&evidence.first_seen, &evidence.last_seen) {
        annotate("first_seen", first);
        annotate("last_seen", last);
        annotate("calls", &evidence.calls.to_string());
        annotate("days", &evidence.days.to_string());
        annotate("strength", evidence.strength);
        annotate("samples", &evidence.samples.join(" "));
    }
    if !evidence.scopes.is_empty() {
        annotate("scopes", &evidence.scopes.join(" "));
    }
    annotate("confidence", &format!("{:.2}", proposal.confidence));
    let principal = match &proposal.grantee {
        Grantee::Application(name) => format!("principal == Application::{}", quoted(name)),
        Grantee::Workload(name) => format!("principal == Workload::{}", quoted(name)),
        Grantee::Team(name) => format!("principal in Team::{}", quoted(name)),
    };
    text.push_str(&format!(
        "permit (\n  {principal},\n  {},\n  resource == Api::{}\n)",
        action(&proposal.reach),
        quoted(&proposal.api)
    ));
    // What was always called with more than a shared secret is not permitted with less; and among a team's clients may be
    // some that nobody vouched for.
    if Strength::SharedSecret < strength || matches!(proposal.grantee, Grantee::Team(_)) {
        text.push_str(&format!("\nwhen {{ context.strength >= {} }}", strength.as_long()));
    }
    text.push_str(";\n");
    text
}

fn reason(proposal: &Proposal) -> String {
    let evidence = &proposal.evidence;
    let name = match &proposal.grantee {
        Grantee::Application(name) | Grantee::Workload(name) => name.clone(),
        Grantee::Team(name) => format!("every application of team {name}"),
    };
    match (proposal.basis, evidence.calls) {
        (Basis::Declared, 0) => {
            format!("a key of {name} has the scope of just this; it has not been called yet")
        }
        (Basis::Scoped, _) => format!(
            "tokens of {name} have the scope that the API's document asks for; it has not been called yet"
        ),
        (Basis::Declared | Basis::Used, calls) => {
            let calls = if calls == 1 { "1 call".to_owned() } else { format!("{calls} calls") };
            let days =
                if evidence.days == 1 { "1 day".to_owned() } else { format!("{} days", evidence.days) };
            format!("{name} uses it: {calls} on {days}")
        }
    }
}

fn action(reach: &Reach) -> String {
    match reach {
        Reach::Group(group) => format!("action in Action::{}", quoted(group)),
        Reach::Operations(operations) => match &operations[..] {
            [one] => format!("action == Action::{}", quoted(one)),
            several => {
                let lines: Vec<String> =
                    several.iter().map(|operation| format!("    Action::{}", quoted(operation))).collect();
                format!("action in [\n{}\n  ]", lines.join(",\n"))
            }
        },
    }
}

/// A proposal as it stands in a file: as it is where it is ready, else in a comment under what has to be said a word about.
#[must_use]
pub fn proposal_text(proposal: &Proposal) -> String {
    if proposal.is_ready() {
        return proposal.text.clone();
    }
    let whose = if proposal.owner.is_empty() { "the API's owner" } else { &proposal.owner };
    let mut text = format!("{NEEDS_WORD}{whose}:\n");
    for concern in &proposal.concerns {
        text.push_str(&format!("{CONCERN}{}\n", concern.as_str()));
    }
    for line in proposal.text.lines() {
        text.push_str(if line.is_empty() { "//" } else { "// " });
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// How a policy is for one client, by its label.
pub(super) fn principal(label: &str) -> Option<String> {
    let (kind, name) = label.split_once(':')?;
    let kind = match kind {
        "app" => "Application",
        "workload" => "Workload",
        _ => return None,
    };
    Some(format!("principal == {kind}::{}", quoted(name)))
}

/// A file with these parts behind what it holds; `before` is `None` where there is none yet.
#[must_use]
pub fn append(before: Option<&str>, parts: impl Iterator<Item = String>) -> String {
    let mut text = before.unwrap_or(HEADER).to_owned();
    for part in parts {
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
        }
        text.push_str(&part);
    }
    text
}

//! `publish` and `revision`: what changes for whom, what changed, and the way back.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Verdict, apis, items, list, minute, print_one, show_list, text, whole_text};
use crate::cli::{PublishArguments, RevisionCommand};
use crate::client::Client;
use crate::output::Output;

/// Rows of a kind that are shown; `--json` has all of them.
const ROWS_SHOWN: usize = 20;
/// The longest policies whose lines are compared; longer ones are shown whole.
const COMPARED_LINES_MAX: usize = 400;

pub(super) async fn publish(
    client: &Client,
    arguments: &PublishArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    let body =
        json!({ "reason": arguments.reason.as_deref().unwrap_or_default(), "dry_run": arguments.dry_run });
    let published = client.ask(Method::POST, "/v1/revisions", Some(&body)).await?;
    print_one(output, &published, described_publish)?;
    Ok(held(&published))
}

pub(super) async fn run(
    client: &Client,
    command: &RevisionCommand,
    output: Output,
) -> anyhow::Result<Verdict> {
    match command {
        RevisionCommand::List => {
            let head = ["revision", "time", "author", "reason", ""];
            show_list(client, "/v1/revisions", output, &head, "no revisions", |revision| {
                let in_force = revision.get("in_force") == Some(&json!(true));
                vec![
                    text(revision, "number"),
                    minute(&text(revision, "time")),
                    text(revision, "author"),
                    text(revision, "reason"),
                    if in_force { "in force" } else { "" }.to_owned(),
                ]
            })
            .await
        }
        RevisionCommand::Show { number } => {
            let revision = client.ask(Method::GET, &format!("/v1/revisions/{number}"), None).await?;
            print_one(output, &revision, described_revision)?;
            Ok(Verdict::Done)
        }
        RevisionCommand::Diff { from, to } => {
            let path = format!("/v1/revisions/{from}/diff?to={to}");
            let difference = client.ask(Method::GET, &path, None).await?;
            print_one(output, &difference, described_difference)?;
            Ok(Verdict::Done)
        }
        RevisionCommand::Rollback(arguments) => {
            let reason = arguments.reason.as_deref().unwrap_or_default();
            let body = json!({ "reason": reason, "force": arguments.force, "dry_run": arguments.dry_run });
            let path = format!("/v1/revisions/{}/rollback", arguments.number);
            let rolled = client.ask(Method::POST, &path, Some(&body)).await?;
            print_one(output, &rolled, described_rollback)?;
            let is_written = rolled.get("unwritten").is_none_or(Value::is_null);
            Ok(if is_written { held(&rolled) } else { Verdict::No })
        }
    }
}

/// Whether the probes came out as expected.
fn held(answer: &Value) -> Verdict {
    let probes = answer.get("probes").cloned().unwrap_or_default();
    let replayed = answer.get("replay_probe").and_then(|probe| probe.get("differing"));
    let is_replayed = replayed.and_then(Value::as_u64).unwrap_or(0) == 0;
    let is_held =
        items(&probes, "differing").is_empty() && items(&probes, "errors").is_empty() && is_replayed;
    if is_held { Verdict::Done } else { Verdict::No }
}

fn described_publish(published: &Value) -> String {
    let is_planned = published.get("dry_run") == Some(&json!(true));
    let mut lines = vec![if is_planned {
        format!("against revision {}, which stays in force", text(published, "in_force"))
    } else {
        format!("revision {} is in force: {}", text(published, "number"), text(published, "reason"))
    }];
    for regrouped in items(published, "regrouped") {
        lines.push(format!("\n{}", apis::describe_regroup(regrouped)));
    }
    match published.get("summary").filter(|summary| !summary.is_null()) {
        Some(summary) => lines.push(described_summary(summary)),
        None if is_planned => lines.push("\nthis is the first revision".to_owned()),
        None => lines.push("\nthese files were in force already, or are the first".to_owned()),
    }
    lines.push(described_probes(published, is_planned));
    if !is_planned && held(published) == Verdict::No {
        let number = published.get("number").and_then(Value::as_u64).unwrap_or_default();
        let before = number.saturating_sub(1);
        lines.push(format!("`sallyport revision rollback {before} --reason TEXT` takes it back"));
    }
    if let Some(probe) = published.get("replay_probe").filter(|probe| !probe.is_null()) {
        lines.push(match text(probe, "differing").as_str() {
            "0" => format!("asked again, all {} recorded calls get what was published", text(probe, "calls")),
            differing => format!("{differing} of {} recorded calls get something else", text(probe, "calls")),
        });
    }
    lines.join("\n")
}

fn described_rollback(rolled: &Value) -> String {
    let is_planned = rolled.get("dry_run") == Some(&json!(true));
    let (from, to, number) = (text(rolled, "from"), text(rolled, "to"), text(rolled, "number"));
    let mut lines = vec![if is_planned {
        format!("from revision {from} to the files of revision {to}; nothing changed")
    } else {
        format!(
            "revision {number} is in force, with the files of revision {to}; before it was revision {from}"
        )
    }];
    let files = items(rolled, "files");
    let verb = if is_planned { "would be" } else { "were" };
    if !files.is_empty() {
        lines.push(format!("\nfiles in the folder that {verb} written or removed"));
        lines.extend(file_lines(files));
    }
    let (kept, unwritten) = (text(rolled, "kept"), text(rolled, "unwritten"));
    if !kept.is_empty() {
        lines.push(format!("\nwhat they were is kept in {kept}"));
    }
    if !unwritten.is_empty() {
        lines.push(format!(
            "\nthe files could not be written: {unwritten}\nwith `reload: on_change` any change of a file brings back what was rolled back; a restart tries to write them again"
        ));
    }
    if let Some(summary) = rolled.get("summary").filter(|summary| !summary.is_null()) {
        lines.push(described_summary(summary));
    }
    lines.push(described_probes(rolled, is_planned));
    lines.join("\n")
}

fn described_revision(revision: &Value) -> String {
    let in_force = revision.get("in_force") == Some(&json!(true));
    let mut lines = vec![
        format!("revision    {}{}", text(revision, "number"), if in_force { ", in force" } else { "" }),
        format!("time        {}", minute(&text(revision, "time"))),
        format!("author      {}", text(revision, "author")),
        format!("reason      {}", text(revision, "reason")),
        format!("files       {}", items(revision, "files").len()),
    ];
    match revision.get("summary").filter(|summary| !summary.is_null()) {
        Some(summary) => lines.push(described_summary(summary)),
        None => lines.push(
            "\nwhat it changed was not kept: it came with a start; `sallyport revision diff` compares two"
                .to_owned(),
        ),
    }
    lines.join("\n")
}

fn described_difference(difference: &Value) -> String {
    let (from, to) = (text(difference, "from"), text(difference, "to"));
    let mut lines = vec![format!("from revision {from} to revision {to}")];
    let files = items(difference, "files");
    let verb = if files.len() == 1 { "differs" } else { "differ" };
    lines.push(format!("\n{} {verb}", counted(files.len(), "file")));
    lines.extend(file_lines(files));
    for policy in items(difference, "policies") {
        lines.push(format!("\npolicy {} {}", text(policy, "id"), text(policy, "change")));
        lines.extend(line_changes(&whole_text(policy, "before"), &whole_text(policy, "after")));
    }
    if let Some(summary) = difference.get("summary") {
        lines.push(described_summary(summary));
    }
    lines.join("\n")
}

fn file_lines(files: &[Value]) -> Vec<String> {
    let line = |file: &Value| format!("  {:<8} {}", text(file, "change"), text(file, "path"));
    let mut lines: Vec<String> = files.iter().take(ROWS_SHOWN).map(line).collect();
    lines.extend(more(files.len()));
    lines
}

fn more(count: usize) -> Option<String> {
    let more = count.checked_sub(ROWS_SHOWN).filter(|more| 0 < *more)?;
    Some(format!("  … and {more} more; --json has all"))
}

/// What a summary says, for people.
fn described_summary(summary: &Value) -> String {
    let mut lines = vec![String::new()];
    let modes = items(summary, "modes");
    lines.extend(modes.iter().take(ROWS_SHOWN).map(|change| match text(change, "now").as_str() {
        "enforce" => {
            format!("{} is enforced: what policy refuses is refused, and passed before", text(change, "api"))
        }
        _ => format!(
            "{} is observed: what policy refuses passes and is recorded, and was refused before",
            text(change, "api")
        ),
    }));
    lines.extend(more(modes.len()));
    for (field, what) in [("policies", "policies"), ("operations", "operations")] {
        let changed = summary.get(field).cloned().unwrap_or_default();
        for verb in ["added", "changed", "removed"] {
            let names = items(&changed, verb);
            if names.is_empty() {
                continue;
            }
            let shown: Vec<&str> = names.iter().take(ROWS_SHOWN).filter_map(Value::as_str).collect();
            lines.push(format!("{what} {verb}: {}", shown.join(", ")));
            lines.extend(more(names.len()));
        }
    }
    for (field, verb) in [("joined", "joins"), ("left", "leaves")] {
        let changes = items(summary, field);
        let line = |change: &Value| format!("{} {verb} {}", text(change, "operation"), text(change, "group"));
        lines.extend(changes.iter().take(ROWS_SHOWN).map(line));
        lines.extend(more(changes.len()));
    }
    let counts = summary.get("counts").cloned().unwrap_or_default();
    for (field, title) in
        [("gains", "can do more"), ("loses", "can do less"), ("alters", "can do the same on other terms")]
    {
        lines.extend(access_lines(items(summary, field), &text(&counts, field), title));
    }
    if lines.len() == 1 {
        lines.push("policy lets everybody do what it did".to_owned());
    }
    lines.extend(summary.get("replayed").filter(|replayed| !replayed.is_null()).map(replayed_text));
    lines.join("\n")
}

/// What recorded calls would get.
fn replayed_text(replayed: &Value) -> String {
    let mut lines = vec![format!(
        "of {} calls recorded since {}, {} pass before and after",
        text(replayed, "calls"),
        text(replayed, "from"),
        text(replayed, "pass_both")
    )];
    for (field, verb) in [("would_lose", "loses"), ("would_gain", "gains")] {
        let flips = items(replayed, field);
        let line = |flip: &Value| {
            format!(
                "  {} {verb} {}: {} calls",
                text(flip, "caller"),
                text(flip, "operation"),
                text(flip, "count")
            )
        };
        lines.extend(flips.iter().take(ROWS_SHOWN).map(line));
        lines.extend(more(flips.len()));
    }
    let unjudged = items(replayed, "not_judged");
    let line = |one: &Value| {
        format!(
            "  {} at {}: {} calls are not judged, since {} was not kept; {} of them may be lost",
            text(one, "caller"),
            text(one, "operation"),
            text(one, "count"),
            list(one, "missing", ", "),
            text(one, "may_lose")
        )
    };
    lines.extend(unjudged.iter().take(ROWS_SHOWN).map(line));
    lines.extend(more(unjudged.len()));
    lines.join("\n")
}

/// Rows of who can do what from now on, under a title; none where there are none.
pub(super) fn access_lines(rows: &[Value], count: &str, title: &str) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let count = count.parse().unwrap_or(rows.len());
    let mut lines = vec![format!("{title}: {}", counted(count, "caller and operation"))];
    for row in rows.iter().take(ROWS_SHOWN) {
        let by = list(row, "by", ", ");
        let by = if by.is_empty() { String::new() } else { format!(" by {by}") };
        let keys = match text(row, "keys").as_str() {
            "0" => "; no key of it covers this yet",
            _ => "",
        };
        lines.push(format!(
            "  {}  {}: {} → {}{by}{keys}",
            text(row, "caller"),
            text(row, "operation"),
            shown(&text(row, "before")),
            shown(&text(row, "now"))
        ));
        lines.extend(
            items(row, "conditions").iter().filter_map(Value::as_str).map(|one| format!("      {one}")),
        );
    }
    let more = count.saturating_sub(ROWS_SHOWN.min(rows.len()));
    if 0 < more {
        lines.push(format!("  … and {more} more; --json has 1,000 of them"));
    }
    lines
}

fn shown(decision: &str) -> &str {
    match decision {
        "conditional" => "under conditions",
        other => other,
    }
}

fn described_probes(answer: &Value, is_planned: bool) -> String {
    let probes = answer.get("probes").cloned().unwrap_or_default();
    let errors = items(&probes, "errors");
    if !errors.is_empty() {
        let lines: Vec<String> = errors.iter().map(crate::client::finding).collect();
        return format!("\nprobes: the cases of tests/ cannot be asked\n{}", lines.join("\n"));
    }
    let (asked, right) = (text(&probes, "asked"), text(&probes, "as_expected"));
    if asked == "0" {
        return "\nprobes: there are no cases in tests/".to_owned();
    }
    let would = if is_planned { " would be" } else { "" };
    let mut lines = vec![format!("\nprobes: {right} of {asked}{would} as expected")];
    for case in items(&probes, "differing").iter().take(ROWS_SHOWN) {
        let place = format!("{}:{}", text(case, "file"), text(case, "line"));
        lines.push(format!("  {place} {}: {}", text(case, "name"), text(case, "difference")));
    }
    lines.extend(more(items(&probes, "differing").len()));
    lines.join("\n")
}

/// `1 operation`, `2 operations`.
pub(super) fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// The lines of two texts: those that are gone with `-`, new ones with `+`, the others as they are.
fn line_changes(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    if COMPARED_LINES_MAX < old.len().max(new.len()) {
        let gone = old.iter().map(|line| format!("  - {line}"));
        return gone.chain(new.iter().map(|line| format!("  + {line}"))).collect();
    }
    // How long the longest common part of what remains is, from each pair of places on.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    let at = |common: &[Vec<usize>], one: usize, other: usize| {
        common.get(one).and_then(|row| row.get(other)).copied().unwrap_or_default()
    };
    for (one, line) in old.iter().enumerate().rev() {
        for (other, candidate) in new.iter().enumerate().rev() {
            let longest = match line == candidate {
                true => at(&common, one + 1, other + 1) + 1,
                false => at(&common, one + 1, other).max(at(&common, one, other + 1)),
            };
            if let Some(slot) = common.get_mut(one).and_then(|row| row.get_mut(other)) {
                *slot = longest;
            }
        }
    }
    let (mut one, mut other) = (0, 0);
    let mut lines = Vec::new();
    loop {
        match (old.get(one), new.get(other)) {
            (Some(line), Some(candidate)) if line == candidate => {
                lines.push(format!("    {line}"));
                (one, other) = (one + 1, other + 1);
            }
            (Some(line), candidate)
                if candidate.is_none() || at(&common, one, other + 1) <= at(&common, one + 1, other) =>
            {
                lines.push(format!("  - {line}"));
                one += 1;
            }
            (_, Some(candidate)) => {
                lines.push(format!("  + {candidate}"));
                other += 1;
            }
            (_, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_stay_are_told_from_those_that_go_and_come() {
        for (before, after, expected) in [
            ("a\nb\nc", "a\nx\nc", "    a|  - b|  + x|    c"),
            ("a", "a", "    a"),
            ("", "a\nb", "  + a|  + b"),
            ("a\nb", "", "  - a|  - b"),
            ("a\nb\nc", "b\nc\nd", "  - a|    b|    c|  + d"),
            ("", "", ""),
        ] {
            assert_eq!(line_changes(before, after).join("|"), expected, "{before:?} {after:?}");
        }
        let long = "x\n".repeat(COMPARED_LINES_MAX + 1);
        assert_eq!(line_changes(&long, "x").len(), COMPARED_LINES_MAX + 2);
    }

    #[test]
    fn what_differs_makes_the_answer_no() {
        let answer = |probes: Value| json!({ "probes": probes });
        let held_by = |probes| held(&answer(probes)) == Verdict::Done;
        assert!(held_by(json!({ "asked": 0, "as_expected": 0, "differing": [], "errors": [] })));
        assert!(!held_by(json!({ "asked": 1, "as_expected": 0, "differing": [{}], "errors": [] })));
        assert!(!held_by(json!({ "asked": 0, "as_expected": 0, "differing": [], "errors": [{}] })));
    }
}

//! Grants proposed from what was seen, every line of them commented out.
//!
//! A log names callers; it does not verify them. So nothing here is in force until a person takes the slashes away.

use std::collections::BTreeMap;

use catalog::OperationDeclaration;
use inventory::{Operation, Stated, canonical};
use model::{ApiName, ApplicationName, Method, TeamName, Timestamp, VerbClass};

/// Callers for whom a grant of their own is proposed.
const CALLERS_MAX: usize = 50;

/// An operation that was seen, under the id that policies know it by.
struct Seen<'a> {
    id: String,
    verb: VerbClass,
    evidence: &'a Operation,
}

/// Operations of one grant.
const OPERATIONS_MAX: usize = 1_000;
/// Bytes of one file; a policy file may have four times as many.
const FILE_BYTES: usize = 64 << 10;

/// The texts of policy files; all of them comments.
pub(super) fn grants(
    api: &ApiName,
    owner: &TeamName,
    declared: &[OperationDeclaration],
    stated: &[Stated],
    source: &str,
) -> Vec<String> {
    let seen = seen(api, declared, stated);
    let source = one_line(source);
    let head = format!(
        "// What was seen of `{api}` in {source}, as grants that are switched off. Nobody was verified by a log: before you take the\n\
         // slashes away, register the application, give it a key, and see that it is still who calls.\n"
    );
    let mut by_caller: BTreeMap<&str, Vec<&Seen<'_>>> = BTreeMap::new();
    for one in &seen {
        for name in &one.evidence.callers.sample {
            by_caller.entry(name).or_default().push(one);
        }
    }
    let mut sections = Vec::new();
    let mut add = |why: String, id: String, principal: String, operations: &[&Seen<'_>]| {
        for (number, part) in operations.chunks(OPERATIONS_MAX).enumerate() {
            let id = if number == 0 { id.clone() } else { format!("{id}-{}", number + 1) };
            sections.push(format!("\n// {why}\n//\n{}", grant(&id, owner, &source, &principal, api, part)));
        }
    };
    for (name, operations) in by_caller.iter().filter(|(name, _)| is_application(name)).take(CALLERS_MAX) {
        let why = format!("The source names `{name}` as a caller of these; it may have called more.");
        add(why, format!("{api}-{name}-seen"), format!("principal == Application::\"{name}\""), operations);
    }
    for (verb, word) in [(VerbClass::Read, "read"), (VerbClass::Write, "write")] {
        let operations: Vec<&Seen<'_>> = seen.iter().filter(|one| one.verb == verb).collect();
        let why = format!("Everything that was seen to {word}, for the team that owns the API.");
        add(why, format!("{api}-team-{word}s-seen"), format!("principal in Team::\"{owner}\""), &operations);
    }
    packed(&head, sections)
}

/// Sections under a head, as many to a file as it holds.
fn packed(head: &str, sections: Vec<String>) -> Vec<String> {
    let mut files = vec![head.to_owned()];
    for section in sections {
        let has_room =
            |file: &&mut String| file.len() == head.len() || file.len() + section.len() <= FILE_BYTES;
        match files.last_mut().filter(has_room) {
            Some(file) => file.push_str(&section),
            None => files.push(format!("{head}{section}")),
        }
    }
    files
}

/// Whether a caller's name can be an application's; an address is none.
fn is_application(name: &str) -> bool {
    ApplicationName::parse(name).is_ok() && name.parse::<std::net::IpAddr>().is_err()
}

/// The operations of the document beside their evidence.
fn seen<'a>(api: &ApiName, declared: &[OperationDeclaration], stated: &'a [Stated]) -> Vec<Seen<'a>> {
    let key = |method: &str, path: &str| (method.to_owned(), canonical(path));
    let known: BTreeMap<(String, String), &Stated> =
        stated.iter().map(|one| (key(&one.method, &one.path), one)).collect();
    let with = |one: &OperationDeclaration| {
        let path = one.template.to_string();
        let evidence = known.get(&key(one.method.as_str(), &path))?.seen.as_ref()?;
        let verb = Method::of_token(one.method.as_str().as_bytes()).verb_class();
        Some(Seen { id: model::OperationId::new(api, one.method, &path).to_string(), verb, evidence })
    };
    declared.iter().filter_map(with).filter(|one| !one.id.contains(['"', '\\'])).collect()
}

fn grant(
    id: &str,
    owner: &TeamName,
    source: &str,
    principal: &str,
    api: &ApiName,
    operations: &[&Seen<'_>],
) -> String {
    let mut text = format!(
        "// @id(\"{id}\")\n// @owner(\"{owner}\")\n// @reason(\"seen in {}\")\n// permit (\n//     {principal},\n//     action in [\n",
        source.replace(['"', '\\'], "'")
    );
    for (place, one) in operations.iter().enumerate() {
        let comma = if place + 1 == operations.len() { "" } else { "," };
        text.push_str(&format!("//         Action::\"{}\"{comma}  // {}\n", one.id, evidence(one.evidence)));
    }
    text.push_str(&format!("//     ],\n//     resource == Api::\"{api}\"\n// );\n"));
    text
}

fn evidence(seen: &Operation) -> String {
    let day = |millis: i64| {
        Timestamp::from_micros(millis.saturating_mul(1_000)).to_string().chars().take(10).collect::<String>()
    };
    let when = match (seen.first_seen, seen.last_seen) {
        (Some(first), Some(last)) if day(first) == day(last) => format!(" on {}", day(first)),
        (Some(first), Some(last)) => format!(" from {} to {}", day(first), day(last)),
        _ => String::new(),
    };
    let times = if seen.succeeded == 1 { "time" } else { "times" };
    let callers = if seen.callers.estimate == 1 { "caller" } else { "callers" };
    format!(
        "{} {times}{when}, {} {callers}, {:.2} sure",
        seen.succeeded, seen.callers.estimate, seen.confidence
    )
}

/// Text from outside inside a comment: whatever it holds, it ends no line.
fn one_line(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { '\u{fffd}' } else { one }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use catalog::{BasePath, Declaring, GroupsLock, declare, read_document};
    use inventory::{Inventory, Prior, Settings, classify};
    use traffic::Exchange;

    use super::*;

    #[test]
    fn nothing_from_outside_ends_a_comment() {
        assert_eq!(
            one_line("a\npermit (principal, action, resource);\r\u{2028}"),
            "a\u{fffd}permit (principal, action, resource);\u{fffd}\u{2028}"
        );
    }

    #[test]
    fn an_operation_is_found_however_its_path_is_encoded() {
        let path = "/möbel/{id}";
        let text = format!(
            "openapi: 3.1.0\ninfo: {{ title: M, version: '1' }}\npaths:\n  {path}:\n    get: {{}}\n    put: {{}}\n"
        );
        let document = read_document(text.as_bytes()).unwrap();
        let settings = Declaring { base_path: &BasePath::root(), spanning: &[], hide_existence: &[] };
        let (declared, _) = declare(&document, &settings, &GroupsLock::empty());
        let mut inventory = Inventory::new(Settings::default());
        inventory.set_priors(vec![Prior {
            host: None,
            method: "GET".to_owned(),
            path: path.to_owned(),
            ..Prior::default()
        }]);
        let called = "/m%C3%B6bel/7";
        inventory.observe(&Exchange {
            method: "GET",
            path: called,
            status: Some(200),
            ..Exchange::default()
        });
        let stated = classify(inventory.operations(), &[], None);
        assert_eq!(stated[0].path, "/m%C3%B6bel/{id}");
        let (api, owner) = (ApiName::parse("m").unwrap(), TeamName::parse("t").unwrap());
        let files = grants(&api, &owner, &declared, &stated, "a log");
        assert!(files[0].contains("//         Action::\"m:GET /möbel/{id}\"  // 1 time"), "{}", files[0]);
        assert!(!files[0].contains("PUT"), "{}", files[0]);
    }
}

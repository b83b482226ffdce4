//! Edits of files by commands. What people wrote, comments and order included, stays as it is.
//!
//! An edit inserts or replaces whole lines and is then read back: it is given out only if the file now says exactly
//! what was asked for, and refused where the file is written in a way that this cannot follow (a flow table, say).

use std::collections::BTreeSet;

use model::{PersonName, TeamName, Timestamp};

use crate::place::{Faults, Place};
use crate::templates::quote;
use crate::yaml::{self, Node, Value};
use crate::{ConfigError, Teams, teams};

/// Adds a team to `teams.yaml`.
pub fn add_team(text: &[u8], name: &TeamName, members: &[PersonName]) -> Result<String, ConfigError> {
    let file = "teams.yaml";
    let (text, mut expected) = read_teams(text)?;
    if let Some(team) = expected.find(name) {
        let place = Place { line: team.line, column: 1 };
        return Err(fault(file, place, format!("team `{name}` exists already"), "choose another name"));
    }
    let layout = || cannot_edit(file, "teams");
    let mut lines = lines_of(text);
    let header = line_of_field(text, "teams").ok_or_else(layout)?;
    let line = lines.get_mut(header).ok_or_else(layout)?;
    let (written, comment) = match line.split_once('#') {
        Some((written, comment)) => (written.trim_end().to_owned(), format!(" #{comment}")),
        None => (line.trim_end().to_owned(), String::new()),
    };
    let quoted: Vec<String> = members.iter().map(|member| quote(member.as_str())).collect();
    let added = format!("{}: {{ members: [{}] }}", quote(name.as_str()), quoted.join(", "));
    if expected.0.is_empty() {
        // `teams: {}` becomes a block; a comment behind it stays.
        if written.replace(' ', "") != "teams:{}" {
            return Err(layout());
        }
        *line = format!("teams:{comment}");
        lines.insert(header + 1, format!("  {added}"));
    } else {
        if !written.ends_with(':') {
            return Err(layout());
        }
        let last = expected.0.values().map(|team| team.line).max();
        let last = last.and_then(|line| usize::try_from(line).ok()).ok_or_else(layout)?;
        let indent = last
            .checked_sub(1)
            .and_then(|at| lines.get(at))
            .map(|line| indent_of(line))
            .ok_or_else(layout)?;
        lines.insert(end_of_block(&lines, last, indent), format!("{:indent$}{added}", ""));
    }
    let edited = text_of(&lines);
    expected.0.insert(name.clone(), teams::Team { members: members.iter().cloned().collect(), line: 0 });
    let (_, after) = read_teams(edited.as_bytes()).map_err(|_| layout())?;
    let same = memberships(&after) == memberships(&expected);
    if same { Ok(edited) } else { Err(layout()) }
}

/// Has an API observed until `until`, a date or an RFC 3339 time, whatever its mode was. `file` is for errors.
pub fn set_observe_until(text: &[u8], file: &str, until: &str) -> Result<String, ConfigError> {
    if let Err(reason) = Timestamp::parse(until) {
        return Err(fault(file, Place::WHOLE, reason.to_string(), "write a date such as 2026-12-09"));
    }
    let observed = set_field(text, file, "mode", "observe", "exposure")?;
    set_field(observed.as_bytes(), file, "observe_until", until, "mode")
}

/// Has an API enforced from now on. An `observe_until` stays where it is and means nothing.
pub fn set_enforced(text: &[u8], file: &str) -> Result<String, ConfigError> {
    set_field(text, file, "mode", "enforce", "exposure")
}

/// Writes a field of the top table: in place where it is there, else after the field `after` or at the end. `value` is
/// YAML on one line. A comment behind the old value stays.
fn set_field(text: &[u8], file: &str, field: &str, value: &str, after: &str) -> Result<String, ConfigError> {
    let layout = || cannot_edit(file, field);
    if value.trim().is_empty() || value.contains(['\n', '\r', '#']) {
        return Err(layout());
    }
    let (text, before) = read_node(text, file)?;
    let mut lines = lines_of(text);
    match line_of_field(text, field) {
        Some(at) => {
            if is_long(&before, field) {
                return Err(layout());
            }
            let line = lines.get_mut(at).ok_or_else(layout)?;
            let comment = line.split_once(" #").map(|(_, comment)| format!("#{comment}"));
            let plain = format!("{field}: {value}");
            *line = match comment {
                None => plain,
                Some(comment) => format!("{plain:31} {comment}"),
            };
        }
        None => {
            let at = line_of_field(text, after).map_or(lines.len(), |line| end_of_block(&lines, line + 1, 0));
            lines.insert(at, format!("{field}: {value}"));
        }
    }
    let edited = text_of(&lines);
    let (_, after) = read_node(edited.as_bytes(), file).map_err(|_| layout())?;
    if same_but(&before, &after, field) && says(&after, field, value) { Ok(edited) } else { Err(layout()) }
}

fn fault(file: &str, place: Place, reason: String, fix: &str) -> ConfigError {
    ConfigError { file: file.to_owned(), line: place.line, column: place.column, reason, fix: fix.to_owned() }
}

fn cannot_edit(file: &str, field: &str) -> ConfigError {
    let reason = format!("`{field}` is written in a way that a command cannot edit");
    fault(file, Place::WHOLE, reason, "edit the file by hand, or write each field on a line of its own")
}

/// The first fault of a file that has some.
fn first(faults: Faults, file: &str) -> ConfigError {
    faults.into_parts().0.into_iter().next().unwrap_or_else(|| cannot_edit(file, "the file"))
}

fn read_teams(bytes: &[u8]) -> Result<(&str, Teams), ConfigError> {
    let mut faults = Faults::of("teams.yaml");
    let teams = teams::read::read(bytes, &mut faults);
    match (teams, std::str::from_utf8(bytes)) {
        (Some(teams), Ok(text)) if faults.is_empty() => Ok((text, teams)),
        (Some(_) | None, Ok(_) | Err(_)) => Err(first(faults, "teams.yaml")),
    }
}

fn memberships(teams: &Teams) -> Vec<(&TeamName, &BTreeSet<PersonName>)> {
    teams.0.iter().map(|(name, team)| (name, &team.members)).collect()
}

fn read_node<'t>(bytes: &'t [u8], file: &str) -> Result<(&'t str, Node), ConfigError> {
    let mut faults = Faults::of(file);
    let node = yaml::parse(bytes, &mut faults);
    match (node, std::str::from_utf8(bytes)) {
        (Some(node), Ok(text)) if matches!(node.value, Value::Table(_)) => Ok((text, node)),
        (Some(_) | None, Ok(_) | Err(_)) => Err(first(faults, file)),
    }
}

fn entry<'n>(node: &'n Node, field: &str) -> Option<&'n yaml::Entry> {
    match &node.value {
        Value::Table(entries) => entries.iter().find(|entry| entry.key == field),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::List(_) => None,
    }
}

/// Whether the value of a field begins on another line than its name or is a block: then replacing one line is wrong.
fn is_long(node: &Node, field: &str) -> bool {
    entry(node, field).is_some_and(|entry| entry.node.place.line != entry.place.line)
}

/// Whether all fields but one are what they were, places aside.
fn same_but(before: &Node, after: &Node, field: &str) -> bool {
    let others = |node: &Node| match &node.value {
        Value::Table(entries) => entries
            .iter()
            .filter(|entry| entry.key != field)
            .map(|entry| (entry.key.clone(), plain(&entry.node)))
            .collect(),
        Value::Null
        | Value::Bool(_)
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::List(_) => Vec::new(),
    };
    others(before) == others(after)
}

/// Whether the field now holds what `value` says when it is read alone.
fn says(after: &Node, field: &str, value: &str) -> bool {
    let mut faults = Faults::of("");
    let alone = yaml::parse(format!("field: {value}\n").as_bytes(), &mut faults);
    let expected = alone.as_ref().and_then(|node| entry(node, "field")).map(|entry| plain(&entry.node));
    let found = entry(after, field).map(|entry| plain(&entry.node));
    expected.is_some() && expected == found
}

/// A value without its places, for comparison.
fn plain(node: &Node) -> String {
    match &node.value {
        Value::Null => "~".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(value) => format!("{value:?}"),
        Value::Text(text) => format!("{text:?}"),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(","))
        }
        Value::Table(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|entry| format!("{:?}:{}", entry.key, plain(&entry.node))).collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

/// The line, from 0, on which a field of the top table stands.
fn line_of_field(text: &str, field: &str) -> Option<usize> {
    let (_, node) = read_node(text.as_bytes(), "").ok()?;
    let line = entry(&node, field)?.place.line;
    usize::try_from(line).ok()?.checked_sub(1)
}

fn lines_of(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn text_of(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The first line at or after `from` that no longer belongs to the block indented by more than `indent`; blank lines
/// and comments at the end of the block belong to what follows.
fn end_of_block(lines: &[String], from: usize, indent: usize) -> usize {
    let mut end = from;
    for (at, line) in lines.iter().enumerate().skip(from) {
        let blank = line.trim().is_empty();
        if !blank && indent_of(line) <= indent {
            break;
        }
        if !blank && indent < indent_of(line) {
            end = at + 1;
        }
    }
    end.min(lines.len())
}

#[cfg(test)]
mod tests;

//! Edits of files by commands. What people wrote, comments and order included, stays as it is.
//!
//! An edit inserts or replaces whole lines and is then read back: it is given out only if the file now says exactly
//! what was asked for, and refused where the file is written in a way that this cannot follow (a flow table, say).

mod document;

use model::TeamName;

use crate::place::Faults;
use crate::template::quote;
use crate::yaml::{self, Node, Value};
use crate::{ConfigError, Teams, teams};

pub use document::{NewOperation, add_operation};

/// Why a file was not edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("the file has faults already")]
    Faulty { errors: Vec<ConfigError> },
    #[error("team `{name}` exists already")]
    TeamExists { name: TeamName },
    #[error("`{field}` cannot be edited where it stands; write it on a line of its own")]
    Layout { field: String },
    #[error("the lines of the file end in different ways; let each end in LF, or each in CRLF")]
    LineEnds,
}

/// Adds a team without members to `teams.yaml`.
pub fn add_team(text: &str, name: &TeamName) -> Result<String, EditError> {
    let before = read_teams(text)?;
    if before.find(name).is_some() {
        return Err(EditError::TeamExists { name: name.clone() });
    }
    let layout = || EditError::Layout { field: "teams".to_owned() };
    let mut edited = Lines::of(text).ok_or(EditError::LineEnds)?;
    let lines = &mut edited.lines;
    let header = line_of_field(text, "teams").ok_or_else(layout)?;
    let line = lines.get(header).ok_or_else(layout)?.clone();
    let added = |indent: usize| format!("{:indent$}{}: {{ members: [] }}", "", quote(name.as_str()));
    let written = line.split('#').next().unwrap_or_default().trim_end().to_owned();
    if before.0.is_empty() {
        // `teams: {}` becomes a block; a comment behind it stays.
        let comment = line.split_once('#').map(|(_, comment)| format!(" #{comment}")).unwrap_or_default();
        if written.replace(' ', "") != "teams:{}" {
            return Err(layout());
        }
        *lines.get_mut(header).ok_or_else(layout)? = format!("teams:{comment}");
        lines.insert(header + 1, added(2));
    } else {
        if !written.ends_with(':') {
            return Err(layout());
        }
        let first = before.0.values().map(|team| team.line).min().ok_or_else(layout)?;
        let last = usize::try_from(before.0.values().map(|team| team.line).max().ok_or_else(layout)?)
            .map_err(|_| layout())?;
        let first = usize::try_from(first).ok().and_then(|line| lines.get(line.checked_sub(1)?));
        let indent = indent_of(first.ok_or_else(layout)?);
        let at = end_of_block(lines, last, indent);
        lines.insert(at, added(indent));
    }
    let edited = edited.text();
    let mut expected = before;
    expected.0.insert(name.clone(), teams::Team { members: std::collections::BTreeSet::new(), line: 0 });
    let after = read_teams(&edited).map_err(|_| layout())?;
    let same = after.0.len() == expected.0.len()
        && after
            .0
            .iter()
            .all(|(name, team)| expected.find(name).is_some_and(|expected| expected.members == team.members));
    if same { Ok(edited) } else { Err(layout()) }
}

/// Writes a field of `api.yaml` or `sallyport.yaml`, in place where it is there, else after the field `after` (or at
/// the end). `value` is YAML, on one line. What was behind the value as a comment stays.
pub fn set_field(text: &str, field: &str, value: &str, after: &str) -> Result<String, EditError> {
    let layout = || EditError::Layout { field: field.to_owned() };
    if value.trim().is_empty() || value.contains(['\n', '\r', '#']) {
        return Err(layout());
    }
    let before = read_node(text)?;
    let mut edited = Lines::of(text).ok_or(EditError::LineEnds)?;
    let lines = &mut edited.lines;
    match line_of_field(text, field) {
        Some(at) => {
            if before_is_long(&before, field) {
                return Err(layout());
            }
            let line = lines.get_mut(at).ok_or_else(layout)?;
            let comment =
                line.find(" #").and_then(|at| line.get(at..)).unwrap_or_default().trim_start().to_owned();
            let plain = format!("{field}: {value}");
            *line = if comment.is_empty() { plain } else { format!("{plain:31} {comment}") };
        }
        None => {
            let at = line_of_field(text, after).map_or(lines.len(), |line| end_of_block(lines, line + 1, 0));
            lines.insert(at, format!("{field}: {value}"));
        }
    }
    let edited = edited.text();
    let after = read_node(&edited).map_err(|_| layout())?;
    if same_but(&before, &after, field) && says(&after, field, value) { Ok(edited) } else { Err(layout()) }
}

fn read_teams(text: &str) -> Result<Teams, EditError> {
    let mut faults = Faults::of("teams.yaml");
    let teams = teams::read::read(text.as_bytes(), &mut faults);
    match (teams, faults.into_parts().0) {
        (Some(teams), errors) if errors.is_empty() => Ok(teams),
        (_, errors) => Err(EditError::Faulty { errors }),
    }
}

fn read_node(text: &str) -> Result<Node, EditError> {
    let mut faults = Faults::of("api.yaml");
    match yaml::parse(text.as_bytes(), &mut faults) {
        Some(node) if matches!(node.value, Value::Table(_)) => Ok(node),
        Some(_) | None => Err(EditError::Faulty { errors: faults.into_parts().0 }),
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
fn before_is_long(node: &Node, field: &str) -> bool {
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
    let node = read_node(text).ok()?;
    let line = entry(&node, field)?.place.line;
    usize::try_from(line).ok()?.checked_sub(1)
}

/// The lines of a text, and how each ends.
struct Lines {
    lines: Vec<String>,
    ending: &'static str,
}

impl Lines {
    /// None where lines end in different ways.
    fn of(text: &str) -> Option<Self> {
        let (all, long) = (text.matches(['\r', '\n']).count(), text.matches("\r\n").count());
        let ending = match long {
            0 if !text.contains('\r') => "\n",
            1.. if all == 2 * long => "\r\n",
            _ => return None,
        };
        Some(Self { lines: text.lines().map(str::to_owned).collect(), ending })
    }

    /// The text, whose last line now ends as the others do.
    fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line.as_str(), self.ending]).collect()
    }
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

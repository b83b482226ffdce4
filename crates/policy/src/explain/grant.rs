//! The smallest grant: one client, one operation, an end, and nothing that has to be filled in.
//!
//! Where policies of the operation look at a path parameter, the grant is for that object alone: a grant without the
//! condition would pass by the very rule that was missed.

use std::collections::BTreeSet;
use std::time::Duration;

use catalog::ParameterValue;
use model::{OperationId, TeamName, Timestamp};

use crate::schema::quoted;

/// How long a suggested grant lasts.
const DAYS: u64 = 90;
/// As much of a client's name as is taken into the suggested id.
const CLIENT_BYTES_MAX: usize = 64;
/// The longest suggested id; the model's limit leaves room for a number after it.
const ID_BYTES_MAX: usize = 112;

/// Whom a grant is for.
pub(super) struct Grantee<'a> {
    /// The type in the schema.
    pub kind: &'static str,
    pub name: &'a str,
    pub team: Option<&'a TeamName>,
}

pub(super) fn text(
    grantee: &Grantee<'_>,
    operation: &OperationId,
    conditions: &[String],
    now: Timestamp,
    taken: &BTreeSet<&str>,
) -> String {
    let name = grantee.name;
    let owner = grantee.team.map(|team| format!("@owner({})\n", quoted(team.as_str()))).unwrap_or_default();
    let end = now.plus(Duration::from_secs(DAYS * 86_400)).to_string();
    let day = end.split_once('T').map_or(end.as_str(), |(day, _)| day);
    format!(
        "@id({id})\n{owner}@reason({reason})\n@expires({day})\npermit (\n  principal == {kind}::{name},\n  \
         action == Action::{action},\n  resource == Api::{api}\n){when};\n",
        id = quoted(&unused_id(name, operation.as_str(), taken)),
        kind = grantee.kind,
        reason = quoted(&format!("{name} calls {operation}")),
        day = quoted(day),
        name = quoted(name),
        action = quoted(operation.as_str()),
        api = quoted(operation.api()),
        when = when(conditions),
    )
}

/// `context.params.customerId == "43"`.
pub(super) fn condition(name: &str, value: &ParameterValue<'_>) -> String {
    let literal = match value {
        ParameterValue::Bool(value) => value.to_string(),
        ParameterValue::Long(value) => value.to_string(),
        ParameterValue::String(value) => quoted(value),
    };
    let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
        && !name.starts_with(|character: char| character.is_ascii_digit());
    if plain {
        return format!("context.params.{name} == {literal}");
    }
    format!("context.params[{}] == {literal}", quoted(name))
}

fn when(conditions: &[String]) -> String {
    if conditions.is_empty() {
        return String::new();
    }
    format!(" when {{\n  {}\n}}", conditions.join(" &&\n  "))
}

/// `grant.shop.orders-get-orders-id`, with a number where that is taken.
fn unused_id(client: &str, operation: &str, taken: &BTreeSet<&str>) -> String {
    let plain = client.chars().map(|character| match character {
        plain if plain.is_ascii_alphanumeric() || matches!(plain, '-' | '_' | '.') => plain,
        _ => '-',
    });
    let mut id = format!("grant.{}.", plain.take(CLIENT_BYTES_MAX).collect::<String>());
    for character in operation.chars() {
        match character.to_ascii_lowercase() {
            plain if plain.is_ascii_alphanumeric() => id.push(plain),
            _ if id.ends_with(['-', '.']) => {}
            _ => id.push('-'),
        }
        if ID_BYTES_MAX <= id.len() {
            break;
        }
    }
    let id = id.trim_end_matches(['-', '.']).to_owned();
    if !taken.contains(id.as_str()) {
        return id;
    }
    (2_u32..).map(|number| format!("{id}-{number}")).find(|id| !taken.contains(id.as_str())).unwrap_or(id)
}

//! Reads `teams.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use model::{PersonName, TeamName};

use super::{Team, Teams};
use crate::fields::{self, Fields};
use crate::place::{Faults, Place};
use crate::yaml::{self, Node};

/// Bounds what every revision carries.
const TEAMS_MAX: usize = 10_000;

pub(crate) fn read(bytes: &[u8], faults: &mut Faults) -> Option<Teams> {
    let node = yaml::parse(bytes, faults)?;
    let fields = fields::file(&node, &["teams", "version"], faults)?;
    let fix = "write `teams:` and below it one `NAME: { members: [] }` a line";
    let entries = fields::table(fields.need("teams", fix, faults)?, "`teams`", faults)?;
    fields::note_doubled(entries, faults);
    if TEAMS_MAX < entries.len() {
        faults.add(
            fields.place("teams"),
            "there are over 10000 teams",
            "remove those without applications and APIs",
        );
        return None;
    }
    let mut teams = BTreeMap::new();
    for entry in entries {
        let members = members(&entry.node, faults);
        match TeamName::parse(&entry.key) {
            Ok(name) => {
                let members = members.unwrap_or_default();
                teams.insert(name, Team { members, line: entry.place.line });
            }
            Err(fault) => faults.add(entry.place, fault.to_string(), "choose another name"),
        }
    }
    Some(Teams(teams))
}

fn members(node: &Node, faults: &mut Faults) -> Option<BTreeSet<PersonName>> {
    let fields = Fields::of(node, "a team", &["members"], faults)?;
    let names = fields.or("members", Vec::new(), faults, |node, faults| {
        fields::each(node, "members", faults, |item, faults| {
            fields::parsed(
                item,
                "members",
                "write a name such as ada or ada@example.com",
                faults,
                PersonName::parse,
            )
        })
    })?;
    Some(names.into_iter().collect())
}

/// Where the file as a whole is missing.
pub(crate) fn missing(faults: &mut Faults) {
    faults.add(
        Place::WHOLE,
        "the file is missing",
        "run `sallyport team create NAME`, or write `version: 1` and `teams: {}`",
    );
}

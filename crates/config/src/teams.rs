//! `teams.yaml`: teams and their members.

pub(crate) mod read;

use std::collections::{BTreeMap, BTreeSet};

use model::{PersonName, TeamName};

/// All teams by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Teams(pub BTreeMap<TeamName, Team>);

/// One team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    pub members: BTreeSet<PersonName>,
    /// Line in `teams.yaml` where the team is written.
    pub line: u32,
}

impl Teams {
    /// Finds a team.
    #[must_use]
    pub fn find(&self, name: &TeamName) -> Option<&Team> {
        self.0.get(name)
    }
}

//! Probes and metrics: how the gateway is, without naming anyone.

use model::RevisionNumber;
use serde::Serialize;

use crate::{Control, endings, expiries};

/// What `/readyz` says.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    /// Requests are decided. True without any valid revision as well: denying is a working state.
    pub ready: bool,
    pub revision: u64,
    /// Whether the files as they are now are in force.
    pub files_in_force: bool,
    /// What an operator should look at.
    pub reasons: Vec<String>,
}

impl Control {
    /// How the gateway is. Reasons name files and faults, never secrets.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let revision = self.live.load().names().revision;
        let health = self.recorder().health();
        let state = self.state();
        let mut reasons: Vec<String> = state.refused().iter().map(ToString::to_string).collect();
        if revision == RevisionNumber::NONE {
            reasons
                .push("no_revision: no valid revision has been loaded; every request is denied".to_owned());
        } else if !self.live.load().grants_anything() {
            reasons.push("no grants: no policy permits anything, so every request is denied".to_owned());
        }
        reasons.extend(health.continued.map(|what| format!("a log was removed or rolled back: {what}")));
        reasons.extend(health.fault.map(|fault| format!("the log takes no entries: {fault}")));
        reasons.extend(state.owed.reasons());
        reasons.extend(state.blocks.fault());
        let endings = self.endings(&state, self.now()).unwrap_or_default();
        reasons.extend(endings.iter().filter_map(|ending| ending.warning(self.now())));
        reasons.extend(self.ending_grants());
        reasons.extend(state.tls.warnings(self.now()).iter().map(ToString::to_string));
        if let Some(loaded) = &state.loaded {
            reasons.extend(self.tls.waiting(&loaded.repository).iter().map(ToString::to_string));
        }
        Readiness { ready: true, revision: revision.0, files_in_force: state.refused().is_empty(), reasons }
    }

    /// Grants that have ended, and those that will soon.
    pub(crate) fn ending_grants(&self) -> Vec<String> {
        let snapshot = self.live.load();
        let policies = snapshot.0.revision.policies.as_ref();
        policies.map(|policies| expiries::lines(policies, self.now())).unwrap_or_default()
    }

    /// Prometheus' text format: the recorder's counters and those of the control side.
    #[must_use]
    pub fn metrics(&self) -> String {
        let mut text = self.recorder().metrics();
        let names = self.live.load().names();
        let (in_force, blocks) = {
            let state = self.state();
            (u8::from(state.refused().is_empty()), state.blocks.len() as u64)
        };
        let rows = [
            ("sallyport_revision", "Serial number of the revision in force", names.revision.0),
            ("sallyport_keys_version", "Version of the key table", names.keys),
            ("sallyport_blocks", "Blocks that are in force", blocks),
            ("sallyport_stops_sequence", "Sequence of the last stop", names.stops),
            (
                "sallyport_config_last_reload_successful",
                "Whether the files are in force",
                u64::from(in_force),
            ),
        ];
        let ends = self.state().tls.ends();
        if !ends.is_empty() {
            let name = "sallyport_certificate_ends_seconds";
            text.push_str(&format!(
                "# HELP {name} Last second of a certificate, since 1970\n# TYPE {name} gauge\n"
            ));
            for (file, ends) in ends {
                let file = file.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                text.push_str(&format!("{name}{{file=\"{file}\"}} {ends}\n"));
            }
        }
        let endings = self.endings(&self.state(), self.now()).unwrap_or_default();
        text.push_str(&endings::metric(&endings));
        let counts = self.inventory_counts();
        for (name, help, value) in [
            ("sallyport_inventory_exchanges_total", "Requests that the inventory has counted", counts.seen),
            ("sallyport_inventory_lost_total", "Requests that found no room on their way to it", counts.lost),
        ] {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n"));
        }
        for (name, help, value) in rows {
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"));
        }
        text
    }
}

//! `bench/recorded.json`: the figures that a change is judged against.

use std::collections::BTreeMap;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::shell;

/// How much a figure may grow before somebody has to say why.
pub(super) const GROWTH_MAX: f64 = 0.05;

const PATH: &str = "bench/recorded.json";

/// Figures per request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figure {
    /// User-space instructions, without those of hashes, checksums and signatures.
    pub(super) instructions: f64,
    pub(super) system_calls: f64,
    /// Calls into the functions that are left out.
    pub(super) hash_calls: f64,
    pub(super) checksum_calls: f64,
    pub(super) signature_calls: f64,
}

impl Figure {
    /// Each figure with its name and how much it may be above the recorded one whatever the growth: noise of
    /// timers, which are counted too.
    fn parts(&self) -> [(&'static str, f64, f64); 5] {
        [
            ("instructions", self.instructions, 0.0),
            ("system calls", self.system_calls, 0.05),
            ("calls of hashes", self.hash_calls, 0.1),
            ("calls of checksums", self.checksum_calls, 0.1),
            ("calls of signatures", self.signature_calls, 0.1),
        ]
    }
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recorded {
    pub(super) version: u32,
    /// By scenario.
    pub(super) sallyport: BTreeMap<String, Figure>,
    /// The peer in the same run, to see what a ratio was made of; never judged.
    pub(super) nginx: BTreeMap<String, Figure>,
}

impl Recorded {
    pub(super) fn read() -> anyhow::Result<Self> {
        let path = shell::root()?.join(PATH);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{PATH}`; `cargo xtask bench gate --record` writes it"))?;
        let recorded: Self = serde_json::from_str(&text).with_context(|| format!("cannot read `{PATH}`"))?;
        anyhow::ensure!(recorded.version == 1, "`{PATH}` has version {}, not 1", recorded.version);
        Ok(recorded)
    }

    /// Writes these figures over those of the same scenarios and keeps the others.
    pub(super) fn merge_into_file(&self) -> anyhow::Result<()> {
        let mut all = Self::read().unwrap_or_default();
        all.version = 1;
        all.sallyport.extend(self.sallyport.clone());
        all.nginx.extend(self.nginx.clone());
        let path = shell::root()?.join(PATH);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).context("cannot make the folder `bench`")?;
        }
        let text = serde_json::to_string_pretty(&all).context("cannot write figures as JSON")?;
        std::fs::write(&path, text + "\n").with_context(|| format!("cannot write `{PATH}`"))
    }

    /// Takes each figure of `other` that is lower.
    pub(super) fn keep_lower(&mut self, other: &Self) {
        for (scenario, figure) in &other.sallyport {
            let kept = self.sallyport.entry(scenario.clone()).or_insert_with(|| figure.clone());
            kept.instructions = kept.instructions.min(figure.instructions);
            kept.system_calls = kept.system_calls.min(figure.system_calls);
            kept.hash_calls = kept.hash_calls.min(figure.hash_calls);
            kept.checksum_calls = kept.checksum_calls.min(figure.checksum_calls);
            kept.signature_calls = kept.signature_calls.min(figure.signature_calls);
        }
    }

    /// What `measured` has that is worse than this, one sentence each.
    pub(super) fn complaints(&self, measured: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (scenario, figure) in &measured.sallyport {
            let Some(recorded) = self.sallyport.get(scenario) else {
                found.push(format!("{scenario}: nothing is recorded in {PATH}"));
                continue;
            };
            for ((name, now, noise), (_, then, _)) in figure.parts().into_iter().zip(recorded.parts()) {
                // Written so that a figure that is not a number complains too.
                let fine = now <= then * (1.0 + GROWTH_MAX) + noise;
                if !fine {
                    let growth = if then == 0.0 {
                        String::new()
                    } else {
                        format!(" ({:+.1} %)", (now / then - 1.0) * 100.0)
                    };
                    found.push(format!(
                        "{scenario}: {name} per request grew from {then:.2} to {now:.2}{growth}"
                    ));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(instructions: f64, system_calls: f64, signature_calls: f64) -> Recorded {
        let figure = Figure { instructions, system_calls, signature_calls, ..Figure::default() };
        Recorded {
            version: 1,
            sallyport: BTreeMap::from([("whole-path".into(), figure)]),
            nginx: BTreeMap::new(),
        }
    }

    fn complaints(now: &Recorded) -> usize {
        recorded(10_000.0, 4.2, 0.0).complaints(now).len()
    }

    #[test]
    fn accepts_the_same_less_and_up_to_five_percent_more() {
        for instructions in [5_000.0, 10_000.0, 10_499.0] {
            assert_eq!(complaints(&recorded(instructions, 4.2, 0.0)), 0, "{instructions}");
        }
    }

    #[test]
    fn keeps_the_lower_of_two_measurements() {
        let mut measured = recorded(10_000.0, 4.9, 0.0);
        measured.keep_lower(&recorded(11_000.0, 4.2, 0.0));
        assert_eq!(measured, recorded(10_000.0, 4.2, 0.0));
    }

    #[test]
    fn complains_about_each_figure_that_grew() {
        assert_eq!(complaints(&recorded(10_501.0, 4.2, 0.0)), 1);
        assert_eq!(complaints(&recorded(10_000.0, 4.5, 0.0)), 1);
        assert_eq!(complaints(&recorded(10_000.0, 4.2, 1.0)), 1);
        assert_eq!(complaints(&recorded(f64::NAN, 4.2, 0.0)), 1);
    }

    #[test]
    fn complains_about_a_scenario_that_was_never_recorded() {
        let empty = Recorded { version: 1, ..Recorded::default() };
        assert_eq!(empty.complaints(&recorded(1.0, 1.0, 0.0)).len(), 1);
    }
}

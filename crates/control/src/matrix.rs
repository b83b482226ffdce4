//! `policy matrix`: callers and operations, what is granted, what is used, and where the two differ.

use std::collections::{BTreeMap, BTreeSet};

use model::Verdict;
use policy::ReachDecision;
use serde::Serialize;

use crate::actor::{Actor, Needs};
use crate::callers::Who;
use crate::reading::policies_of;
use crate::usage::{UsageOrder, day_text};
use crate::{Control, ControlError};

/// The most cells that are looked at: callers times operations.
const CELLS_MAX: usize = 2_000_000;

/// One caller and operation with something to say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixCell {
    pub operation: String,
    /// `always`, `conditional` or `never`: what the policies in force grant, narrowed by the scopes of keys.
    pub granted: &'static str,
    /// Calls that passed.
    pub calls: u64,
    /// Calls that were refused.
    pub refused: u64,
}

/// A caller's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixRow {
    pub caller: String,
    pub team: Option<String>,
    /// Operations that it is granted or called, in the order of the operations.
    pub cells: Vec<MatrixCell>,
}

/// The whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matrix {
    pub from: String,
    pub revision: u64,
    /// All operations that are declared, by API.
    pub operations: Vec<String>,
    /// Callers with a cell, by name.
    pub rows: Vec<MatrixRow>,
    /// Known callers that are granted nothing and called nothing.
    pub idle: Vec<String>,
}

impl Control {
    /// What each known caller is granted by the policies in force and what it called in a span.
    pub fn matrix(&self, actor: &Actor, order: &UsageOrder) -> Result<Matrix, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        let used = self.used_by_callers(order)?;
        let snapshot = self.live.load().0;
        let policies = policies_of(&snapshot)?;
        let catalog = &snapshot.revision.catalog;
        let now = self.now();
        let is_asked = |id: &str| order.api().is_none_or(|api| id.starts_with(&format!("{api}:")));
        let mut operations: Vec<_> =
            catalog.operations().iter().filter(|operation| is_asked(operation.id.as_str())).collect();
        operations.sort_by_cached_key(|operation| {
            (operation.id.api().to_owned(), operation.template.to_string(), operation.method)
        });
        let known: Vec<_> = self
            .known_callers(&[policies])?
            .into_iter()
            .filter(|caller| matches!(caller.who, Who::Client(..)))
            .collect();
        if CELLS_MAX < known.len().saturating_mul(operations.len()) {
            return Err(ControlError::invalid(
                format!("{} callers and {} operations are too many to show", known.len(), operations.len()),
                "name one API with --api, or ask `policy what-can` and `policy who-can`",
            ));
        }
        let mut rows = Vec::new();
        let mut idle = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for caller in &known {
            seen.insert(&caller.label);
            let mut reaches = policies.reaches(caller.whom(), now);
            let calls = used.get(&caller.label);
            let cells = operations.iter().filter_map(|operation| {
                let index = catalog.by_id(operation.id.as_str())?;
                let (granted, _) = caller.narrowed(reaches.to(index).decision, operation);
                cell(operation.id.as_str(), granted, calls)
            });
            let cells: Vec<MatrixCell> = cells.collect();
            if cells.is_empty() {
                idle.push(caller.label.clone());
                continue;
            }
            let team = caller.team().map(ToString::to_string);
            rows.push(MatrixRow { caller: caller.label.clone(), team, cells });
        }
        for (label, calls) in used.iter().filter(|(label, _)| !seen.contains(label.as_str())) {
            let cells = operations
                .iter()
                .filter_map(|operation| cell(operation.id.as_str(), ReachDecision::Never, Some(calls)));
            rows.push(MatrixRow { caller: label.clone(), team: None, cells: cells.collect() });
        }
        rows.retain(|row| !row.cells.is_empty());
        Ok(Matrix {
            from: day_text(order.days(now).0),
            revision: snapshot.revision.number.0,
            operations: operations.iter().map(|operation| operation.id.to_string()).collect(),
            rows,
            idle,
        })
    }

    /// Calls that passed and calls that were refused, by caller and operation.
    fn used_by_callers(&self, order: &UsageOrder) -> Result<Used, ControlError> {
        let usage = self.usage_of(order)?;
        let mut used = Used::new();
        for row in usage.rows().iter().filter(|row| !row.facts.operation.is_empty()) {
            let of_caller = used.entry(row.facts.caller.clone()).or_default();
            let counts = of_caller.entry(row.facts.operation.clone()).or_default();
            match Verdict::parse(&row.facts.verdict) {
                Some(Verdict::Allowed | Verdict::WouldDeny | Verdict::WouldStepUp) => {
                    counts.0 += row.counts.calls;
                }
                Some(Verdict::Denied | Verdict::SteppedUp) | None => counts.1 += row.counts.calls,
            }
        }
        Ok(used)
    }
}

/// Calls that passed and calls that were refused, by caller and operation.
type Used = BTreeMap<String, BTreeMap<String, (u64, u64)>>;

fn cell(
    operation: &str,
    granted: ReachDecision,
    calls: Option<&BTreeMap<String, (u64, u64)>>,
) -> Option<MatrixCell> {
    let (passed, refused) = calls.and_then(|calls| calls.get(operation)).copied().unwrap_or_default();
    (granted != ReachDecision::Never || 0 < passed || 0 < refused).then(|| MatrixCell {
        operation: operation.to_owned(),
        granted: granted.as_str(),
        calls: passed,
        refused,
    })
}

//! The whole path with one dimension at a time made small and large.

use anyhow::Context as _;

use super::table;
use crate::bench::directory::Size;
use crate::bench::gate;
use crate::bench::scenario::Scenario;

pub(super) fn measure() -> anyhow::Result<String> {
    // What is not varied is as in the gate, so that a row takes minutes.
    let base = Size::GATE;
    let mut sizes = Vec::new();
    for keys in [100, 10_000, 1_000_000] {
        sizes.push((format!("{keys} keys"), Size { keys, ..base }));
    }
    for operations in [10, 1_000, 10_000] {
        sizes.push((format!("{operations} operations"), Size { operations, ..base }));
    }
    for policies in [10, 1_000, 10_000] {
        // Each permit names an operation of its own.
        sizes.push((format!("{policies} policies"), Size { policies, operations: 10_000, ..base }));
    }
    let mut rows = Vec::new();
    for (name, size) in sizes {
        let counted = gate::measure_gateway(Scenario::WholePath, size).with_context(|| name.clone())?;
        rows.push(vec![name, format!("{:.0}", counted.instructions), format!("{:.2}", counted.system_calls)]);
    }
    Ok(format!(
        "{}\nBeside what a row names: {} keys, {} operations (10000 where policies are varied), {} policies.\n",
        table(&["growth of the whole path", "instructions", "system calls"], &rows),
        base.keys,
        base.operations,
        base.policies
    ))
}

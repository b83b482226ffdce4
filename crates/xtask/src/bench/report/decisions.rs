//! What finding an operation and deciding cost by themselves, as `crates/enforce/examples/decision_cost.rs` tells.

use std::collections::HashMap;
use std::process::Command;

use anyhow::Context as _;

use super::table;
use crate::shell;

/// What the example prints, how it is shown, and what the design asks for.
const ROWS: [(&str, &str, &str); 10] = [
    ("find", "finding one of 10,000 operations, hot ones more often", "500 / 200"),
    ("remembered 1", "a decision that is remembered, slice of 1 permit and 20 guards", "500 / 200"),
    ("remembered 10", "the same, 10 permits", "500 / 200"),
    ("remembered 100", "the same, 100 permits", "500 / 200"),
    ("anew 1", "a decision made anew, slice of 1 permit and 20 guards: median", ""),
    ("anew p99 1", "the 99th of a hundred", "30,000 / 20,000"),
    ("anew 10", "10 permits: median", ""),
    ("anew p99 10", "the 99th of a hundred", "30,000 / 20,000"),
    ("anew 100", "100 permits: median", ""),
    ("anew p99 100", "the 99th of a hundred", "30,000 / 20,000"),
];

pub(super) fn measure() -> anyhow::Result<String> {
    // With the program, so that what both use is compiled in one way.
    let packages = ["--package", "enforce", "--package", "sallyport"];
    let build = ["build", "--release", "--locked", "--example", "decision_cost"];
    shell::run(&mut shell::cargo(&[&build[..], &packages[..]].concat())?)?;
    let printed = shell::output(&mut Command::new(shell::target()?.join("release/examples/decision_cost")))?;
    let figures = figures(&printed);
    let row = |(key, what, targets): (&str, &str, &str)| {
        let figure = figures.get(key).with_context(|| format!("the example prints no `{key}`"))?;
        Ok(vec![what.to_owned(), format!("**{figure}**"), targets.to_owned()])
    };
    let rows = ROWS.into_iter().map(row).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(table(&["by itself", "ns", "must / aim"], &rows))
}

/// The figures by their names, of lines that hold a name, a tab and a number.
fn figures(printed: &str) -> HashMap<&str, u64> {
    let lines = printed.lines().filter_map(|line| line.split_once('\t'));
    lines.filter_map(|(name, figure)| Some((name, figure.parse().ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_figures_and_nothing_else() {
        let read = figures("note\nfind\t49\nanew p99 1\t104\nanew\tmany\n");
        assert_eq!(read, HashMap::from([("find", 49), ("anew p99 1", 104)]));
    }
}

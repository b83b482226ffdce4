//! `policy`: cases against policies with the reports that CI reads, and what policies say.

mod advice;
mod junit;
mod matrix;
mod reading;
mod sarif;

use std::path::Path;

use anyhow::Context as _;
use control::cases::{CaseReport, CaseView, Coverage, run_cases};
use control::files;
use serde_json::json;

use super::Verdict;
use crate::cli::{Global, PolicyCommand, TestArguments};
use crate::output::{Format, Output, Tone, printable, render_table};
use crate::reach;

/// The most names that a line of the coverage lists.
const NAMED_MAX: usize = 10;

pub(super) async fn run(global: &Global, command: &PolicyCommand, output: Output) -> anyhow::Result<Verdict> {
    match command {
        PolicyCommand::Matrix(arguments) => {
            matrix::run(&reach::client(global).await?, arguments, output).await
        }
        PolicyCommand::Replay(arguments) => {
            advice::replay(&reach::client(global).await?, arguments, output).await
        }
        PolicyCommand::Suggest(arguments) => {
            advice::suggest(&reach::client(global).await?, arguments, output).await
        }
        PolicyCommand::Test(arguments) if arguments.update => {
            advice::record_cases(&reach::client(global).await?, arguments, output).await
        }
        PolicyCommand::Test(arguments) => test(&global.dir, arguments, output),
        PolicyCommand::Explain { rule } => {
            reading::explain(&reach::client(global).await?, rule, output).await
        }
        PolicyCommand::WhoCan { operation, url } => {
            reading::who_can(&reach::client(global).await?, operation, url.as_deref(), output).await
        }
        PolicyCommand::WhatCan { caller } => {
            reading::what_can(&reach::client(global).await?, caller, output).await
        }
    }
}

fn test(folder: &Path, arguments: &TestArguments, output: Output) -> anyhow::Result<Verdict> {
    let mut report = run_cases(&files::read_all(folder)?)?;
    if let Some(only) = &arguments.only {
        report.cases.retain(|case| case.name.contains(only.as_str()) || case.file.contains(only.as_str()));
    }
    if report.cases.is_empty() {
        // A run that tried nothing must not look like one in which everything held.
        anyhow::bail!(match &arguments.only {
            Some(only) => format!("no case's name or file holds `{only}`"),
            None =>
                "there are no cases; `sallyport policy test --help` shows one to put into tests/NAME.yaml"
                    .to_owned(),
        });
    }
    if let Some(path) = &arguments.junit {
        write(path, &junit::text(&report))?;
    }
    if let Some(path) = &arguments.sarif {
        write(path, &format!("{:#}\n", sarif::log(&report)))?;
    }
    match output.format {
        Format::Json => print_json(&report, arguments, output)?,
        Format::Human => print_human(&report, arguments, output)?,
    }
    let complete = report.coverage.unhit.is_empty() && report.coverage.unasked.is_empty();
    let held = report.failed() == 0 && (complete || !arguments.complete);
    Ok(if held { Verdict::Done } else { Verdict::No })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// One object per case, and one with the coverage of all of them.
fn print_json(report: &CaseReport, arguments: &TestArguments, output: Output) -> anyhow::Result<()> {
    for case in &report.cases {
        output.json(&serde_json::to_value(case)?)?;
    }
    if arguments.only.is_none() {
        output.json(&json!({ "coverage": report.coverage }))?;
    }
    Ok(())
}

fn print_human(report: &CaseReport, arguments: &TestArguments, output: Output) -> anyhow::Result<()> {
    let shown = report.cases.iter().filter(|case| arguments.all || !case.passed);
    let rows: Vec<Vec<String>> = shown.map(row).collect();
    if !rows.is_empty() {
        output.line(&render_table(&["", "case", "what came of it"], rows))?;
        output.line("")?;
    }
    let failed = report.failed();
    let counted = match report.cases.len() {
        1 => "1 case".to_owned(),
        count => format!("{count} cases"),
    };
    output.line(&match failed {
        0 => format!("{}, {}", counted, output.tone(Tone::Good, "all as expected")),
        failed => format!("{counted}, {}", output.tone(Tone::Bad, &format!("{failed} failed"))),
    })?;
    if arguments.only.is_none() {
        for line in coverage_lines(&report.coverage) {
            output.line(&printable(&line))?;
        }
    }
    Ok(())
}

fn row(case: &CaseView) -> Vec<String> {
    let mark = if case.passed { "ok" } else { "FAILED" };
    let told = match case.passed {
        true => match case.reason {
            Some(reason) => format!("{} ({reason})", case.got),
            None => format!("{} by {}", case.got, case.by.join(", ")),
        },
        false => failure(case),
    };
    let name = format!("{}\n{}:{}", case.name, case.file, case.line);
    vec![mark.to_owned(), name, told]
}

/// What differs, and where to look.
fn failure(case: &CaseView) -> String {
    let mut told = case.difference.clone();
    if let Some(nearest) = case.nearest.as_ref().filter(|_| case.got != "allow") {
        told.push_str(&format!("\nnearest rule: {nearest}"));
        if let Some(unmet) = &case.unmet {
            told.push_str(&format!("\nits first unmet condition: {unmet}"));
        }
    } else if !case.by.is_empty() {
        told.push_str(&format!("\ndecided by {}", case.by.join(", ")));
    }
    told
}

fn coverage_lines(coverage: &Coverage) -> Vec<String> {
    let Coverage { rules, rules_hit, operations, operations_asked, unhit, unasked, ungranted } = coverage;
    let mut lines = vec![
        format!("rules that hold in some case: {rules_hit} of {rules}"),
        format!("operations that a case asks about: {operations_asked} of {operations}"),
    ];
    let named: Vec<String> =
        unhit.iter().map(|rule| format!("{} ({}:{})", rule.id, rule.file, rule.line)).collect();
    lines.extend(listed("in no case", &named));
    lines.extend(listed("not asked about", unasked));
    lines.extend(listed("granted to nobody", ungranted));
    lines
}

fn listed(title: &str, names: &[String]) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    let shown: Vec<&str> = names.iter().take(NAMED_MAX).map(String::as_str).collect();
    let more = match names.len().checked_sub(NAMED_MAX) {
        Some(more @ 1..) => format!(", and {more} more (--json has all)"),
        Some(0) | None => String::new(),
    };
    Some(format!("  {title}: {}{more}", shown.join(", ")))
}

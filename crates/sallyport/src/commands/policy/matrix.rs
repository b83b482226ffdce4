//! `policy matrix`: callers by operations, for a terminal and as one page.

mod page;

use std::collections::BTreeMap;

use anyhow::Context as _;
use axum::http::Method;
use serde_json::Value;

use super::super::{Verdict, items, text};
use crate::cli::MatrixArguments;
use crate::client::Client;
use crate::output::{Format, Output, printable};

/// Callers side by side in a terminal.
const CALLERS_ABREAST: usize = 24;
/// The longest operation that a line shows.
const OPERATION_COLUMNS: usize = 60;

/// What a cell says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Granted, always or under conditions, and used.
    Both {
        always: bool,
    },
    /// Granted and not used.
    Granted {
        always: bool,
    },
    Nothing,
    /// Tried and refused.
    Refused,
    /// Passed without a grant, because the API is observed.
    Used,
}

impl Kind {
    fn of(cell: &Value) -> Self {
        let figure = |name: &str| cell.get(name).and_then(Value::as_u64).unwrap_or(0);
        let granted = text(cell, "granted");
        match (granted.as_str(), figure("calls"), figure("refused")) {
            ("never", 1.., _) => Self::Used,
            ("never", 0, 1..) => Self::Refused,
            ("never", 0, 0) => Self::Nothing,
            (granted, 0, _) => Self::Granted { always: granted == "always" },
            (granted, _, _) => Self::Both { always: granted == "always" },
        }
    }

    const fn mark(self) -> &'static str {
        match self {
            Self::Both { always: true } => "●",
            Self::Both { always: false } => "◐",
            Self::Granted { always: true } => "○",
            Self::Granted { always: false } => "◌",
            Self::Nothing => "·",
            Self::Refused => "×",
            Self::Used => "!",
        }
    }
}

const LEGEND: &str = "● granted and used   ◐ the same, under conditions   ○ granted, not used   ◌ the same, under conditions\n\
                      ! used without a grant (observed)   × refused   · neither";

pub(super) async fn run(
    client: &Client,
    arguments: &MatrixArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    let path = format!("/v1/policy/matrix?{}", arguments.span.query().join("&"));
    let matrix = client.ask(Method::GET, &path, None).await?;
    if let Some(file) = &arguments.html {
        std::fs::write(file, page::html(&matrix)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        output.note(&format!("written to {}", file.display()));
        return Ok(Verdict::Done);
    }
    match output.format {
        Format::Json => items(&matrix, "rows").iter().try_for_each(|row| output.json(row))?,
        Format::Human => output.line(&printable(&grid(&matrix)))?,
    }
    Ok(Verdict::Done)
}

/// The cells of each caller by operation.
fn cells(row: &Value) -> BTreeMap<&str, &Value> {
    items(row, "cells")
        .iter()
        .filter_map(|cell| Some((cell.get("operation").and_then(Value::as_str)?, cell)))
        .collect()
}

fn grid(matrix: &Value) -> String {
    let rows = items(matrix, "rows");
    if rows.is_empty() {
        return "nobody is granted anything, and nobody called".to_owned();
    }
    let mut lines =
        vec![format!("revision {}, calls since {}", text(matrix, "revision"), text(matrix, "from"))];
    for (place, some) in rows.chunks(CALLERS_ABREAST).enumerate() {
        lines.push(String::new());
        let first = place * CALLERS_ABREAST + 1;
        for (number, row) in (first..).zip(some) {
            let team = text(row, "team");
            let team = if team.is_empty() { String::new() } else { format!("  ({team})") };
            lines.push(format!("{number:>4} {}{team}", text(row, "caller")));
        }
        lines.push(String::new());
        let numbers: String = (first..).zip(some).map(|(number, _)| format!("{number:>4}")).collect();
        lines.push(format!("{:OPERATION_COLUMNS$}{numbers}", ""));
        let by_caller: Vec<BTreeMap<&str, &Value>> = some.iter().map(cells).collect();
        for operation in items(matrix, "operations").iter().filter_map(Value::as_str) {
            let kinds: Vec<Kind> = by_caller
                .iter()
                .map(|cells| cells.get(operation).map_or(Kind::Nothing, |cell| Kind::of(cell)))
                .collect();
            if kinds.iter().all(|kind| *kind == Kind::Nothing) {
                continue;
            }
            let marks: String = kinds.iter().map(|kind| format!("   {}", kind.mark())).collect();
            lines.push(format!("{:OPERATION_COLUMNS$}{marks}", shortened(operation)));
        }
    }
    let idle = items(matrix, "idle").len();
    if 0 < idle {
        lines.push(format!("\n{idle} more callers are granted nothing and called nothing"));
    }
    lines.push(format!("\n{LEGEND}"));
    lines.join("\n")
}

/// An operation that fits its column.
fn shortened(operation: &str) -> String {
    if operation.chars().count() < OPERATION_COLUMNS {
        return operation.to_owned();
    }
    let kept: String = operation.chars().take(OPERATION_COLUMNS - 2).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matrix() -> Value {
        let cell = |operation: &str, granted: &str, calls: u64, refused: u64| json!({ "operation": operation, "granted": granted, "calls": calls, "refused": refused });
        json!({
            "from": "2026-10-28", "revision": 3, "operations": ["shop:GET /a", "shop:PUT /a", "shop:GET /unused"],
            "rows": [
                { "caller": "app:<web>", "team": "t", "cells": [
                    cell("shop:GET /a", "always", 5, 0), cell("shop:PUT /a", "conditional", 0, 1) ] },
                { "caller": "anonymous", "team": null, "cells": [
                    cell("shop:GET /a", "never", 2, 0), cell("shop:PUT /a", "never", 0, 1) ] },
            ],
            "idle": ["app:idle"],
        })
    }

    #[test]
    fn the_grid_shows_what_is_granted_and_what_is_used() {
        let grid = grid(&matrix());
        let line = |start: &str| {
            let line = grid.lines().find(|line| line.starts_with(start)).unwrap();
            line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((line("shop:GET /a").as_str(), line("shop:PUT /a").as_str()), ("● !", "◌ ×"));
        assert!(!grid.contains("/unused") && grid.contains("1 more callers"), "{grid}");
    }

    #[test]
    fn the_page_is_one_file_that_escapes_names() {
        let page = page::html(&matrix()).unwrap();
        assert!(page.contains("app:&#60;web&#62;") && !page.contains("<web>"), "{page}");
        assert!(
            !page.contains("http://")
                && !page.contains("https://")
                && page.contains("Content-Security-Policy")
        );
        assert_eq!(page.matches("class=\"both\"").count(), 1);
    }
}

//! The matrix as one page: a file that loads nothing, runs nothing, and can be forwarded.

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::super::super::{items, text};
use super::{Kind, cells};

const STYLE: &str = include_str!("../../../../templates/matrix.css");

#[derive(Template)]
#[template(path = "matrix.html")]
struct View {
    policy: String,
    style: &'static str,
    from: String,
    revision: String,
    callers: Vec<Caller>,
    apis: Vec<Api>,
    idle: usize,
    unused: u64,
    missing: u64,
}

struct Caller {
    name: String,
    team: String,
}

/// The operations of one API.
struct Api {
    name: String,
    lines: Vec<Line>,
}

struct Line {
    operation: String,
    cells: Vec<Cell>,
}

struct Cell {
    class: &'static str,
    mark: &'static str,
    told: String,
}

/// Writes the page.
pub(super) fn html(matrix: &Value) -> anyhow::Result<String> {
    let rows = items(matrix, "rows");
    let by_caller: Vec<_> = rows.iter().map(cells).collect();
    let mut apis: Vec<Api> = Vec::new();
    let (mut unused, mut missing) = (0, 0);
    for id in items(matrix, "operations").iter().filter_map(Value::as_str) {
        let (api, operation) = id.split_once(':').unwrap_or(("", id));
        let mut line = Line { operation: operation.to_owned(), cells: Vec::new() };
        for (row, cells) in rows.iter().zip(&by_caller) {
            let cell = cells.get(id).copied();
            let kind = cell.map_or(Kind::Nothing, Kind::of);
            unused += u64::from(matches!(kind, Kind::Granted { .. }));
            missing += u64::from(kind == Kind::Used);
            line.cells.push(Cell {
                class: class(kind),
                mark: if kind == Kind::Nothing { "" } else { kind.mark() },
                told: told(kind, &text(row, "caller"), operation, cell),
            });
        }
        match apis.last_mut().filter(|last| last.name == api) {
            Some(last) => last.lines.push(line),
            None => apis.push(Api { name: api.to_owned(), lines: vec![line] }),
        }
    }
    let view = View {
        policy: format!(
            "default-src 'none'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
            BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()))
        ),
        style: STYLE,
        from: text(matrix, "from"),
        revision: text(matrix, "revision"),
        callers: rows
            .iter()
            .map(|row| Caller { name: text(row, "caller"), team: text(row, "team") })
            .collect(),
        apis,
        idle: items(matrix, "idle").len(),
        unused,
        missing,
    };
    Ok(view.render()?)
}

const fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Both { .. } => "both",
        Kind::Granted { .. } => "granted",
        Kind::Nothing => "none",
        Kind::Refused => "refused",
        Kind::Used => "used",
    }
}

/// What a cell says when it is pointed at, or read out.
fn told(kind: Kind, caller: &str, operation: &str, cell: Option<&Value>) -> String {
    let figure = |name: &str| cell.and_then(|cell| cell.get(name)).and_then(Value::as_u64).unwrap_or(0);
    let what = match kind {
        Kind::Both { always: true } => "granted and used",
        Kind::Both { always: false } => "granted under conditions, and used",
        Kind::Granted { always: true } => "granted, not used",
        Kind::Granted { always: false } => "granted under conditions, not used",
        Kind::Nothing => return String::new(),
        Kind::Refused => "refused",
        Kind::Used => "used without a grant",
    };
    format!("{caller}, {operation}: {what}; {} calls passed, {} refused", figure("calls"), figure("refused"))
}

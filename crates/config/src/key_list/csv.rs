//! Comma-separated values (RFC 4180), one key a line; the first line names the columns.

use model::Secret;

use super::{Fault, Texts};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    App,
    Expires,
    Key,
    Name,
    Scopes,
    Team,
}

/// The columns, in the order of the header line.
#[derive(Debug)]
pub(super) struct Columns(Vec<Column>);

const HEADER_FIX: &str = "write `name,key`, and any of `team,scopes,expires,app`, as the first line";

impl Column {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "app" => Self::App,
            "expires" => Self::Expires,
            "key" => Self::Key,
            "name" => Self::Name,
            "scopes" => Self::Scopes,
            "team" => Self::Team,
            _ => return None,
        })
    }
}

impl Columns {
    /// Reads the header line. Nothing of it is told where it is not understood: it may be a key.
    pub(super) fn read(line: &str) -> Result<Self, Fault> {
        let mut columns = Vec::new();
        for cell in cells(line)? {
            let name = std::str::from_utf8(cell.expose()).unwrap_or_default().trim().to_ascii_lowercase();
            let Some(column) = Column::of(&name) else {
                let reason = format!("column {} of the header line is none that is known", columns.len() + 1);
                return Err((reason, HEADER_FIX));
            };
            if columns.contains(&column) {
                return Err((format!("the header line names `{name}` twice"), HEADER_FIX));
            }
            columns.push(column);
        }
        if !columns.contains(&Column::Name) || !columns.contains(&Column::Key) {
            return Err(("the header line lacks `name` or `key`".to_owned(), HEADER_FIX));
        }
        Ok(Self(columns))
    }

    /// The texts of a line.
    pub(super) fn texts(&self, line: &str) -> Result<Texts, Fault> {
        let cells = cells(line)?;
        if cells.len() != self.0.len() {
            let reason = format!("the line has {} cells, the header line {}", cells.len(), self.0.len());
            return Err((reason, "write one cell a column, and those that hold commas in quotes"));
        }
        let mut texts = Texts {
            name: String::new(),
            key: Secret::new([]),
            team: String::new(),
            scopes: Vec::new(),
            expires: String::new(),
            app: String::new(),
        };
        for (column, cell) in self.0.iter().zip(cells) {
            if *column == Column::Key {
                texts.key = Secret::new(cell.expose().trim_ascii());
                continue;
            }
            let text = String::from_utf8_lossy(cell.expose()).trim().to_owned();
            match column {
                Column::App => texts.app = text,
                Column::Expires => texts.expires = text,
                Column::Key => {}
                Column::Name => texts.name = text,
                Column::Scopes => {
                    let scopes = text.split(';').map(str::trim).filter(|scope| !scope.is_empty());
                    texts.scopes = scopes.map(str::to_owned).collect();
                }
                Column::Team => texts.team = text,
            }
        }
        Ok(texts)
    }
}

/// The cells of a line. A cell in quotes may hold commas, and quotes that are doubled; it does not span lines.
fn cells(line: &str) -> Result<Vec<Secret>, Fault> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let (cell, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted)?,
            None => {
                let (cell, after) =
                    rest.split_once(',').map_or((rest, None), |(cell, after)| (cell, Some(after)));
                if cell.contains('"') {
                    let reason = "a quote stands within a cell".to_owned();
                    return Err((reason, "put the whole cell in quotes, and double those within"));
                }
                (Secret::new(cell.as_bytes()), after)
            }
        };
        cells.push(cell);
        match after {
            None => return Ok(cells),
            Some(after) => rest = after,
        }
    }
}

/// A cell behind its first quote, and what follows the comma behind it.
fn quoted_cell(text: &str) -> Result<(Secret, Option<&str>), Fault> {
    // Never grown, so that no part of a key is left behind in memory.
    let mut cell = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('"') {
        cell.extend_from_slice(before.as_bytes());
        if let Some(more) = after.strip_prefix('"') {
            cell.push(b'"');
            rest = more;
            continue;
        }
        let cell = Secret::wiping(cell);
        return match after.strip_prefix(',') {
            Some(after) => Ok((cell, Some(after))),
            None if after.is_empty() => Ok((cell, None)),
            None => Err((
                "something follows the closing quote of a cell".to_owned(),
                "write a comma behind it, and double quotes within a cell",
            )),
        };
    }
    drop(Secret::wiping(cell));
    Err(("a quote is not closed on its line".to_owned(), "close it; a cell does not span lines"))
}

//! What commands print: tables for people, JSON lines for programs.
//!
//! Results go to standard output, everything else to standard error. Colour only where a person looks at a
//! terminal and has not set `NO_COLOR`; tables fit 100 columns.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// The widest table.
pub(crate) const COLUMNS_MAX: u16 = 100;

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Human,
    Json,
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Never,
    Used,
}

/// Where a command prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) format: Format,
    pub(crate) colour: Colour,
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Bad,
    Faint,
    Good,
    Strong,
    Warning,
}

impl Output {
    /// Settles the format from the options and the colour from the terminal. `no_color` is the variable's value.
    pub(crate) fn new(json: bool, no_color: Option<&std::ffi::OsStr>) -> Self {
        let wanted = no_color.is_none_or(std::ffi::OsStr::is_empty);
        let colour = if wanted && !json && io::stdout().is_terminal() { Colour::Used } else { Colour::Never };
        Self { format: if json { Format::Json } else { Format::Human }, colour }
    }

    /// Text in its tone.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        let code = match (self.colour, tone) {
            (Colour::Never, _) => return text.to_owned(),
            (Colour::Used, Tone::Bad) => "31;1",
            (Colour::Used, Tone::Faint) => "2",
            (Colour::Used, Tone::Good) => "32;1",
            (Colour::Used, Tone::Strong) => "1",
            (Colour::Used, Tone::Warning) => "33",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Prints one line of result. A reader that went away (`| head`) is no error.
    pub(crate) fn line(self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match writeln!(out, "{text}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Prints one JSON object on one line.
    pub(crate) fn json(self, value: &Value) -> io::Result<()> {
        self.line(&value.to_string())
    }

    /// Prints rows under a head; nothing but a note where there are none.
    pub(crate) fn table(self, head: &[&str], rows: Vec<Vec<String>>, none: &str) -> io::Result<()> {
        if rows.is_empty() {
            return self.line(none);
        }
        self.line(&render_table(head, rows))
    }

    /// Prints a note for people; it is no result and goes to standard error.
    pub(crate) fn note(self, text: &str) {
        // Standard error may be closed; there is nobody left to tell.
        drop(writeln!(io::stderr().lock(), "{text}"));
    }
}

/// Rows as text of at most 100 columns, cells wrapped where they must be.
pub(crate) fn render_table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(COLUMNS_MAX)
        .set_header(head.iter().map(|title| title.to_uppercase()));
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// Text from outside, without what could move a terminal's cursor, forge a line or turn the direction of reading (security case 91).
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if is_deceptive(character) && character != '\n' { '\u{fffd}' } else { character })
        .collect()
}

/// Text from outside that has no business with more than one line: a line break in it is shown, not made.
pub(crate) fn in_one_line(text: &str) -> String {
    if text.contains('\n') { text.replace('\n', "\u{240a}") } else { text.to_owned() }
}

/// Whether a character changes how others are read without being seen itself: controls, marks of direction (CVE-2021-42574), characters
/// without width, and tags.
pub(crate) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_a_hundred_columns() {
        let long = "a-rather-long-word ".repeat(20);
        let text =
            render_table(&["name", "text"], vec![vec!["one".into(), long.clone()], vec![long, "two".into()]]);
        for line in text.lines() {
            assert!(line.chars().count() <= usize::from(COLUMNS_MAX), "{line}");
        }
        assert!(text.starts_with("NAME"));
    }

    #[test]
    fn no_escape_reaches_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\r"), "a\u{fffd}[31mb\u{fffd}");
        assert_eq!(printable("a\u{202e}b\u{200b}\u{2066}"), "a\u{fffd}b\u{fffd}\u{fffd}");
        assert_eq!(printable("商品 é\nß"), "商品 é\nß");
        let plain = Output { format: Format::Human, colour: Colour::Never };
        assert_eq!(plain.tone(Tone::Bad, "no"), "no");
        assert_eq!(Output { colour: Colour::Used, ..plain }.tone(Tone::Bad, "no"), "\u{1b}[31;1mno\u{1b}[0m");
    }

    #[test]
    fn colour_is_never_used_for_programs() {
        assert_eq!(Output::new(true, None).colour, Colour::Never);
        assert_eq!(Output::new(false, Some(std::ffi::OsStr::new("1"))).colour, Colour::Never);
    }
}

//! `bench report`: measures every row and writes the figures into `docs/performance.md`.
//!
//! Only what stands between the markers of a part is rewritten; the method around it is prose. A part can be measured alone,
//! so that what a change moved can be written without the hour that all of it takes.

mod counts;
mod cpu;
mod decisions;
mod growth;
mod jwt;
mod memory;
mod publish;
mod start;
mod stops;
mod tls;

use std::fmt;
use std::str::FromStr;

use anyhow::Context as _;

use crate::shell;

const PATH: &str = "docs/performance.md";

/// A table of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Counts,
    Cpu,
    Decisions,
    Memory,
    Start,
    Publish,
    Growth,
    Stops,
    Tls,
    Jwt,
}

impl Part {
    const ALL: [Self; 10] = [
        Self::Counts,
        Self::Cpu,
        Self::Decisions,
        Self::Memory,
        Self::Start,
        Self::Publish,
        Self::Growth,
        Self::Stops,
        Self::Tls,
        Self::Jwt,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Cpu => "cpu",
            Self::Decisions => "decisions",
            Self::Memory => "memory",
            Self::Start => "start",
            Self::Publish => "publish",
            Self::Growth => "growth",
            Self::Stops => "stops",
            Self::Tls => "tls",
            Self::Jwt => "jwt",
        }
    }

    fn measure(self) -> anyhow::Result<String> {
        match self {
            Self::Counts => counts::measure(),
            Self::Cpu => cpu::measure(),
            Self::Decisions => decisions::measure(),
            Self::Memory => memory::measure(),
            Self::Start => start::measure(),
            Self::Publish => publish::measure(),
            Self::Growth => growth::measure(),
            Self::Stops => stops::measure(),
            Self::Tls => tls::measure(),
            Self::Jwt => jwt::measure(),
        }
    }
}

impl FromStr for Part {
    type Err = UnknownPart;

    fn from_str(text: &str) -> Result<Self, UnknownPart> {
        Self::ALL.into_iter().find(|part| part.name() == text).ok_or_else(|| UnknownPart(text.into()))
    }
}

/// A name that is no part.
#[derive(Debug)]
pub(super) struct UnknownPart(String);

impl fmt::Display for UnknownPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no part `{}`; there are {}", self.0, Part::ALL.map(Part::name).join(", "))
    }
}

impl std::error::Error for UnknownPart {}

/// The command: all parts, or one.
pub(super) fn run(only: Option<Part>) -> anyhow::Result<()> {
    super::memory::allow_many_files()?;
    let path = shell::root()?.join(PATH);
    for part in Part::ALL.into_iter().filter(|part| only.is_none_or(|only| only == *part)) {
        let text = shell::step(part.name(), || part.measure())?;
        println!("{text}");
        // Written part by part: an hour of figures is not lost to a fault in the last minute.
        let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read `{PATH}`"))?;
        std::fs::write(&path, replace(&page, part, &text)?)
            .with_context(|| format!("cannot write `{PATH}`"))?;
    }
    Ok(())
}

/// Puts `text` between the markers of `part`.
fn replace(page: &str, part: Part, text: &str) -> anyhow::Result<String> {
    let name = part.name();
    let begin = format!("<!-- figures of {name}: `cargo xtask bench report --only {name}` writes them -->");
    let end = format!("<!-- end of {name} -->");
    let lacks = |marker: &str| format!("`{PATH}` has no line `{marker}`");
    let (before, rest) = page.split_once(&begin).with_context(|| lacks(&begin))?;
    let (_, after) = rest.split_once(&end).with_context(|| lacks(&end))?;
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", text.trim_end()))
}

/// The value in the middle; of an even number, the upper one of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A table in Markdown.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(head.iter().map(|cell| (*cell).to_owned()).collect());
    text.push_str(&format!("|{}\n", "---|".repeat(head.len())));
    text.extend(rows.iter().map(|row| line(row.clone())));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewrites_what_stands_between_the_markers_of_its_part_and_nothing_else() {
        let marks = |name: &str, text: &str| {
            format!(
                "<!-- figures of {name}: `cargo xtask bench report --only {name}` writes them -->\n\n{text}\n\n<!-- end of {name} -->"
            )
        };
        let page =
            |cpu: &str| format!("prose\n{}\nmore\n{}\nend\n", marks("cpu", cpu), marks("start", "old"));
        assert_eq!(replace(&page("old"), Part::Cpu, "new\n").unwrap(), page("new"));
        assert!(replace("prose", Part::Cpu, "new").is_err());
    }

    #[test]
    fn the_page_has_a_place_for_every_part() {
        let page = std::fs::read_to_string(shell::root().unwrap().join(PATH)).unwrap();
        for part in Part::ALL {
            replace(&page, part, "figures").unwrap();
            assert_eq!(part.name().parse::<Part>().unwrap(), part);
        }
        assert!("all".parse::<Part>().is_err());
    }

    #[test]
    fn takes_the_middle() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn writes_a_table() {
        assert_eq!(table(&["a", "b"], &[vec!["1".into(), "2".into()]]), "| a | b |\n|---|---|\n| 1 | 2 |\n");
    }
}

//! One input into an inventory, with all cores.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use anyhow::Context as _;
use inventory::{Inventory, Settings};
use traffic::{DocumentFormat, Exchange, FaultKind, FieldMap, Format, Reader, detect, read_documents};

use super::source::{Block, Source};
use crate::output::Output;

/// Samples of each kind of fault that are kept, those of the first lines.
const SAMPLES_MAX: usize = 3;
/// How much of a line is shown.
const SAMPLE_CHARS: usize = 120;

/// An input as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    path: String,
    /// The host of lines that name none.
    host: Option<String>,
}

/// The format that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// As each input begins.
    Auto,
    Document(DocumentFormat),
    Lines(Format),
}

impl Wanted {
    /// The format of this name.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        if name == "auto" {
            return Some(Self::Auto);
        }
        let document = || DocumentFormat::of_name(name).map(Self::Document);
        Format::of_name(name).map(Self::Lines).or_else(document)
    }

    /// All names.
    pub(super) fn names() -> String {
        let lines = Format::ALL.iter().map(|format| format.as_str());
        let documents = DocumentFormat::ALL.iter().map(|format| format.as_str());
        std::iter::once("auto").chain(lines).chain(documents).collect::<Vec<_>>().join(", ")
    }
}

/// What was taken of an input.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) name: String,
    pub(super) format: &'static str,
    /// What its parts are called.
    pub(super) parts: &'static str,
    /// Why this format.
    pub(super) why: String,
    pub(super) lines: u64,
    /// Lines that told of a request.
    pub(super) read: u64,
    pub(super) faults: BTreeMap<FaultKind, Faults>,
    /// Why reading ended before the end, where it did.
    pub(super) broken: Option<String>,
}

/// Lines that could not be read for one reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) count: u64,
    /// Number and beginning of some of the lines.
    pub(super) samples: Vec<(u64, String)>,
}

impl Input {
    /// `FILE` or `HOST=FILE`. A file whose name has an equals sign is a file.
    pub(super) fn of(text: &str, host: Option<&str>) -> Self {
        let host = host.map(str::to_ascii_lowercase);
        match text.split_once('=') {
            Some((named, path)) if !named.contains('/') && !Path::new(text).exists() => {
                Self { path: path.to_owned(), host: Some(named.to_ascii_lowercase()) }
            }
            Some(_) | None => Self { path: text.to_owned(), host },
        }
    }

    /// How what it holds is counted: its own host is kept whatever is seen of others.
    fn settings(&self, settings: &Settings) -> Settings {
        let mut settings = settings.clone();
        settings.named_hosts.extend(self.host.clone());
        settings
    }

    pub(super) fn name(&self) -> &str {
        if self.path == "-" { "standard input" } else { &self.path }
    }
}

/// Reads all of an input, or as much as can be read: what was read before an error counts, and the error is in
/// [`Taken::broken`].
pub(super) fn input(
    input: &Input,
    wanted: Wanted,
    fields: &FieldMap,
    settings: &Settings,
    output: Output,
) -> anyhow::Result<(Inventory, Taken)> {
    let settings = &input.settings(settings);
    let mut source = Source::open(&input.path)?;
    let detected = match wanted {
        Wanted::Auto => {
            DocumentFormat::detect(source.beginning()?).map(|format| (format, "by its beginning"))
        }
        Wanted::Document(format) => Some((format, "as asked for")),
        Wanted::Lines(_) => None,
    };
    if let Some((format, why)) = detected {
        return Ok(document(input, (format, why), &mut source, settings, output));
    }
    let first = source.next()?.context("the file is empty")?;
    let (format, why) = match wanted {
        Wanted::Lines(format) => (format, "as asked for".to_owned()),
        Wanted::Auto | Wanted::Document(_) => {
            let found = detect(&first.bytes).context("its format cannot be told")?;
            (found.format, format!("reads {} of the first {} lines", found.read, found.looked_at))
        }
    };
    // Its columns are named at the top, so one reader must see the lines in their order.
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let cores = if format == Format::CloudFront { 1 } else { cores };
    let (sender, receiver) = sync_channel::<Block>(2 * cores);
    let receiver = Mutex::new(receiver);
    let (mut inventory, mut taken) =
        (Inventory::new(settings.clone()), Taken::new(input, format.as_str(), "lines", why));
    thread::scope(|scope| -> anyhow::Result<()> {
        let work = || feed(&receiver, Reader::with_fields(format, fields.clone()), input, settings);
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let read = hand_over(first, &mut source, |block| sender.send(block).is_ok(), output);
        drop(sender);
        for worker in workers {
            let (seen, told) = worker.join().map_err(|_| anyhow::anyhow!("a reader of lines has ended"))?;
            inventory.merge(seen);
            taken.join(told);
        }
        taken.broken = read.err().map(|error| format!("{error:#}"));
        Ok(())
    })?;
    Ok((inventory, taken))
}

/// Reads an input that is a document, part by part.
fn document(
    input: &Input,
    (format, why): (DocumentFormat, &str),
    source: &mut Source,
    settings: &Settings,
    output: Output,
) -> (Inventory, Taken) {
    let parts = match format {
        DocumentFormat::Har => "entries",
        DocumentFormat::Otlp => "spans of requests",
    };
    let mut taken = Taken::new(input, format.as_str(), parts, why.to_owned());
    let (mut inventory, mut told) = (Inventory::new(settings.clone()), Told::default());
    let mut progress = super::report::Progress::new(output);
    let mut last = source.place();
    let watched = Watched { inner: source, place: &mut last, progress: &mut progress };
    let read = read_documents(format, watched, |number, found| {
        told.lines += 1;
        match found {
            Ok(exchange) => {
                told.read += 1;
                let host = exchange.host.or(input.host.as_deref());
                inventory.observe(&Exchange { host, ..exchange });
            }
            Err(fault) => told.faults.entry(fault.kind).or_default().note(number, b""),
        }
    });
    progress.end();
    taken.join(told);
    taken.broken = read.err().map(|error| error.to_string());
    (inventory, taken)
}

/// Tells people how far reading is.
struct Watched<'a> {
    inner: &'a mut Source,
    place: &'a mut (u64, Option<u64>),
    progress: &'a mut super::report::Progress,
}

impl std::io::Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let place = self.inner.place();
        if place != *self.place {
            *self.place = place;
            self.progress.advance(place);
        }
        self.inner.whole().read(buffer)
    }
}

/// Gives every block to whoever is free, and tells people how far that is.
fn hand_over(
    first: Block,
    source: &mut Source,
    give: impl Fn(Block) -> bool,
    output: Output,
) -> anyhow::Result<()> {
    let mut progress = super::report::Progress::new(output);
    let mut next = Some(first);
    while let Some(block) = next {
        progress.advance(source.place());
        if !give(block) {
            break;
        }
        next = source.next()?;
    }
    progress.end();
    Ok(())
}

/// What one worker saw.
#[derive(Default)]
struct Told {
    lines: u64,
    read: u64,
    faults: BTreeMap<FaultKind, Faults>,
}

fn feed(
    blocks: &Mutex<Receiver<Block>>,
    mut reader: Reader,
    input: &Input,
    settings: &Settings,
) -> (Inventory, Told) {
    let (mut inventory, mut told) = (Inventory::new(settings.clone()), Told::default());
    while let Ok(Ok(block)) = blocks.lock().map(|blocks| blocks.recv()) {
        let bytes = block.bytes.strip_suffix(b"\n").unwrap_or(&block.bytes);
        for (number, line) in (block.first_line..).zip(bytes.split(|byte| *byte == b'\n')) {
            told.lines += 1;
            match reader.line(line) {
                Ok(None) => {}
                Ok(Some(exchange)) => {
                    told.read += 1;
                    let host = exchange.host.or(input.host.as_deref());
                    inventory.observe(&Exchange { host, ..exchange });
                }
                Err(fault) => told.faults.entry(fault.kind).or_default().note(number, line),
            }
        }
    }
    (inventory, told)
}

impl Faults {
    fn note(&mut self, number: u64, line: &[u8]) {
        self.count += 1;
        let is_early = self.samples.last().is_none_or(|(last, _)| number < *last);
        if self.samples.len() < SAMPLES_MAX || is_early {
            let beginning = line.get(..4 * SAMPLE_CHARS).unwrap_or(line);
            let text = String::from_utf8_lossy(beginning).chars().take(SAMPLE_CHARS).collect();
            self.samples.push((number, text));
            self.keep_first();
        }
    }

    fn keep_first(&mut self) {
        self.samples.sort();
        self.samples.truncate(SAMPLES_MAX);
    }
}

impl Taken {
    fn new(input: &Input, format: &'static str, parts: &'static str, why: String) -> Self {
        let name = input.name().to_owned();
        Self { name, format, parts, why, lines: 0, read: 0, faults: BTreeMap::new(), broken: None }
    }

    fn join(&mut self, told: Told) {
        self.lines += told.lines;
        self.read += told.read;
        for (kind, faults) in told.faults {
            let all = self.faults.entry(kind).or_default();
            all.count += faults.count;
            all.samples.extend(faults.samples);
            all.keep_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_can_stand_before_a_file() {
        let input =
            |path: &str, host: Option<&str>| Input { path: path.into(), host: host.map(str::to_owned) };
        assert_eq!(Input::of("a.log", None), input("a.log", None));
        assert_eq!(Input::of("a.log", Some("H.example")), input("a.log", Some("h.example")));
        assert_eq!(Input::of("Shop.example=a.log", Some("h")), input("a.log", Some("shop.example")));
        assert_eq!(Input::of("logs/a=b.log", None), input("logs/a=b.log", None));
    }

    #[test]
    fn the_first_lines_of_a_fault_are_shown_whatever_the_order() {
        let (mut one, mut other) = (Faults::default(), Faults::default());
        for number in [9, 2, 7, 4, 1] {
            one.note(number, b"\xff".repeat(1_000).as_slice());
        }
        for number in [3, 8] {
            other.note(number, b"x");
        }
        let input = Input { path: "-".into(), host: None };
        let mut taken = Taken::new(&input, "combined", "lines", String::new());
        for faults in [other, one] {
            taken.join(Told { lines: 5, read: 0, faults: BTreeMap::from([(FaultKind::Form, faults)]) });
        }
        let all = taken.faults.get(&FaultKind::Form).unwrap();
        let numbers: Vec<u64> = all.samples.iter().map(|(number, _)| *number).collect();
        assert_eq!((all.count, numbers), (7, vec![1, 2, 3]));
        assert!(all.samples.iter().all(|(_, text)| text.chars().count() <= SAMPLE_CHARS));
    }
}

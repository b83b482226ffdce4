//! `audit`: reads the log's files themselves, without a gateway; only erasing goes through the use cases.

mod evidence;

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::http::Method;
use control::{LimitOf, SearchOrder, search_log};
use record::Verifier;
use recorder::LogReader;
use recorder::reader::search::Filter;
use recorder::reader::verify::Verification;
use serde_json::{Value, json};

use super::{Verdict, escape, list, minute, text};
use crate::cli::{AuditCommand, Global, SearchArguments};
use crate::output::{Format, Output, Tone, in_one_line, printable};
use crate::reach::{self, STATE};
use crate::system;

/// How often `tail --follow` looks.
const LOOK: Duration = Duration::from_millis(200);
/// The largest checkpoint or key that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;

pub(super) async fn run(global: &Global, command: &AuditCommand, output: Output) -> anyhow::Result<Verdict> {
    if let AuditCommand::Erase { subject, reason } = command {
        let body = json!({ "subject": subject, "reason": reason });
        let erased = reach::client(global).await?.ask(Method::POST, "/v1/log/erase", Some(&body)).await?;
        super::print_one(output, &erased, |erased| {
            format!(
                "{} entries no longer name {}; every proof stays valid",
                text(erased, "entries"),
                text(erased, "subject")
            )
        })?;
        return Ok(Verdict::Done);
    }
    if let AuditCommand::Search(arguments) = command
        && let Some(param) = &arguments.param
    {
        return search_by_object(global, arguments, param, output).await;
    }
    if let AuditCommand::Prove(arguments) = command
        && let Some(verifier) = &arguments.verifier
    {
        return evidence::check(arguments, &evidence::read_verifier(verifier)?, output);
    }
    let folder = global.dir.join(STATE).join("log");
    if !folder.is_dir() {
        bail!("there is no log in {}; to check proofs without it, give --verifier FILE", folder.display());
    }
    let reader = LogReader::open(&folder);
    match command {
        AuditCommand::Verify { checkpoint, verifier } => {
            let verifier = match verifier {
                Some(file) => evidence::read_verifier(file)?,
                None => reader.verifier()?,
            };
            verify(&reader, &verifier, checkpoint.as_deref(), output)
        }
        AuditCommand::Verifier => evidence::verifier(&reader, output),
        AuditCommand::Checkpoint => evidence::checkpoint(&reader, output),
        AuditCommand::Tail { lines, follow, conditions } => {
            tail(&reader, &order_of(conditions.given())?, *lines, *follow, output).await
        }
        AuditCommand::Search(arguments) => search(&reader, arguments, output),
        AuditCommand::Prove(arguments) if arguments.check.is_some() => {
            evidence::check(arguments, &reader.verifier()?, output)
        }
        AuditCommand::Prove(arguments) => evidence::prove(&reader, arguments, output),
        AuditCommand::Export { filter, limit } => export(&reader, &order_of(filter.given())?, *limit, output),
        AuditCommand::Erase { .. } => Ok(Verdict::Done),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn verify(
    reader: &LogReader,
    verifier: &Verifier,
    checkpoint: Option<&Path>,
    output: Output,
) -> anyhow::Result<Verdict> {
    let older = checkpoint.map(read).transpose()?;
    let verified = reader.verify(verifier, older.as_deref())?;
    match output.format {
        Format::Json => output.json(&serde_json::to_value(&verified)?)?,
        Format::Human => output.line(&describe(&verified, output))?,
    }
    Ok(if verified.ok { Verdict::Done } else { Verdict::No })
}

fn describe(verified: &Verification, output: Output) -> String {
    let span = match (&verified.from, &verified.to) {
        (Some(from), Some(to)) => format!(", {} to {}", minute(from), minute(to)),
        _ => String::new(),
    };
    let pruned = if verified.pruned == 0 {
        String::new()
    } else {
        format!(", {} pruned by retention", verified.pruned)
    };
    let counts = format!(
        "{} entries{span}; {} under a signature, {} checkpoints{pruned}",
        verified.entries, verified.signed, verified.checkpoints
    );
    match &verified.first_fault {
        None => format!("{}: {counts}", output.tone(Tone::Good, "verified")),
        Some(fault) => format!(
            "{}: {} at byte {} (entry {}): {}\n{counts}",
            output.tone(Tone::Bad, "not verified"),
            fault.segment,
            fault.offset,
            fault.entry,
            fault.what
        ),
    }
}

fn order_of<'a>(given: impl Iterator<Item = (&'static str, &'a str)>) -> anyhow::Result<SearchOrder> {
    let mut order = SearchOrder::at(system::now());
    for (name, value) in given {
        order.set(name, value)?;
    }
    Ok(order)
}

fn search(reader: &LogReader, arguments: &SearchArguments, output: Output) -> anyhow::Result<Verdict> {
    let mut order = order_of(arguments.filter.given())?;
    order.set("limit", &arguments.limit.to_string())?;
    if let Some(before) = arguments.before {
        order.set("before", &before.to_string())?;
    }
    let of = match output.format {
        Format::Json => LimitOf::Entries,
        Format::Human => LimitOf::Lines,
    };
    let found = search_log(reader, &order, of)?;
    found.lines.iter().try_for_each(|line| show(line, output))?;
    if let Some(last) = found.more {
        say_how_to_go_on("more match", last, output);
    } else if found.lines.is_empty() && output.format == Format::Human {
        output.note(match order.filter().code {
            Some(_) => "no entries match; what `--reason` names is no reason, and was looked for as a refusal's own code",
            None => "no entries match",
        });
    }
    Ok(Verdict::Done)
}

/// What was cut off is told in either format: whoever counts lines would take them for all.
fn say_how_to_go_on(why: &str, last: u64, output: Output) {
    output.note(&format!(
        "these are the newest, and {why}: go on with --before {last}, or give --limit (up to {}), --since or --until",
        control::SEARCH_LIMIT_MAX
    ));
}

/// A search that takes the log's key, which the gateway has, or this process once it has opened the repository.
async fn search_by_object(
    global: &Global,
    arguments: &SearchArguments,
    param: &str,
    output: Output,
) -> anyhow::Result<Verdict> {
    let mut query = vec![format!("param={}", escape(param)), format!("limit={}", arguments.limit)];
    query.extend(arguments.filter.given().map(|(name, value)| format!("{name}={}", escape(value))));
    query.extend(arguments.before.map(|before| format!("before={before}")));
    let path = format!("/v1/decisions?{}", query.join("&"));
    let found = reach::client(global).await?.ask(Method::GET, &path, None).await?;
    let entries = found.as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |entry: &Value| entry.get("index").and_then(Value::as_u64);
    entries.chunk_by(|one, other| number(one) == number(other)).try_for_each(|line| show(line, output))?;
    // A decision and its ending are not parted, so that one place may have stayed free.
    let last = entries.last().and_then(number).filter(|_| arguments.limit <= entries.len() + 1);
    if let Some(last) = last {
        say_how_to_go_on("there may be more", last, output);
    } else if entries.is_empty() && output.format == Format::Human {
        output.note("no entries match");
    }
    Ok(Verdict::Done)
}

/// What stands under one number: as it is, or in one line.
fn show(line: &[Value], output: Output) -> anyhow::Result<()> {
    match output.format {
        Format::Json => line.iter().try_for_each(|entry| output.json(entry))?,
        Format::Human => output.line(&in_one_line(&printable(&summary(line, output))))?,
    }
    Ok(())
}

/// One line for a decision, an ending, both of one call, or any other entry.
fn summary(line: &[Value], output: Output) -> String {
    let Some((entry, rest)) = line.split_first() else { return String::new() };
    let what = match text(entry, "kind").as_str() {
        "decided" => {
            let ending = rest.first().map(ending).unwrap_or_default();
            format!("{}{ending}", decision(entry, output))
        }
        "completed" => format!("{} completed{}", text(entry, "id"), ending(entry)),
        "change" => format!(
            "change {} {} by {} {}",
            text(entry, "action"),
            text(entry, "object"),
            text(entry, "actor"),
            text(entry, "reason")
        ),
        other => format!("{other} {}", entry.to_string().replace('"', "")),
    };
    format!("{}  {}", text(entry, "time"), what.trim_end())
}

/// Who was judged how, why, and by which credential from where.
fn decision(entry: &Value, output: Output) -> String {
    let verdict = text(entry, "verdict");
    let tone = if verdict == "allowed" { Tone::Good } else { Tone::Bad };
    let caller = text(entry, "caller");
    let caller = if caller.is_empty() { "(not recorded)".to_owned() } else { caller };
    let operation = text(entry, "operation");
    let operation = if operation.is_empty() { text(entry, "api") } else { operation };
    let mut parts = vec![text(entry, "id"), output.tone(tone, &verdict), caller, operation];
    parts.push(text(entry, "code"));
    parts.push(list(entry, "policies", ","));
    for (name, title) in [("key", "key"), ("source_ip", "from"), ("user", "user")] {
        let value = text(entry, name);
        if !value.is_empty() {
            parts.push(format!("{title}={value}"));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// How it was answered.
fn ending(entry: &Value) -> String {
    match text(entry, "outcome").as_str() {
        "done" => format!(" status={}", text(entry, "status")),
        outcome => format!(" status={} {outcome}", text(entry, "status")),
    }
}

async fn tail(
    reader: &LogReader,
    order: &SearchOrder,
    lines: usize,
    follow: bool,
    output: Output,
) -> anyhow::Result<Verdict> {
    let print = |entry: &recorder::reader::Entry| -> anyhow::Result<()> {
        let texts = entry.json()?;
        let line: Vec<Value> =
            texts.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?;
        show(&line, output)
    };
    let mut position = reader.follow()?;
    let before = Filter { before: Some(position.position()), ..order.filter().clone() };
    let mut last: Vec<_> = reader.search(&before)?.take(lines).collect::<Result<_, _>>()?;
    last.reverse();
    last.iter().try_for_each(print)?;
    if !follow {
        return Ok(Verdict::Done);
    }
    let mut ending = crate::up::Ending::listen()?;
    loop {
        tokio::select! {
            _ = ending.next() => return Ok(Verdict::Done),
            () = tokio::time::sleep(LOOK) => {
                let new = position.next_entries()?;
                new.iter().filter(|entry| order.filter().matches(entry)).try_for_each(print)?;
            }
        }
    }
}

fn export(
    reader: &LogReader,
    order: &SearchOrder,
    limit: Option<usize>,
    output: Output,
) -> anyhow::Result<Verdict> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut left = limit.unwrap_or(usize::MAX);
    // A reader that went away (`| head`) is no error, but there is nobody to write to any more.
    let (mut gone, mut cut) = (false, false);
    reader.each(0, |entry| {
        if gone || cut || !order.filter().matches(entry) {
            return Ok(());
        }
        if left == 0 {
            cut = true;
            return Ok(());
        }
        left -= 1;
        for line in entry.json().map_err(io::Error::other)? {
            gone = is_gone(writeln!(out, "{line}"))?;
        }
        Ok(())
    })?;
    is_gone(out.flush())?;
    if cut {
        output.note("these are the oldest, and more match: leave out --limit for all, or give --since");
    }
    Ok(Verdict::Done)
}

/// Whether whoever reads our output has gone away.
fn is_gone(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(error),
    }
}

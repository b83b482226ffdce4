//! `audit`: reads the log's files themselves, without a gateway; only erasing goes through the use cases.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::http::Method;
use control::{SearchOrder, search_log};
use model::DecisionId;
use record::Proof;
use recorder::LogReader;
use recorder::reader::verify::Verification;
use serde_json::{Value, json};

use super::{Verdict, list, minute, text};
use crate::cli::{AuditCommand, Global, SearchFilter};
use crate::output::{Format, Output, Tone, in_one_line, printable};
use crate::reach::{self, STATE};

/// How often `tail --follow` looks.
const LOOK: Duration = Duration::from_millis(200);
/// The largest proof or checkpoint that is read.
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
    let folder = global.dir.join(STATE).join("log");
    if !folder.is_dir() {
        bail!("there is no log in {}", folder.display());
    }
    let reader = LogReader::open(&folder);
    match command {
        AuditCommand::Verify { checkpoint } => verify(&reader, checkpoint.as_deref(), output),
        AuditCommand::Tail { lines, follow } => tail(&reader, *lines, *follow, output).await,
        AuditCommand::Search(filter) => search(&reader, filter, output),
        AuditCommand::Prove { id, check } => prove(&reader, id, check.as_deref(), output),
        AuditCommand::Export(filter) => export(&reader, filter),
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

fn verify(reader: &LogReader, checkpoint: Option<&Path>, output: Output) -> anyhow::Result<Verdict> {
    let older = checkpoint.map(read).transpose()?;
    let verified = reader.verify(&reader.verifier()?, older.as_deref())?;
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

fn order_of(filter: &SearchFilter) -> anyhow::Result<SearchOrder> {
    let mut order = SearchOrder::default();
    let conditions = [
        ("caller", &filter.caller),
        ("operation", &filter.operation),
        ("api", &filter.api),
        ("verdict", &filter.verdict),
        ("reason", &filter.reason),
        ("id", &filter.id),
        ("since", &filter.since),
        ("until", &filter.until),
    ];
    for (name, value) in conditions {
        if let Some(value) = value {
            order.set(name, value)?;
        }
    }
    if let Some(limit) = filter.limit {
        order.set("limit", &limit.to_string())?;
    }
    Ok(order)
}

fn search(reader: &LogReader, filter: &SearchFilter, output: Output) -> anyhow::Result<Verdict> {
    let found = search_log(reader, &order_of(filter)?)?;
    found.iter().try_for_each(|entry| show(entry, output))?;
    if found.is_empty() && output.format == Format::Human {
        output.note("no entries match");
    }
    Ok(Verdict::Done)
}

fn show(entry: &Value, output: Output) -> anyhow::Result<()> {
    match output.format {
        Format::Json => output.json(entry)?,
        Format::Human => output.line(&in_one_line(&printable(&summary(entry, output))))?,
    }
    Ok(())
}

/// One line for one entry.
fn summary(entry: &Value, output: Output) -> String {
    let time = text(entry, "time");
    let what = match text(entry, "kind").as_str() {
        "decided" => {
            let verdict = text(entry, "verdict");
            let tone = if verdict == "allowed" { Tone::Good } else { Tone::Bad };
            let caller = text(entry, "caller");
            let caller = if caller.is_empty() { "(not recorded)" } else { &caller };
            let operation = text(entry, "operation");
            let operation = if operation.is_empty() { text(entry, "api") } else { operation };
            format!(
                "{} {} {caller} {operation} {} {}",
                text(entry, "id"),
                output.tone(tone, &verdict),
                text(entry, "code"),
                list(entry, "policies", ",")
            )
        }
        "completed" => {
            format!("{} completed {} {}", text(entry, "id"), text(entry, "status"), text(entry, "outcome"))
        }
        "change" => format!(
            "change {} {} by {} {}",
            text(entry, "action"),
            text(entry, "object"),
            text(entry, "actor"),
            text(entry, "reason")
        ),
        other => format!("{other} {}", entry.to_string().replace('"', "")),
    };
    format!("{time}  {}", what.trim_end())
}

async fn tail(reader: &LogReader, lines: usize, follow: bool, output: Output) -> anyhow::Result<Verdict> {
    let print = |entries: &[recorder::reader::Entry]| -> anyhow::Result<()> {
        for entry in entries {
            for line in entry.json()? {
                show(&serde_json::from_str(&line)?, output)?;
            }
        }
        Ok(())
    };
    let mut position = reader.follow()?;
    print(&reader.tail(lines)?)?;
    if !follow {
        return Ok(Verdict::Done);
    }
    let mut ending = crate::up::Ending::listen()?;
    loop {
        tokio::select! {
            _ = ending.next() => return Ok(Verdict::Done),
            () = tokio::time::sleep(LOOK) => print(&position.next_entries()?)?,
        }
    }
}

fn prove(reader: &LogReader, id: &str, check: Option<&Path>, output: Output) -> anyhow::Result<Verdict> {
    let id = DecisionId::parse(id)?;
    let Some(path) = check else {
        let proof = reader.prove(id)?;
        let proof = proof.to_string();
        match output.format {
            Format::Json => output.json(&json!({ "id": id.to_string(), "proof": proof }))?,
            Format::Human => io::stdout().lock().write_all(proof.as_bytes())?,
        }
        return Ok(Verdict::Done);
    };
    let proven = Proof::parse(&read(path)?).map_err(anyhow::Error::from).and_then(|proof| {
        let proven = proof.verify(&reader.verifier()?)?;
        let stored = proof.stored()?;
        let lines = record::json::render(proof.index, &stored)?;
        Ok((proven, lines))
    });
    let (ok, detail) = match proven {
        Err(error) => (false, format!("{error:#}")),
        Ok((_, lines)) if lines.iter().any(|line| line.contains(&id.to_string())) => (true, lines.join("\n")),
        Ok(_) => (false, "the proof is of another decision".to_owned()),
    };
    match output.format {
        Format::Json => output.json(&json!({ "ok": ok, "id": id.to_string(), "detail": detail }))?,
        Format::Human if ok => output.line(&format!("{}\n{detail}", output.tone(Tone::Good, "proven")))?,
        Format::Human => output.line(&format!("{}: {detail}", output.tone(Tone::Bad, "not proven")))?,
    }
    Ok(if ok { Verdict::Done } else { Verdict::No })
}

fn export(reader: &LogReader, filter: &SearchFilter) -> anyhow::Result<Verdict> {
    let order = order_of(filter)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut left = filter.limit.unwrap_or(usize::MAX);
    // A reader that went away (`| head`) is no error, but there is nobody to write to any more.
    let mut gone = false;
    reader.each(0, |entry| {
        if gone || left == 0 || !order.filter().matches(entry) {
            return Ok(());
        }
        left -= 1;
        for line in entry.json().map_err(io::Error::other)? {
            gone = is_gone(writeln!(out, "{line}"))?;
        }
        Ok(())
    })?;
    is_gone(out.flush())?;
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

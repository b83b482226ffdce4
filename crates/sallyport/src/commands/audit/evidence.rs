//! Evidence for others: proofs that entries are in the log, which verify with the log's public key and nothing else.
//!
//! Several proofs stand one behind another in one file, each whole in itself, so that a file can be cut and a proof handed
//! on. Checking reads one proof at a time: a file may be of any length.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use model::DecisionId;
use record::evidence::{FIRST_LINE, PROOF_BYTES_MAX};
use record::{Leaf, Proof, Verifier};
use recorder::LogReader;
use recorder::reader::Entry;
use serde_json::json;

use super::{Verdict, is_gone, order_of, read};
use crate::cli::ProveArguments;
use crate::output::{Format, Output, Tone, printable};

pub(super) fn read_verifier(path: &Path) -> anyhow::Result<Verifier> {
    let text = String::from_utf8(read(path)?).ok();
    let verifier = text.and_then(|text| Verifier::parse(text.trim()).ok());
    verifier.with_context(|| {
        format!("{} is no verifier key, as `sallyport audit verifier` prints it", path.display())
    })
}

pub(super) fn verifier(reader: &LogReader, output: Output) -> anyhow::Result<Verdict> {
    let verifier = reader.verifier()?;
    match output.format {
        Format::Json => {
            output.json(&json!({ "origin": verifier.name(), "verifier": verifier.to_string() }))?;
        }
        Format::Human => output.line(&verifier.to_string())?,
    }
    Ok(Verdict::Done)
}

pub(super) fn checkpoint(reader: &LogReader, output: Output) -> anyhow::Result<Verdict> {
    let note = reader.checkpoint()?;
    let checkpoint = record::Checkpoint::verify(note.as_bytes(), &reader.verifier()?)?;
    match output.format {
        Format::Json => output
            .json(&json!({ "origin": checkpoint.origin, "size": checkpoint.size, "checkpoint": note }))?,
        Format::Human => io::stdout().lock().write_all(note.as_bytes())?,
    }
    Ok(Verdict::Done)
}

/// Makes proofs of decisions by their ids, or of whatever matches.
pub(super) fn prove(
    reader: &LogReader,
    arguments: &ProveArguments,
    output: Output,
) -> anyhow::Result<Verdict> {
    let has_conditions = arguments.given().next().is_some();
    match (arguments.ids.as_slice(), has_conditions) {
        ([], false) => bail!("say what to prove: decision ids, or conditions such as --key ID --since 2h"),
        ([_, ..], true) => bail!("give decision ids or conditions, not both"),
        ([id], false) => {
            let id = DecisionId::parse(id)?;
            print(&mut io::stdout().lock(), Some(id), &reader.prove(id)?, output)?;
        }
        (ids, false) => {
            let ids: Vec<DecisionId> =
                ids.iter().map(|id| DecisionId::parse(id)).collect::<Result<_, _>>()?;
            let mut found = Vec::new();
            for id in ids {
                let entries = reader.find(id)?;
                if entries.is_empty() {
                    bail!("no entry with the id {id} is in the log");
                }
                found.extend(entries.into_iter().map(Ok));
            }
            prove_each(reader, found.into_iter(), output)?;
        }
        ([], true) => {
            let order = order_of(arguments.given())?;
            prove_each(reader, reader.search(order.filter())?, output)?;
        }
    }
    Ok(Verdict::Done)
}

/// Prints a proof of each entry; what no checkpoint covers yet is told, since it is left out.
fn prove_each(
    reader: &LogReader,
    entries: impl Iterator<Item = Result<Entry, recorder::reader::ReadLogError>>,
    output: Output,
) -> anyhow::Result<()> {
    let prover = reader.prover()?;
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut proven, mut waiting) = (0_u64, 0_u64);
    for entry in entries {
        let entry = entry?;
        if prover.size() <= entry.index {
            waiting += 1;
            continue;
        }
        if print(&mut out, entry.leaf()?.id(), &prover.prove(&entry)?, output)? {
            return Ok(());
        }
        proven += 1;
    }
    is_gone(out.flush())?;
    output.note(&format!("{proven} entries are proven, under a checkpoint over {} entries", prover.size()));
    if 0 < waiting {
        output.note(&format!("{waiting} entries are not under a checkpoint yet; try again in a second"));
    }
    Ok(())
}

/// Whether whoever reads has gone away.
fn print(
    out: &mut impl io::Write,
    id: Option<DecisionId>,
    proof: &Proof,
    output: Output,
) -> io::Result<bool> {
    let proof = proof.to_string();
    match output.format {
        Format::Json => {
            let id = id.map(|id| id.to_string());
            is_gone(writeln!(out, "{}", json!({ "id": id, "proof": proof })))
        }
        Format::Human => is_gone(out.write_all(proof.as_bytes())),
    }
}

/// Checks every proof of a file, and that each of the ids is proven there.
pub(super) fn check(
    arguments: &ProveArguments,
    verifier: &Verifier,
    output: Output,
) -> anyhow::Result<Verdict> {
    if arguments.given().next().is_some() {
        bail!("conditions choose what to prove; to check a file, give --check with ids or none");
    }
    let path = arguments.check.as_deref().context("say which file to check with --check FILE")?;
    let ids = arguments.ids.iter().map(|id| DecisionId::parse(id));
    let ids: Vec<DecisionId> = ids.collect::<Result<_, _>>()?;
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut proofs = Proofs { source: BufReader::new(file), next: Vec::new() };
    let (mut missing, mut checked) = (ids.clone(), Checked::default());
    while let Some(bytes) = proofs.next()? {
        match proven(&bytes, verifier) {
            Ok(proven) if ids.is_empty() || proven.id.is_some_and(|id| ids.contains(&id)) => {
                missing.retain(|id| Some(*id) != proven.decided);
                checked.proven += 1;
                checked.size = checked.size.max(proven.size);
                match output.format {
                    Format::Json => {
                        let id = proven.id.map(|id| id.to_string());
                        output.json(&json!({ "ok": true, "id": id, "detail": proven.lines.join("\n") }))?;
                    }
                    Format::Human => {
                        proven.lines.iter().try_for_each(|line| output.line(&printable(line)))?;
                    }
                }
            }
            // It is about something else than what was asked.
            Ok(_) => {}
            Err(error) => {
                checked.refused += 1;
                refuse(None, &format!("{error:#}"), output)?;
            }
        }
    }
    for id in &missing {
        refuse(Some(*id), "the file holds no proof of this decision", output)?;
    }
    let ok = 0 < checked.proven && checked.refused == 0 && missing.is_empty();
    if output.format == Format::Human {
        output.line(&checked.summary(ok, verifier, output))?;
    }
    Ok(if ok { Verdict::Done } else { Verdict::No })
}

#[derive(Default)]
struct Checked {
    proven: u64,
    refused: u64,
    /// How many entries the largest checkpoint signs.
    size: u64,
}

impl Checked {
    fn summary(&self, ok: bool, verifier: &Verifier, output: Output) -> String {
        let word = match ok {
            true => output.tone(Tone::Good, "proven"),
            false => output.tone(Tone::Bad, "not proven"),
        };
        format!(
            "{word}: {} entries are in the log `{}`, by its signature over {} entries; {} proofs do not hold",
            self.proven,
            verifier.name(),
            self.size,
            self.refused
        )
    }
}

fn refuse(id: Option<DecisionId>, detail: &str, output: Output) -> io::Result<()> {
    let id = id.map(|id| id.to_string());
    match output.format {
        Format::Json => output.json(&json!({ "ok": false, "id": id, "detail": detail })),
        Format::Human => output.line(&format!("not proven: {} {detail}", id.unwrap_or_default())),
    }
}

/// An entry that was shown to be in the log.
struct Shown {
    id: Option<DecisionId>,
    /// The same where the entry holds the decision, and not its ending alone.
    decided: Option<DecisionId>,
    /// How many entries the checkpoint signs.
    size: u64,
    /// The entry as lines of JSON.
    lines: Vec<String>,
}

fn proven(bytes: &[u8], verifier: &Verifier) -> anyhow::Result<Shown> {
    let proof = Proof::parse(bytes)?;
    let proven = proof.verify(verifier)?;
    let stored = proof.stored()?;
    let lines = record::json::render(proof.index, &stored)?;
    let leaf = Leaf::decode(stored.leaf)?;
    let decided = leaf.decided().map(|decided| decided.id);
    Ok(Shown { id: leaf.id(), decided, size: proven.checkpoint.size, lines })
}

/// The proofs of a file, one at a time.
struct Proofs<R> {
    source: R,
    /// What was read of the next one: its first line.
    next: Vec<u8>,
}

impl<R: io::BufRead> Proofs<R> {
    /// The bytes of the next proof, up to one more than a proof may have.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut proof = std::mem::take(&mut self.next);
        loop {
            let mut line = Vec::new();
            let room = (PROOF_BYTES_MAX + 1).saturating_sub(proof.len());
            self.source.by_ref().take(room as u64).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                return Ok((!proof.is_empty()).then_some(proof));
            }
            if !proof.is_empty() && line.strip_suffix(b"\n") == Some(FIRST_LINE.as_bytes()) {
                self.next = line;
                return Ok(Some(proof));
            }
            proof.append(&mut line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &[u8]) -> Vec<Vec<u8>> {
        let mut proofs = Proofs { source: text, next: Vec::new() };
        let mut found = Vec::new();
        while let Some(proof) = proofs.next().unwrap() {
            found.push(proof);
        }
        found
    }

    #[test]
    fn proofs_are_told_apart_by_their_first_line() {
        let one = format!("{FIRST_LINE}\nindex 0\n\nnote\n\n— name AAAA\n");
        let two = format!("{FIRST_LINE}\nindex 1\n\nnote\n\n— name BBBB\n");
        assert_eq!(cut(format!("{one}{two}").as_bytes()), [one.as_bytes(), two.as_bytes()]);
        assert_eq!(cut(one.as_bytes()), [one.as_bytes()]);
        assert_eq!(cut(b""), [b""; 0]);
        assert_eq!(cut(b"no proof\n"), [b"no proof\n"]);
        // What stands before the first one, or in the middle of a line, is part of a proof, which then does not hold.
        assert_eq!(cut(format!("x{one}").as_bytes()).len(), 1);
        assert_eq!(cut(format!("x\n{one}").as_bytes()), [b"x\n".as_slice(), one.as_bytes()]);
    }

    #[test]
    fn what_is_too_long_for_a_proof_is_cut_where_that_shows() {
        let long = vec![b'a'; 2 * PROOF_BYTES_MAX + 10];
        let found = cut(&long);
        assert!(found.iter().all(|part| part.len() <= PROOF_BYTES_MAX + 1));
        assert!(Proof::parse(&found[0]).is_err());
    }
}

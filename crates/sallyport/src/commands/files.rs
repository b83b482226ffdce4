//! Commands that need the files alone: `config check`, `schema`, `completions`.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::CommandFactory as _;
use control::files;

use super::Verdict;
use crate::cli::{Cli, Global};
use crate::output::{Format, Output, Tone, printable};
use crate::system;

/// The largest document that is read.
const DOCUMENT_BYTES_MAX: u64 = 16 << 20;

/// Reads an OpenAPI document; `-` is standard input.
pub(super) fn read_document(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let context = || format!("cannot read the document {}", path.display());
    if path == Path::new("-") {
        std::io::stdin().take(DOCUMENT_BYTES_MAX + 1).read_to_string(&mut text).with_context(context)?;
    } else {
        let file = std::fs::File::open(path).with_context(context)?;
        file.take(DOCUMENT_BYTES_MAX + 1).read_to_string(&mut text).with_context(context)?;
    }
    let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if DOCUMENT_BYTES_MAX < length {
        bail!("the document {} is longer than {DOCUMENT_BYTES_MAX} bytes", path.display());
    }
    Ok(text)
}

pub(super) fn check(global: &Global, output: Output) -> anyhow::Result<Verdict> {
    let read = files::read_all(&global.dir)?;
    let (errors, warnings) = match control::check::check(&read) {
        Ok(checked) => {
            // The files know no clock, so how far off an end of observation may be is judged here, as by the gateway.
            let now = system::now();
            let apis = checked.repository.apis.iter();
            let mut errors: Vec<_> = apis.filter_map(|api| api.check_observe_until(now).err()).collect();
            let mut warnings = checked.warnings;
            warnings.extend(control::check_expiries(&checked.policies, now));
            match control::check_tls(&global.dir, &checked.repository, now) {
                Ok(found) => warnings.extend(found),
                Err(found) => errors.extend(found),
            }
            (errors, warnings)
        }
        Err(control::ControlError::Files(errors)) => (errors, Vec::new()),
        Err(other) => return Err(other.into()),
    };
    let shown =
        errors.iter().map(|error| (error, "error")).chain(warnings.iter().map(|error| (error, "warning")));
    for (finding, severity) in shown {
        match output.format {
            Format::Json => {
                let mut row = control::error_json(finding);
                if let Some(fields) = row.as_object_mut() {
                    fields.insert("severity".to_owned(), severity.into());
                }
                output.json(&row)?;
            }
            Format::Human => {
                let tone = if severity == "error" { Tone::Bad } else { Tone::Warning };
                output.line(&format!(
                    "{}: {}",
                    output.tone(tone, severity),
                    printable(&finding.to_string())
                ))?;
            }
        }
    }
    if errors.is_empty() {
        if output.format == Format::Human {
            let counted = match warnings.len() {
                0 => String::new(),
                1 => ", 1 warning".to_owned(),
                count => format!(", {count} warnings"),
            };
            output.line(&format!("{} in order{counted}", output.tone(Tone::Good, "the files are")))?;
        }
        return Ok(Verdict::Done);
    }
    Err(crate::UsageError(format!("{} in the files", count(errors.len()))).into())
}

fn count(errors: usize) -> String {
    if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") }
}

pub(super) fn schema(global: &Global, output: Output) -> anyhow::Result<Verdict> {
    let read = files::read_all(&global.dir)?;
    let checked = control::check::check(&read)?;
    let text = checked.policies.schema_text();
    match output.format {
        Format::Json => output.json(&serde_json::json!({ "schema": text }))?,
        Format::Human => output.line(text.trim_end())?,
    }
    Ok(Verdict::Done)
}

pub(super) fn completions(shell: clap_complete::Shell, output: Output) -> anyhow::Result<Verdict> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sallyport", &mut script);
    output.line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Verdict::Done)
}

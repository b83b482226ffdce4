//! Commands that need the files alone: `init`, `config check`, `schema`, `completions`.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::CommandFactory as _;
use control::files;
use control::init::{ApiOrder, repository_files};
use model::{ApiName, TeamName};

use super::Verdict;
use crate::cli::{Cli, Global, InitArguments};
use crate::output::{Format, Output, Tone, printable};
use crate::system;

/// The largest document that is read.
const DOCUMENT_BYTES_MAX: u64 = 16 << 20;

pub(super) fn init(arguments: &InitArguments, output: Output) -> anyhow::Result<Verdict> {
    let document = arguments.api.openapi.as_deref().map(read_document).transpose()?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => default_name(document.as_deref(), &arguments.directory),
    };
    let name = ApiName::parse(&name).context("choose a name with --name")?;
    let order = ApiOrder {
        name: name.clone(),
        host: arguments.host.clone(),
        upstream: arguments.api.upstream.clone(),
        owner: TeamName::parse(&format!("{name}-team"))?,
        document: document.map(String::into_bytes),
        today: system::now(),
    };
    let new = match repository_files(&order) {
        Ok(new) => new,
        Err(error) => bail!("nothing was written: {}", control::chain(&error)),
    };
    std::fs::create_dir_all(&arguments.directory)
        .with_context(|| format!("cannot make {}", arguments.directory.display()))?;
    files::create_all(&arguments.directory, &new)?;
    let directory = arguments.directory.display().to_string();
    if output.format == Format::Json {
        let paths: Vec<&str> = new.iter().map(|(path, _)| path.as_str()).collect();
        output.json(&serde_json::json!({ "directory": directory, "api": name.as_str(), "files": paths }))?;
        return Ok(Verdict::Done);
    }
    for (path, _) in &new {
        output.line(&format!("{directory}/{path}"))?;
    }
    let mode = if order.document.is_some() {
        "Nothing is allowed yet: policies/ has no grant that is switched on."
    } else {
        "Without a document the API is observed for 14 days: everything passes and what would be denied is recorded."
    };
    output.note(&format!(
        "\n{mode}\nNext:\n  sallyport --dir {directory} up\n  sallyport --dir {directory} app create web --team {name}-team\n  sallyport --dir {directory} key create --app web --scope {name}"
    ));
    Ok(Verdict::Done)
}

/// The document's title or the folder's name, as a name.
fn default_name(document: Option<&str>, directory: &Path) -> String {
    let title = document
        .and_then(|text| catalog::read_document(text.as_bytes()).ok())
        .map(|document| document.title)
        .unwrap_or_default();
    let folder = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let slug = |text: &str| {
        let mut slug = String::new();
        for character in text.to_lowercase().chars() {
            match character {
                'a'..='z' | '0'..='9' => slug.push(character),
                _ if slug.ends_with('-') || slug.is_empty() => {}
                _ => slug.push('-'),
            }
        }
        slug.trim_end_matches('-').chars().take(40).collect::<String>()
    };
    let first_words = |text: &str| text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    [slug(&first_words(&title)), slug(folder), "api".to_owned()]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default()
}

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
            (apis.filter_map(|api| api.check_observe_until(now).err()).collect(), checked.warnings)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_from_the_title_or_the_folder() {
        let document = "openapi: 3.1.0\ninfo: { title: 'Harbour Orders API', version: '1' }\npaths: {}\n";
        assert_eq!(default_name(Some(document), Path::new("/x/shop")), "harbour-orders");
        assert_eq!(default_name(None, Path::new("/x/My Shop")), "my-shop");
        assert_eq!(default_name(None, Path::new("/")), "api");
    }
}

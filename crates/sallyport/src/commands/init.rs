//! `init`: a new policy repository, for an API or from what was seen of several.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use control::files;
use control::init::{ApiOrder, Begin, SeenApi, repository_files, seen_files};
use inventory::Stated;
use inventory::openapi::{Style, document};
use model::{ApiName, HostName, TeamName};

use super::Verdict;
use super::files::read_document;
use crate::UsageError;
use crate::cli::InitArguments;
use crate::discover::moment;
use crate::output::{Format, Output, Tone, printable};
use crate::system;

pub(super) fn run(arguments: &InitArguments, output: Output) -> anyhow::Result<Verdict> {
    if arguments.from.is_empty() { for_an_api(arguments, output) } else { from_inventory(arguments, output) }
}

fn for_an_api(arguments: &InitArguments, output: Output) -> anyhow::Result<Verdict> {
    let [upstream] = arguments.upstream.as_slice() else {
        return Err(UsageError("give one --upstream; several go with --from".to_owned()).into());
    };
    let document = arguments.openapi.as_deref().map(read_document).transpose()?;
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None => default_name(document.as_deref(), &arguments.directory),
    };
    let name = ApiName::parse(&name).context("choose a name with --name")?;
    let order = ApiOrder {
        name: name.clone(),
        host: arguments.host.clone(),
        upstream: upstream.clone(),
        owner: TeamName::parse(&format!("{name}-team"))?,
        document: document.map(String::into_bytes),
        begin: Begin::ByDocument,
        today: system::now(),
    };
    let mode = if order.document.is_some() {
        "Nothing is allowed yet: policies/ has no grant that is switched on."
    } else {
        "Without a document the API is observed for 14 days: everything passes and what would be denied is recorded."
    };
    let files = repository_files(&order);
    if let Ok(files) = &files {
        tell_findings(files, output)?;
    }
    write(&arguments.directory, &[name], files, mode, output)
}

/// How much is declared, and what of the document is not: what is missing is refused later, where nobody thinks of it.
fn tell_findings(files: &[(String, Vec<u8>)], output: Output) -> anyhow::Result<()> {
    let checked = control::check::check(&files.iter().cloned().collect())?;
    for warning in &checked.warnings {
        output.note(&output.tone(Tone::Warning, &printable(&format!("warning: {warning}"))));
    }
    match checked.catalog.operations().len() {
        1 => output.note("1 operation is declared"),
        count => output.note(&format!("{count} operations are declared")),
    }
    Ok(())
}

/// An API per host, each with the document of what was seen of it.
fn from_inventory(arguments: &InitArguments, output: Output) -> anyhow::Result<Verdict> {
    if arguments.openapi.is_some() {
        return Err(
            UsageError("--openapi does not go with --from, which writes the documents".to_owned()).into()
        );
    }
    let stated = crate::discover::operations(&arguments.from, arguments.host.as_deref(), output)?;
    let mut by_host: BTreeMap<String, Vec<Stated>> = BTreeMap::new();
    for one in stated {
        by_host.entry(one.host.clone()).or_default().push(one);
    }
    if by_host.contains_key("") {
        bail!("some requests name no host; say which with --host, or `HOST=FILE` in --from");
    }
    by_host.retain(|host, _| is_host(host, output));
    if by_host.is_empty() {
        bail!(
            "no request was answered with success at a host that an API can have, so there is nothing to declare"
        );
    }
    let upstreams = upstreams(&arguments.upstream)?;
    let missing: Vec<&str> =
        by_host.keys().map(String::as_str).filter(|host| upstreams.of(host).is_none()).collect();
    if let Some(first) = missing.first() {
        bail!(
            "there is no upstream for {}; give --upstream {first}=http://HOST:PORT for each, or --upstream URL for all",
            printable(&missing.join(", "))
        );
    }
    let mut taken = BTreeSet::new();
    let mut apis: Vec<SeenApi> = Vec::new();
    for (host, operations) in by_host {
        let wanted = arguments.name.clone().filter(|_| apis.is_empty());
        let name = distinct(&wanted.unwrap_or_else(|| slug(&host)), &mut taken);
        let name = ApiName::parse(&name).context("choose a name with --name")?;
        let owner = match apis.first() {
            Some(first) => first.order.owner.clone(),
            None => TeamName::parse(&format!("{name}-team"))?,
        };
        let written = document(&host, &operations, Style { moment, states: false });
        for one in &written.left_out {
            output.note(&printable(&format!(
                "not declared: {} {host}{}: {}",
                one.method, one.path, one.reason
            )));
        }
        apis.push(SeenApi {
            order: ApiOrder {
                name,
                upstream: upstreams.of(&host).unwrap_or_default().to_owned(),
                // What a gateway saw of an API that answers to any host is of no host in particular.
                host: Some(host).filter(|host| host != "*"),
                owner,
                document: Some(written.document.to_yaml().into_bytes()),
                begin: Begin::Observed,
                today: system::now(),
            },
            operations,
        });
    }
    let source = arguments.from.join(", ");
    let names: Vec<ApiName> = apis.iter().map(|api| api.order.name.clone()).collect();
    let mode = "The documents hold what was seen, so every API is observed for 14 days: what they lack passes and is recorded.\nThe grants in policies/*-seen.cedar are switched off; each line says what it rests on.";
    write(&arguments.directory, &names, seen_files(&apis, &source), mode, output)
}

/// Whether an API can be declared at a host. Logs hold what callers write into `Host`, and one such line must not stop the others.
fn is_host(host: &str, output: Output) -> bool {
    match HostName::parse(host) {
        Ok(_) => true,
        // What a gateway saw of an API that answers to any host is of no host in particular.
        Err(_) if host == "*" => true,
        Err(error) => {
            output.note(&printable(&format!("left out: what was seen at `{host}`: {error}")));
            false
        }
    }
}

type NewFiles = Result<Vec<(String, Vec<u8>)>, control::ControlError>;

/// Writes the files and says what comes next. `names` has the first API first.
fn write(
    directory: &Path,
    names: &[ApiName],
    new: NewFiles,
    mode: &str,
    output: Output,
) -> anyhow::Result<Verdict> {
    let new = match new {
        Ok(new) => new,
        Err(error) => bail!("nothing was written: {}", control::chain(&error)),
    };
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    files::create_all(directory, &new)?;
    let name = names.first().map_or("", |name| name.as_str());
    let directory = directory.display().to_string();
    if output.format == Format::Json {
        let paths: Vec<&str> = new.iter().map(|(path, _)| path.as_str()).collect();
        let apis: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        output.json(
            &serde_json::json!({ "directory": directory, "api": name, "apis": apis, "files": paths }),
        )?;
        return Ok(Verdict::Done);
    }
    for (path, _) in &new {
        output.line(&format!("{directory}/{path}"))?;
    }
    output.note(&format!(
        "\n{mode}\nNext:\n  sallyport --dir {directory} up\n  sallyport --dir {directory} app create web --team {name}-team\n  sallyport --dir {directory} key create --app web --scope {name}"
    ));
    Ok(Verdict::Done)
}

/// Upstreams as they were named: by host, and for all others.
struct Upstreams<'a> {
    by_host: BTreeMap<String, &'a str>,
    other: Option<&'a str>,
}

impl Upstreams<'_> {
    fn of(&self, host: &str) -> Option<&str> {
        self.by_host.get(host).copied().or(self.other)
    }
}

fn upstreams(given: &[String]) -> anyhow::Result<Upstreams<'_>> {
    let mut upstreams = Upstreams { by_host: BTreeMap::new(), other: None };
    for text in given {
        match text.split_once('=').filter(|(host, _)| !host.contains('/')) {
            Some((host, url)) => drop(upstreams.by_host.insert(host.to_ascii_lowercase(), url)),
            None if upstreams.other.is_some() => {
                return Err(UsageError(
                    "one --upstream may be for all hosts; name the others as HOST=URL".to_owned(),
                )
                .into());
            }
            None => upstreams.other = Some(text),
        }
    }
    Ok(upstreams)
}

fn distinct(wanted: &str, taken: &mut BTreeSet<String>) -> String {
    let with = |number: usize| if number == 1 { wanted.to_owned() } else { format!("{wanted}-{number}") };
    let free = (1..).map(with).find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(free.clone());
    free
}

/// The document's title or the folder's name, as a name.
fn default_name(document: Option<&str>, directory: &Path) -> String {
    let title = document
        .and_then(|text| catalog::read_document(text.as_bytes()).ok())
        .map(|document| document.title)
        .unwrap_or_default();
    let folder = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let first_words = |text: &str| text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    [slugged(&first_words(&title)), slugged(folder), "api".to_owned()]
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_default()
}

/// The first part of a host as a name; a part that tells nothing is passed over.
fn slug(host: &str) -> String {
    let name = host.split(':').next().unwrap_or_default();
    let part = name.split('.').find(|part| !matches!(*part, "www" | "api")).unwrap_or_default();
    // An address has no part that is a name.
    let is_name = part.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
    let slug = slugged(if is_name { part } else { name });
    if slug.is_empty() {
        "api".to_owned()
    } else if slug.chars().next().is_some_and(|first| first.is_ascii_alphabetic()) {
        slug
    } else {
        format!("api-{slug}")
    }
}

fn slugged(text: &str) -> String {
    let mut slug = String::new();
    for character in text.to_lowercase().chars() {
        match character {
            'a'..='z' | '0'..='9' => slug.push(character),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_end_matches('-').chars().take(40).collect()
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

    #[test]
    fn a_name_comes_from_the_host() {
        for (host, name) in [
            ("shop.example.com", "shop"),
            ("api.shop.example", "shop"),
            ("www.example", "example"),
            ("10.0.0.7:8080", "api-10-0-0-7"),
            ("localhost", "localhost"),
            ("*", "api"),
        ] {
            assert_eq!(slug(host), name, "{host}");
            assert!(ApiName::parse(&slug(host)).is_ok(), "{host}");
        }
    }

    #[test]
    fn upstreams_are_for_a_host_or_for_all() {
        let given = ["Shop.example=http://127.0.0.1:1".to_owned(), "http://127.0.0.1:2/?a=b".to_owned()];
        let known = upstreams(&given).unwrap();
        assert_eq!(known.of("shop.example"), Some("http://127.0.0.1:1"));
        assert_eq!(known.of("other.example"), Some("http://127.0.0.1:2/?a=b"));
        assert!(upstreams(&["http://a".to_owned(), "http://b".to_owned()]).is_err());
    }
}

//! `sallyport discover`: logs in, operations out. It needs no repository and no gateway, and it grants nothing.
//!
//! Inputs are read in blocks of whole lines ([`source`]), which all cores feed into inventories of their own ([`feed`]); what
//! these saw is joined, compared with documents ([`documents`]) and printed ([`report`], [`written`], [`page`]). The inventory is a function of
//! the set of lines, so the number of cores and the order of files change nothing.

mod attention;
mod blind;
mod documents;
mod feed;
mod found;
mod page;
mod report;
mod source;
#[cfg(test)]
mod testing;
mod written;

use std::path::Path;

use anyhow::Context as _;
use inventory::{Contract, Exposure, Force, Inventory, Override, Prior, Said, Settings, classify};
use traffic::FieldMap;

use crate::cli::{DiscoverArguments, DiscoverCommand, DiscoverFormat, MergeArguments, Selection};
use crate::commands::Verdict;
use crate::output::Output;
use feed::{Input, Taken, Wanted};

pub(crate) use found::operations;
pub(crate) use report::moment;

/// Runs the command.
pub(crate) fn run(arguments: &DiscoverArguments, output: Output) -> anyhow::Result<Verdict> {
    if let Some(DiscoverCommand::Merge(arguments)) = &arguments.command {
        return merge(arguments, output);
    }
    let format = arguments.format.as_str();
    let wanted = Wanted::of_name(format)
        .with_context(|| format!("there is no format `{format}`; there are {}", Wanted::names()))?;
    let fields = FieldMap::default().with(&arguments.fields).context("--fields cannot be used")?;
    let mut contracts = documents::read(&arguments.selection.openapi)?;
    let counting = counting(&arguments.selection, &contracts)?;
    let mut inventory = Inventory::new(counting.clone());
    // Said now, it comes before what a state says.
    inventory.add_overrides(overrides(&arguments.selection)?);
    let (mut taken, mut failed) = (Vec::new(), Vec::new());
    for text in &arguments.inputs {
        let input = Input::of(text, arguments.host.as_deref());
        // One that cannot be read stops no other; all that could be is shown before it is told.
        match feed::input(&input, wanted, &fields, &counting, output) {
            Ok((seen, told)) => {
                inventory.merge(seen);
                taken.push(told);
            }
            Err(error) => failed.push(error.context(format!("{} cannot be read", input.name()))),
        }
    }
    let told = if taken.is_empty() { failed.pop() } else { None };
    for error in &failed {
        output.note(&crate::output::printable(&format!("{error:#}")));
    }
    if let Some(error) = told {
        return Err(error);
    }
    save(arguments.save_state.as_deref(), &inventory)?;
    let settings = settings(arguments);
    let verdict = show(inventory, &taken, &mut contracts, &settings, &arguments.selection, output)?;
    let broken = taken.iter().filter(|one| one.broken.is_some()).count() + failed.len();
    if broken != 0 {
        let all = arguments.inputs.len();
        anyhow::bail!(
            "{broken} of {all} inputs could not be read to their end; what is shown is of the rest"
        );
    }
    Ok(verdict)
}

fn merge(arguments: &MergeArguments, output: Output) -> anyhow::Result<Verdict> {
    let mut contracts = documents::read(&arguments.selection.openapi)?;
    let mut inventory = Inventory::new(counting(&arguments.selection, &contracts)?);
    inventory.add_overrides(overrides(&arguments.selection)?);
    for path in &arguments.states {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let state = Inventory::from_bytes(&bytes, Settings::default())
            .with_context(|| format!("{} holds no state of `discover`", path.display()))?;
        inventory.merge(state);
    }
    save(arguments.save_state.as_deref(), &inventory)?;
    let states = listed(arguments.states.iter().map(|path| path.display()));
    show(inventory, &[], &mut contracts, &[("States", states)], &arguments.selection, output)
}

/// How is counted: hosts that somebody named are kept, however many others there are.
fn counting(selection: &Selection, contracts: &[Contract]) -> anyhow::Result<Settings> {
    let named = said(&selection.exposure)?.into_iter().map(|said| said.pattern);
    let documented = contracts.iter().flat_map(|one| one.host.iter().chain(&one.servers).cloned());
    Ok(Settings { named_hosts: named.chain(documented).collect(), ..Settings::default() })
}

/// What was asked for, for those who only see what came of it.
fn settings(arguments: &DiscoverArguments) -> Vec<(&'static str, String)> {
    let mut settings = vec![("Format", arguments.format.clone())];
    if !arguments.fields.is_empty() {
        settings.push(("Fields", arguments.fields.clone()));
    }
    settings.extend(arguments.host.iter().map(|host| ("Host of lines that name none", host.clone())));
    settings
}

fn listed(things: impl Iterator<Item = impl std::fmt::Display>) -> String {
    things.map(|thing| thing.to_string()).collect::<Vec<_>>().join(", ")
}

/// Written aside and renamed, so that a state is whole or not there.
fn save(path: Option<&Path>, inventory: &Inventory) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    crate::system::write_private(path, &inventory.to_bytes())
}

/// What was seen, with the templates of documents as known beforehand. Which host a document is about is told by what was seen
/// without them.
fn with_documents(mut seen: Inventory, contracts: &mut [Contract]) -> Inventory {
    if contracts.is_empty() {
        return seen;
    }
    let placed = inventory::hosts(contracts, &seen.operations());
    let mut priors = Vec::new();
    for (contract, host) in contracts.iter_mut().zip(placed) {
        contract.host = host;
        priors.extend(contract.operations.iter().map(|one| Prior {
            host: contract.host.clone(),
            method: one.method.clone(),
            path: one.path.clone(),
            numbers: one.numbers.clone(),
        }));
    }
    seen.set_priors(priors);
    seen
}

/// `[HOST]/PATH`, as `--literal` and `--parameter` give it.
fn overrides(selection: &Selection) -> anyhow::Result<Vec<Override>> {
    let literal = selection.literal.iter().map(|text| (text, Force::Literal));
    let parameter = selection.parameter.iter().map(|text| (text, Force::Parameter));
    let one = |(text, force): (&String, Force)| {
        let (host, prefix) = crate::commands::place_of(text)?;
        Ok(Override { host, prefix, force })
    };
    literal.chain(parameter).map(one).collect()
}

/// `HOST=EXPOSURE`, as `--exposure` gives it.
fn said(texts: &[String]) -> anyhow::Result<Vec<Said>> {
    let one = |text: &String| {
        let parsed = text.split_once('=').and_then(|(host, word)| Some((host, Exposure::of_word(word)?)));
        let (host, exposure) = parsed.ok_or_else(|| {
            crate::UsageError(format!(
                "`{text}` is no exposure of a host; write HOST=internal, partner, public or third-party"
            ))
        })?;
        Ok(Said { pattern: host.to_ascii_lowercase(), exposure })
    };
    texts.iter().map(one).collect()
}

fn show(
    inventory: Inventory,
    taken: &[Taken],
    contracts: &mut [Contract],
    settings: &[(&'static str, String)],
    selection: &Selection,
    output: Output,
) -> anyhow::Result<Verdict> {
    if selection.output_dir.is_some() && selection.output != DiscoverFormat::Openapi {
        return Err(crate::UsageError("--output-dir goes with --output openapi".to_owned()).into());
    }
    let inventory = with_documents(inventory, contracts);
    let hosts = inventory.hosts();
    let (operations, noise) = inventory.found();
    let end = hosts.iter().filter_map(|host| host.last_seen).max();
    let mut stated = classify(operations, contracts, end);
    let said = said(&selection.exposure)?;
    stated.iter_mut().for_each(|one| one.expose(&said));
    let gaps = inventory.gaps();
    let dropped = inventory.dropped_hosts();
    let compared = report::Compared::of(contracts);
    match selection.output {
        DiscoverFormat::Openapi => {
            written::documents(&stated, compared, selection.output_dir.as_deref(), output)?
        }
        DiscoverFormat::Html => {
            let documents = contracts.iter().map(|one| match &one.host {
                Some(host) => format!("{} ({} operations, of {host})", one.name, one.operations.len()),
                None => format!("{} ({} operations)", one.name, one.operations.len()),
            });
            let documents =
                ("Documents", if contracts.is_empty() { "none".to_owned() } else { listed(documents) });
            let page = page::html(&page::Found {
                stated: &stated,
                compared,
                hosts: &hosts,
                noise: &noise,
                taken,
                gaps: &gaps,
                dropped: dropped.as_ref(),
                settings: &[settings, &[documents]].concat(),
                made_at: crate::system::now(),
            })?;
            page.print(output)?;
        }
        DiscoverFormat::Table | DiscoverFormat::Jsonl | DiscoverFormat::Json => {
            report::operations(&stated, compared, selection.output, output)?;
        }
    }
    let dropped = dropped.as_ref();
    let blind = blind::Blind { stated: &stated, taken, hosts: &hosts, gaps: &gaps, dropped, compared };
    report::surroundings(&blind, &noise, output);
    let fails = stated.iter().any(|one| selection.fail_on.iter().any(|state| state == one.state.as_str()));
    Ok(if fails { Verdict::No } else { Verdict::Done })
}

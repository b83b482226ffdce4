//! OpenAPI documents that an inventory is compared with.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use catalog::{Lifecycle, ParameterKind, PathParameter, read_document};
use inventory::{Contract, Declared};

/// Reads every document: files, and all of a folder that end as documents do. `HOST=FILE` says which host one is about.
pub(super) fn read(named: &[String]) -> anyhow::Result<Vec<Contract>> {
    let mut contracts = Vec::new();
    for text in named {
        let (host, path) = match text.split_once('=') {
            Some((host, path)) if !host.contains('/') && !Path::new(text).exists() => (Some(host), path),
            Some(_) | None => (None, text.as_str()),
        };
        let mut paths = Vec::new();
        list(Path::new(path), &mut paths)?;
        anyhow::ensure!(!paths.is_empty(), "{path} holds no document that ends in .yaml, .yml or .json");
        for path in paths {
            contracts.push(contract(&path, host)?);
        }
    }
    Ok(contracts)
}

/// A file, or the documents of a folder and of those below it, in the order of their names.
fn list(path: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !metadata.is_dir() {
        paths.push(path.to_owned());
        return Ok(());
    }
    let entries = std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.sort();
    for path in found {
        let is_document =
            path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|one| end == *one));
        if path.is_dir() || is_document {
            list(&path, paths)?;
        }
    }
    Ok(())
}

/// Names of parameters that are numbers.
fn numbers(parameters: &[PathParameter]) -> Vec<String> {
    parameters.iter().filter(|one| one.kind == ParameterKind::Long).map(|one| one.name.clone()).collect()
}

fn contract(path: &Path, host: Option<&str>) -> anyhow::Result<Contract> {
    let context = || format!("cannot read the document {}", path.display());
    let bytes = std::fs::read(path).with_context(context)?;
    let document = read_document(&bytes).with_context(context)?;
    let base = document.base_paths.first().map_or("", |base| base.trim_end_matches('/'));
    let operations = document.operations.iter().map(|one| Declared {
        method: one.method.as_str().to_owned(),
        path: format!("{base}{}", one.path),
        numbers: numbers(&one.parameters),
        is_deprecated: one.lifecycle == Lifecycle::Deprecated,
        query: Some(one.query.iter().map(|one| (one.name.clone(), one.required)).collect()),
        answers: one.answers.clone(),
        request_types: one.request_types.clone(),
        answer_types: one.answer_types.clone(),
    });
    Ok(Contract {
        name: path.display().to_string(),
        host: host.map(str::to_ascii_lowercase),
        operations: operations.collect(),
        servers: document.hosts.clone(),
        title: document.title.clone(),
        version: document.api_version.clone(),
        base: base.to_owned(),
    })
}

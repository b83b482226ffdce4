//! What documents declare, as the inventory is compared with it.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Catalog, Hosts, Lifecycle, read_document};
use config::ApiConfig;
use inventory::{Contract, Declared, Drift, Examples, canonical};
use serde::Serialize;

use super::{api_of, numbers};
use crate::live::Loaded;

/// Stands for the host of what an API serves that answers to any: callers choose it, and it tells nothing of the API.
pub(super) const ANY_HOST: &str = "*";

/// What is in force, as the inventory needs it.
pub(super) struct Looked {
    pub(super) snapshot: Loaded,
    /// Whom each API is for, by its name.
    pub(super) exposures: BTreeMap<String, &'static str>,
    /// The APIs whose examples may have values.
    pub(super) shown: BTreeSet<String>,
}

impl Looked {
    pub(super) fn catalog(&self) -> &Catalog {
        self.snapshot.catalog()
    }

    /// Whether the one API there is answers to any host.
    pub(super) fn is_any_host(&self) -> bool {
        self.catalog().apis().iter().any(|api| matches!(api.hosts, Hosts::Any))
    }

    /// What may be shown and kept of the paths of an operation.
    pub(super) fn examples(&self, host: &str, path: &str) -> Examples {
        match api_of(self.catalog(), host, path) {
            Some(api) if self.shown.contains(api.name.as_str()) => Examples::Values,
            Some(_) | None => Examples::Redacted,
        }
    }
}

/// How what was seen differs from the document; all lists are empty where it does not, or where nobody tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DriftView {
    /// Names of query parameters that are sent and not declared.
    pub undeclared_query: Vec<String>,
    /// Required ones that no request had which succeeded.
    pub unsent_query: Vec<String>,
    /// Statuses that the API answered; those of the gateway itself are not among them.
    pub undeclared_statuses: Vec<u16>,
    pub undeclared_request_types: Vec<String>,
    pub undeclared_answer_types: Vec<String>,
}

impl DriftView {
    pub(super) fn of(drift: &Drift) -> Self {
        Self {
            undeclared_query: drift.undeclared_query.clone(),
            unsent_query: drift.unsent_query.clone(),
            undeclared_statuses: drift.undeclared_statuses.clone(),
            undeclared_request_types: drift.undeclared_request_types.clone(),
            undeclared_answer_types: drift.undeclared_answer_types.clone(),
        }
    }
}

/// What documents declare beside templates, by API, method and canonical path without the base path.
#[derive(Debug, Default)]
pub(super) struct Compared(BTreeMap<String, BTreeMap<(String, String), Declared>>);

impl Compared {
    /// Reads documents. One that cannot be read is none that is in force; it is compared with nothing.
    pub(super) fn read(documents: Vec<(ApiConfig, Vec<u8>)>) -> Self {
        let declared = |bytes: &[u8]| -> BTreeMap<(String, String), Declared> {
            let operations = read_document(bytes).map(|document| document.operations).unwrap_or_default();
            let one = |one: catalog::DeclaredOperation| {
                let key = (one.method.as_str().to_owned(), canonical(&one.path));
                let told = Declared {
                    query: Some(one.query.into_iter().map(|one| (one.name, one.required)).collect()),
                    answers: one.answers,
                    request_types: one.request_types,
                    answer_types: one.answer_types,
                    ..Declared::default()
                };
                (key, told)
            };
            operations.into_iter().map(one).collect()
        };
        Self(documents.iter().map(|(api, bytes)| (api.name.to_string(), declared(bytes))).collect())
    }
}

/// What each API declares on each of its hosts.
pub(super) fn contracts(catalog: &Catalog, compared: &Compared) -> Vec<Contract> {
    let mut contracts = Vec::new();
    for api in catalog.apis() {
        let told = compared.0.get(api.name.as_str());
        let declared = catalog.operations().iter().skip(place(api.operations.start));
        let operations: Vec<Declared> = declared
            .take(place(api.operations.end.saturating_sub(api.operations.start)))
            .map(|operation| {
                let path = operation.template.to_string();
                let method = operation.method.as_str().to_owned();
                let below = api.base_path.below(&path).unwrap_or(&path);
                let key = (method.clone(), canonical(if below.is_empty() { "/" } else { below }));
                let told = told.and_then(|told| told.get(&key)).cloned().unwrap_or_default();
                let numbers = numbers(&operation.parameters);
                let is_deprecated = operation.lifecycle == Lifecycle::Deprecated;
                Declared { method, path, numbers, is_deprecated, ..told }
            })
            .collect();
        let hosts: Vec<String> = match &api.hosts {
            Hosts::Listed(hosts) => hosts.iter().map(ToString::to_string).collect(),
            Hosts::Any => vec![ANY_HOST.to_owned()],
        };
        contracts.extend(hosts.into_iter().map(|host| Contract {
            name: api.name.to_string(),
            host: Some(host),
            operations: operations.clone(),
            ..Contract::default()
        }));
    }
    contracts
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

//! Adopting an operation: from the inventory into its API's document, as a change of a file that a person reviews.
//!
//! It joins no group and must widen no grant. Where a policy would reach it all the same, because it covers every operation of the
//! API, that is told and nothing is written unless it is asked for.

use catalog::{ReadDocumentError, Spanning, Template, read_document};
use config::edit::{NewOperation, add_operation};
use inventory::openapi::{self, Style};
use inventory::{Parameter, State, Stated, ValueKind, canonical};
use model::Method;
use policy::{PolicySummary, ValidationCache};
use serde::Serialize;

use crate::actor::{Actor, Needs};
use crate::apis::find;
use crate::check::{Checked, check_with};
use crate::declarations::base_path_of;
use crate::files::{self, Files};
use crate::force::{Bringing, Growth};
use crate::inventory::{FoundView, InventoryOrder, moment};
use crate::{Control, ControlError, chain};

/// What is adopted, and how.
#[derive(Clone, Debug, Default)]
pub struct AdoptOrder {
    /// Which operation.
    pub operation: InventoryOrder,
    /// Why; may be empty.
    pub reason: String,
    /// Whether policies may reach it at once.
    pub accept_gains: bool,
    /// Nothing is written; the change is shown.
    pub dry_run: bool,
}

/// What adopting did, or would do.
#[derive(Clone, Debug, Serialize)]
pub struct AdoptView {
    pub api: String,
    /// The id of the operation in policies.
    pub operation: String,
    /// The document, in the repository.
    pub file: String,
    /// The lines that the document gains.
    pub added: Vec<String>,
    /// Permits that reach it at once, by their ids.
    pub gains: Vec<String>,
    /// Places of its path whose values read like names, as paths with `{}` for what stands before: each of these values is this
    /// one operation, whoever called it and whatever it does.
    pub names: Vec<String>,
    pub written: bool,
}

/// A document before and after.
struct Change {
    file: String,
    before: String,
    after: String,
}

impl Control {
    /// Writes an operation that was seen into its API's document.
    pub fn adopt(&self, actor: &Actor, order: &AdoptOrder) -> Result<AdoptView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let (found, stated) = self.adoptable(actor, &order.operation)?;
        let mut known = self.files();
        let mut all = files::read_all(&self.folder)?;
        let before = check_with(&all, &mut known).map_err(ControlError::Files)?;
        let (api, change) = change(&before, &found, &stated)?;
        self.demand_owner_of(actor, &self.state(), &find(&before.repository.apis, &api)?.name)?;
        all.insert(change.file.clone(), change.after.clone().into_bytes());
        let names = names(&stated);
        let view = AdoptView { names, ..judge(&mut known, &all, &before, &api, &found, &change)? };
        if order.dry_run {
            return Ok(view);
        }
        if !view.gains.is_empty() && !order.accept_gains {
            return Err(ControlError::invalid(
                format!("{} would reach `{}` at once", view.gains.join(", "), view.operation),
                "narrow them to operations or groups, or say --accept-gains",
            ));
        }
        self.refuse_unseen_growth(&all, Growth::None)?;
        let object = format!("operation {}", view.operation);
        self.record(actor, "inventory.adopt", &object, &order.reason)?;
        let written = files::replace(&self.folder, &change.file, change.after.as_bytes());
        self.carried(actor, "inventory.adopt", &object, written)?;
        self.reload_holding(&mut known, &Bringing::quietly(actor, "operation adopted"))?;
        Ok(AdoptView { written: true, ..view })
    }

    /// The one operation that is meant, if it can be adopted.
    fn adoptable(&self, actor: &Actor, order: &InventoryOrder) -> Result<(FoundView, Stated), ControlError> {
        let (found, stated) = self.only_one(actor, order)?;
        let name = format!("{} {}{}", found.method, found.host, found.path);
        if found.api.is_empty() {
            return Err(ControlError::invalid(
                format!("no API serves `{name}`"),
                "declare one with `sallyport api add`",
            ));
        }
        if stated.state != State::Shadow {
            return Err(ControlError::invalid(
                format!("`{name}` is {}, not shadow", found.state),
                "there is nothing to adopt",
            ));
        }
        if Method::of_token(found.method.as_bytes()) == Method::Unlisted {
            return Err(ControlError::invalid(
                format!("no document can declare the method `{}`", found.method),
                "leave it undeclared: it stays denied",
            ));
        }
        Ok((found, stated))
    }
}

/// The document of the operation's API with the operation in it.
fn change(before: &Checked, found: &FoundView, stated: &Stated) -> Result<(String, Change), ControlError> {
    let api = find(&before.repository.apis, &found.api)?;
    let base = base_path_of(api).map_err(|error| ControlError::Files(vec![error]))?;
    let relative = base.below(&found.path).filter(|path| !path.is_empty()).ok_or_else(|| {
        ControlError::invalid(
            format!("no path of `{}` is `{}`: its paths lie below `{base}`", api.name, found.path),
            "adopt it into another API",
        )
    })?;
    let method = found.method.to_ascii_lowercase();
    let style = Style { moment, states: false };
    let entry = openapi::operation(stated, relative, style).ok_or_else(|| ControlError::Absent {
        what: "operation in the inventory",
        name: found.path.clone(),
    })?;
    let (file, text) = match &api.document {
        Some(document) => (document.path.clone(), String::from_utf8_lossy(&document.bytes).into_owned()),
        None => (format!("apis/{}/openapi.yaml", api.name), skeleton(&api.name.to_string())),
    };
    let new = NewOperation {
        path: relative,
        method: &method,
        yaml: &|indent| entry.to_yaml_at(indent),
        json: &entry.to_json(),
    };
    let by_hand = |why: &str| {
        ControlError::invalid(
            format!("`{file}` cannot be edited: {why}"),
            format!(
                "add this under its paths by hand:\n  {relative}:\n    {method}:\n{}",
                entry.to_yaml_at(6)
            ),
        )
    };
    let after = add_operation(&text, &new)
        .ok_or_else(|| by_hand("it is not laid out in blocks, or its lines end in different ways"))?;
    let read = |text: &str| {
        read_document(text.as_bytes()).map_err(|error: ReadDocumentError| by_hand(&chain(&error)))
    };
    let (old, now) = (read(&text)?, read(&after)?);
    let is_new = |one: &&catalog::DeclaredOperation| {
        !old.operations.iter().any(|known| known.method == one.method && known.path == one.path)
    };
    let gained: Vec<_> = now.operations.iter().filter(is_new).collect();
    let is_it =
        gained.iter().all(|one| one.path == relative && one.method.as_str().eq_ignore_ascii_case(&method));
    if gained.len() != 1 || !is_it || now.operations.len() != old.operations.len() + 1 {
        return Err(by_hand("the edit would say something else"));
    }
    Ok((api.name.to_string(), Change { file, before: text, after }))
}

/// Whether everything still loads, and who would gain.
fn judge(
    known: &mut ValidationCache,
    all: &Files,
    before: &Checked,
    api: &str,
    found: &FoundView,
    change: &Change,
) -> Result<AdoptView, ControlError> {
    let after = check_with(all, known).map_err(ControlError::Files)?;
    // Ids have decoded paths.
    let path = Template::parse(&found.path, Spanning::AsWritten)
        .map_or_else(|_| found.path.clone(), |template| template.to_string());
    let operation = format!("{api}:{} {path}", found.method);
    let Some(index) = after.catalog.by_id(&operation) else {
        return Err(ControlError::invalid(
            format!("`{operation}` is not among the operations of the edited document"),
            "add it by hand",
        ));
    };
    let reach = |policy: &PolicySummary<'_>| policy.effect.as_str() == "permit";
    let mut gains: Vec<String> =
        after.policies.reaching(index).filter(reach).map(|policy| policy.id.to_string()).collect();
    gains.sort();
    // An operation that was declared before, which `adoptable` refuses, would be reached already.
    if let Some(index) = before.catalog.by_id(&operation) {
        let had: Vec<String> = before.policies.reaching(index).map(|policy| policy.id.to_string()).collect();
        gains.retain(|gain| !had.contains(gain));
    }
    Ok(AdoptView {
        api: api.to_owned(),
        operation,
        file: change.file.clone(),
        added: added(&change.before, &change.after),
        gains,
        names: Vec::new(),
        written: false,
    })
}

/// The places of its path that names were read as values of. An operation that only some may call can be among them.
fn names(stated: &Stated) -> Vec<String> {
    let parameters = stated.seen.iter().flat_map(|seen| &seen.parameters);
    let named =
        |one: &&Parameter| matches!(one.kind, ValueKind::Code | ValueKind::FileName | ValueKind::Text);
    let place = |one: &Parameter| {
        let hole = format!("{{{}}}", one.name);
        let before = stated.path.split_once(&hole).map_or("", |(before, _)| before);
        format!("{}{{}}", canonical(before))
    };
    parameters.filter(named).map(place).collect()
}

/// The lines of `after` that an insertion put there.
fn added(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let count = new.len().saturating_sub(old.len());
    new.iter().skip(same).take(count.max(1)).map(|line| (*line).to_owned()).collect()
}

fn skeleton(name: &str) -> String {
    // In quotes: `on` and `123` are names of APIs, too.
    format!("openapi: 3.1.0\ninfo:\n  title: \"{name}\"\n  version: \"0.0.0\"\npaths: {{}}\n")
}

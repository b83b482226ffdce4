//! Policy files to rules.
//!
//! Every file is read to the end and every finding is kept, so that one round of mending is enough. A file that
//! does not parse gives no rules at all; nothing is half used.

mod annotations;
mod names;
mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::Catalog;
use cedar_policy::ffi::{DetailedError, SourceLabel};
use cedar_policy::{PolicySet, pst};
use model::PolicyId;

use crate::diagnostic::{Diagnostic, Severity, position};
use crate::digest::ContentHash;
use crate::lint;
use crate::reads::Reads;
use crate::rule::{Effect, Origin, Rule, Scope};
use crate::source::{Directory, POLICIES_MAX, POLICY_FILE_BYTES_MAX, PolicySource};

pub(crate) use names::Vocabulary;
pub use names::nearest_names;

/// The texts that places in diagnostics refer to.
#[derive(Debug)]
pub(crate) struct Files<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Files<'a> {
    pub(crate) fn new(sources: &'a [PolicySource]) -> Self {
        // Of two files with one name the first is read and the second refused.
        let named = sources.iter().rev().map(|source| (source.path.as_str(), source.text.as_str()));
        Self(named.collect())
    }

    pub(crate) fn at(
        &self,
        file: &str,
        offset: usize,
        severity: Severity,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Diagnostic {
        let (line, column) = position(self.0.get(file).copied().unwrap_or(""), offset);
        Diagnostic { file: file.to_owned(), line, column, reason: reason.into(), fix: fix.into(), severity }
    }

    pub(crate) fn at_rule(
        &self,
        rule: &Rule,
        severity: Severity,
        reason: impl Into<String>,
        fix: impl Into<String>,
    ) -> Diagnostic {
        self.at(&rule.origin.file, rule.origin.offset, severity, reason, fix)
    }
}

/// What loading gives: rules in the order of files and of their places in them, and every finding.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub rules: Vec<Rule>,
    /// Numbers of rules in which an error was found: nothing more is said about them.
    pub unsound: BTreeSet<usize>,
    pub diagnostics: Vec<Diagnostic>,
}

pub(crate) fn load(
    sources: &[PolicySource],
    files: &Files<'_>,
    catalog: &Catalog,
    directory: &Directory,
) -> Loaded {
    let vocabulary = Vocabulary::new(catalog, directory);
    let mut loaded = Loaded { rules: Vec::new(), unsound: BTreeSet::new(), diagnostics: Vec::new() };
    let mut paths = BTreeSet::new();
    for source in sources {
        if !paths.insert(source.path.as_str()) {
            let reason = "two policy files have this name";
            loaded.diagnostics.push(files.at(&source.path, 0, Severity::Error, reason, "rename one of them"));
            continue;
        }
        load_file(source, files, &vocabulary, &mut loaded);
    }
    if POLICIES_MAX < loaded.rules.len() {
        let reason = format!("there are {} policies; the limit is {POLICIES_MAX}", loaded.rules.len());
        let path = sources.first().map_or("", |source| source.path.as_str());
        loaded.diagnostics.push(files.at(
            path,
            0,
            Severity::Error,
            reason,
            "remove policies, or grant to groups",
        ));
    }
    refuse_duplicates(&mut loaded, files);
    loaded
}

fn load_file(source: &PolicySource, files: &Files<'_>, vocabulary: &Vocabulary<'_>, loaded: &mut Loaded) {
    let path = source.path.as_str();
    if POLICY_FILE_BYTES_MAX < source.text.len() {
        let reason = format!("the file is {} bytes; the limit is {POLICY_FILE_BYTES_MAX}", source.text.len());
        loaded.diagnostics.push(files.at(path, 0, Severity::Error, reason, "split the file"));
        return;
    }
    if let Some((offset, excess)) = scan::find_excess(&source.text) {
        let (reason, fix) = match excess {
            scan::TooMuch::Nesting => {
                (format!("nested deeper than {} brackets", scan::NESTING_MAX), "split the condition")
            }
            scan::TooMuch::Operators => (
                format!("more than {} operators in one policy", scan::OPERATORS_MAX),
                "split the policy; use sets and groups rather than chains",
            ),
            scan::TooMuch::PolicyBytes => {
                (format!("a policy longer than {} bytes", scan::POLICY_BYTES_MAX), "split the policy")
            }
        };
        loaded.diagnostics.push(files.at(path, offset, Severity::Error, reason, fix));
        return;
    }
    match source.text.parse::<PolicySet>() {
        Err(errors) => {
            for error in errors.iter() {
                loaded.diagnostics.push(unparsed(path, &DetailedError::from(error), files));
            }
        }
        Ok(set) => load_set(source, &set, files, vocabulary, loaded),
    }
}

fn unparsed(path: &str, error: &DetailedError, files: &Files<'_>) -> Diagnostic {
    let label = error.source_locations.first();
    let reason = match label.and_then(|label| label.label.as_deref()) {
        Some(expected) => format!("{}: {expected}", error.message),
        None => error.message.clone(),
    };
    let fix = error.help.clone().unwrap_or_else(|| {
        "a policy is `permit (principal, action, resource) when { … };` or the same with `forbid`".to_owned()
    });
    let offset = label.map_or(0, |SourceLabel { loc, .. }| loc.start);
    files.at(path, offset, Severity::Error, reason, fix)
}

/// One statement of a file: its number as Cedar counts, its text, and the policy where it is none with slots.
struct Statement {
    number: usize,
    text: String,
    policy: Option<cedar_policy::Policy>,
}

fn statements(set: &PolicySet) -> Vec<Statement> {
    let number = |id: &cedar_policy::PolicyId| {
        let id: &str = id.as_ref();
        id.strip_prefix("policy").and_then(|number| number.parse().ok()).unwrap_or(usize::MAX)
    };
    let policies = set.policies().map(|policy| Statement {
        number: number(policy.id()),
        text: policy.to_cedar().unwrap_or_default(),
        policy: Some(policy.clone()),
    });
    let templates = set.templates().map(|template| Statement {
        number: number(template.id()),
        text: template.to_cedar(),
        policy: None,
    });
    let mut statements: Vec<_> = policies.chain(templates).collect();
    statements.sort_by_key(|statement| statement.number);
    statements
}

fn load_set(
    source: &PolicySource,
    set: &PolicySet,
    files: &Files<'_>,
    vocabulary: &Vocabulary<'_>,
    loaded: &mut Loaded,
) {
    let file: Arc<str> = source.path.as_str().into();
    let mut end = 0;
    for (place, statement) in statements(set).into_iter().enumerate() {
        let offset = scan::skip_trivia(&source.text, end);
        end = offset + statement.text.len();
        let (line, column) = position(&source.text, offset);
        let origin = Origin { file: Arc::clone(&file), line, column, offset };
        let Some(policy) = statement.policy else {
            let reason = "templates (`?principal`, `?resource`) are not supported";
            let fix = "write a policy that names whom and what it is about";
            loaded.diagnostics.push(files.at(&file, offset, Severity::Error, reason, fix));
            continue;
        };
        let number = loaded.rules.len();
        match rule(&policy, statement.text, origin, place + 1, number, files, vocabulary) {
            Ok((rule, diagnostics)) => {
                if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
                    loaded.unsound.insert(number);
                }
                loaded.rules.push(rule);
                loaded.diagnostics.extend(diagnostics);
            }
            Err(diagnostics) => loaded.diagnostics.extend(diagnostics),
        }
    }
}

fn rule(
    policy: &cedar_policy::Policy,
    text: String,
    origin: Origin,
    place: usize,
    number: usize,
    files: &Files<'_>,
    vocabulary: &Vocabulary<'_>,
) -> Result<(Rule, Vec<Diagnostic>), Vec<Diagnostic>> {
    let effect = match policy.effect() {
        cedar_policy::Effect::Permit => Effect::Permit,
        cedar_policy::Effect::Forbid => Effect::Forbid,
    };
    let annotated = annotations::read(policy, effect, &origin, &text, place, files);
    let mut diagnostics = annotated.diagnostics;
    diagnostics.extend(vocabulary.check(policy, &origin, &text, files));
    let template = match policy.to_pst() {
        Ok(pst::Policy::Static(policy)) => policy.body().clone(),
        Ok(pst::Policy::Linked(_)) | Err(_) => {
            let reason = "the policy uses a form that is not supported";
            let fix = "use the forms that Cedar's reference describes";
            diagnostics.push(files.at(&origin.file, origin.offset, Severity::Error, reason, fix));
            return Err(diagnostics);
        }
    };
    let reads = Reads::of(template.clauses());
    diagnostics.extend(lint::shape(&template, &reads, &origin, files));
    let Some(id) = annotated.id else {
        return Err(diagnostics);
    };
    let mut content = ContentHash::new("policy");
    content.text(id.as_str());
    content.text(effect.as_str());
    content.text(&text);
    let rule = Rule {
        effect,
        origin,
        text,
        annotations: annotated.annotations,
        scope: Scope::of(&template),
        template,
        policy: policy.new_id(cedar_policy::PolicyId::new(number.to_string())),
        reads,
        content: content.short(),
        id,
    };
    Ok((rule, diagnostics))
}

fn refuse_duplicates(loaded: &mut Loaded, files: &Files<'_>) {
    let mut first: BTreeMap<&PolicyId, &Rule> = BTreeMap::new();
    for rule in &loaded.rules {
        if let Some(other) = first.get(&rule.id) {
            let Origin { file, line, .. } = &other.origin;
            let reason = format!("`{}` is also the id of the policy at {file}:{line}", rule.id);
            let fix = "give each policy an `@id` of its own";
            loaded.diagnostics.push(files.at_rule(rule, Severity::Error, reason, fix));
        } else {
            first.insert(&rule.id, rule);
        }
    }
}

//! Reading the log for administrators: find entries, the entries of one decision, erase a subject.

use std::collections::BTreeSet;

use model::{ApplicationName, DecisionId, DenyReason, Timestamp, Verdict};
use recorder::reader::search::Filter;
use recorder::{LogReader, Subject};
use serde::Serialize;
use serde_json::Value;

use crate::actor::{Actor, Needs};
use crate::reasons::given;
use crate::{Control, ControlError, chain};

/// Entries that are given when nobody says how many.
const LIMIT: usize = 100;
/// The most entries of one answer.
const LIMIT_MAX: usize = 10_000;

/// What to look for, as text, and how many entries to give.
#[derive(Clone, Debug, Default)]
pub struct SearchOrder {
    filter: Filter,
    limit: Option<usize>,
}

/// What an erasure did.
#[derive(Clone, Debug, Serialize)]
pub struct ErasedView {
    pub subject: String,
    pub entries: u64,
}

impl SearchOrder {
    /// Sets one condition by its name; false where there is none of this name.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, ControlError> {
        let bad = |what: &str, fix: &str| ControlError::invalid(format!("`{value}` is no {what}"), fix);
        let time =
            || Timestamp::parse(value).map_err(|_| bad("time", "write it as 2026-12-31 or as RFC 3339"));
        match name {
            "caller" => self.filter.caller = Some(value.to_owned()),
            "operation" => self.filter.operation = Some(value.to_owned()),
            "api" => self.filter.api = Some(value.to_owned()),
            "verdict" => {
                let names = "use allowed, denied, stepped_up, would_deny or would_step_up";
                self.filter.verdict = Some(Verdict::parse(value).ok_or_else(|| bad("verdict", names))?);
            }
            "reason" => {
                let fix = "use a reason's code, for example no_grant";
                self.filter.reason = Some(DenyReason::parse(value).ok_or_else(|| bad("reason", fix))?);
            }
            "id" => {
                let fix = "copy it from `Sallyport-Decision-Id`";
                self.filter.id = Some(DecisionId::parse(value).map_err(|_| bad("decision id", fix))?);
            }
            "since" => self.filter.from = Some(time()?),
            "until" => self.filter.to = Some(time()?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                self.limit = Some(limit.ok_or_else(|| bad("limit", "use 1 to 10000"))?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The conditions.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// How many entries to give.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT)
    }
}

/// Reads a subject as `audit erase` names it; which keys an application has is for the store to say.
pub fn subject(text: &str) -> Result<Subject, ControlError> {
    let wrong = || {
        ControlError::invalid(
            format!("`{text}` is no subject"),
            "use app:NAME, workload:NAME, user:ISSUER/NAME or ip:ADDRESS",
        )
    };
    match text.split_once(':').ok_or_else(wrong)? {
        ("app", name) if !name.is_empty() => {
            Ok(Subject::Application { name: name.to_owned(), keys: BTreeSet::new() })
        }
        ("workload", name) if !name.is_empty() => Ok(Subject::Workload(name.to_owned())),
        ("user", name) if !name.is_empty() => Ok(Subject::User(name.to_owned())),
        ("ip", address) => Ok(Subject::SourceIp(address.parse().map_err(|_| wrong())?)),
        _ => Err(wrong()),
    }
}

/// Matching entries of a log, newest first, as JSON.
pub fn search_log(reader: &LogReader, order: &SearchOrder) -> Result<Vec<Value>, ControlError> {
    let log = |error: &dyn std::error::Error| ControlError::Log { what: chain(error) };
    let mut found = Vec::new();
    for entry in reader.search(order.filter()).map_err(|error| log(&error))? {
        let entry = entry.map_err(|error| log(&error))?;
        for line in entry.json().map_err(|error| log(&error))? {
            let value: Value = serde_json::from_str(&line).map_err(|error| log(&error))?;
            found.push(value);
        }
        if order.limit() <= found.len() {
            break;
        }
    }
    found.truncate(order.limit());
    Ok(found)
}

impl Control {
    /// Finds entries, newest first.
    pub fn search(&self, actor: &Actor, order: &SearchOrder) -> Result<Vec<Value>, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        self.flush_log()?;
        search_log(&self.log_reader(), order)
    }

    /// The entries of one decision, oldest first.
    pub fn decision(&self, actor: &Actor, id: &str) -> Result<Vec<Value>, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        let entries = self.entries_of(id)?;
        if entries.is_empty() {
            return Err(ControlError::Absent { what: "decision", name: id.to_owned() });
        }
        Ok(entries)
    }

    /// Removes a subject's personal data from the log; every proof stays valid. An application takes along what was
    /// recorded of attempts that claimed one of its keys. Changes that administrators made keep the names of what they
    /// changed: they say who answers for it.
    pub fn erase(&self, actor: &Actor, text: &str, reason: &str) -> Result<ErasedView, ControlError> {
        self.demand(actor, Needs::Admin)?;
        let subject = self.with_keys(subject(text)?)?;
        let reason = &given(reason, "an erasure")?;
        // The subject is not named: an erasure that leaves the name in the log would be none.
        self.record(actor, "log.erase", "a subject", reason)?;
        let erased =
            self.recorder().erase(&subject).map_err(|error| ControlError::Log { what: chain(&error) })?;
        self.erase_usage(&subject)?;
        let counted = match &subject {
            Subject::Application { name, .. } => Some(format!("app:{name}")),
            Subject::Workload(name) => Some(format!("workload:{name}")),
            Subject::SourceIp(_) | Subject::User(_) => None,
        };
        if let Some(caller) = counted {
            // What is counted and not stored yet would bring the name back.
            self.flush_rollups()?;
            self.state().store.erase_rollups(&caller)?;
        }
        if let Subject::Application { name, .. } = &subject {
            self.forget_caller(name)?;
            self.forget_claimed(name)?;
        }
        Ok(ErasedView { subject: text.to_owned(), entries: erased.entries })
    }

    /// The subject with the ids of its keys, those included that are revoked.
    fn with_keys(&self, subject: Subject) -> Result<Subject, ControlError> {
        match subject {
            Subject::Application { name, .. } => {
                let keys = match ApplicationName::parse(&name) {
                    Ok(name) => self.state().store.keys_of(&name)?.iter().map(|key| key.id).collect(),
                    Err(_) => BTreeSet::new(),
                };
                Ok(Subject::Application { name, keys })
            }
            Subject::SourceIp(_) | Subject::User(_) | Subject::Workload(_) => Ok(subject),
        }
    }

    pub(crate) fn entries_of(&self, id: &str) -> Result<Vec<Value>, ControlError> {
        let mut order = SearchOrder::default();
        if DecisionId::parse(id).is_err() {
            return Err(ControlError::Absent { what: "decision", name: id.to_owned() });
        }
        order.set("id", id)?;
        self.flush_log()?;
        let mut entries = search_log(&self.log_reader(), &order)?;
        entries.reverse();
        Ok(entries)
    }

    /// What workers wrote before this call can be read after it.
    fn flush_log(&self) -> Result<(), ControlError> {
        self.recorder().flush().map_err(|error| ControlError::Log { what: chain(&error) })
    }

    fn log_reader(&self) -> LogReader {
        LogReader::open(&self.log_folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_or_refused() {
        let mut order = SearchOrder::default();
        for (name, value, taken) in [
            ("caller", "app:web", Some(true)),
            ("verdict", "denied", Some(true)),
            ("verdict", "perhaps", None),
            ("reason", "no_grant", Some(true)),
            ("reason", "because", None),
            ("id", "short", None),
            ("since", "2026-11-01", Some(true)),
            ("since", "yesterday", None),
            ("limit", "0", None),
            ("limit", "10001", None),
            ("limit", "5", Some(true)),
            ("colour", "red", Some(false)),
        ] {
            assert_eq!(order.set(name, value).ok(), taken, "{name}={value}");
        }
        assert_eq!(order.limit(), 5);
    }

    #[test]
    fn subjects_are_named_by_kind() {
        let web = Subject::Application { name: "web".into(), keys: BTreeSet::new() };
        assert_eq!(subject("app:web").unwrap(), web);
        assert!(subject("ip:10.0.0.1").is_ok());
        assert_eq!(subject("workload:spiffe://a/b").unwrap(), Subject::Workload("spiffe://a/b".into()));
        for text in ["web", "app:", "workload:", "ip:host", "key:abc", ""] {
            assert!(subject(text).is_err(), "{text}");
        }
    }
}

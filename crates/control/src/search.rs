//! Reading the log for administrators: find entries, the entries of one decision, erase a subject.

use std::collections::BTreeSet;

use model::{ApplicationName, DecisionId, DenyReason, KeyId, Network, Timestamp, Verdict};
use record::ParamKey;
use recorder::reader::search::{Filter, ParamIs};
use recorder::{LogReader, Subject};
use serde::Serialize;
use serde_json::Value;

use crate::actor::{Actor, Needs};
use crate::reasons::given;
use crate::{Control, ControlError, chain};

/// Entries that are given when nobody says how many.
pub const SEARCH_LIMIT: usize = 100;
/// The longest code of a refusal that is looked for.
const CODE_BYTES_MAX: usize = 64;
/// The most entries of one answer.
pub const SEARCH_LIMIT_MAX: usize = 10_000;

/// What to look for, as text, and how many entries to give.
#[derive(Clone, Debug)]
pub struct SearchOrder {
    now: Timestamp,
    filter: Filter,
    /// A path parameter's name and value. They become a condition where the log's key is at hand.
    param: Option<(String, String)>,
    limit: usize,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitOf {
    /// Each decision and each ending, as JSON has them.
    Entries,
    /// What stands under one number: mostly a decision with its ending, which text shows in one line.
    Lines,
}

/// Entries that were found, the newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// Those of one number together: a decision, its ending, or both.
    pub lines: Vec<Vec<Value>>,
    /// Where more match than were asked for, the number of the last that is given: the next are `before` it.
    pub more: Option<u64>,
}

/// What an erasure did.
#[derive(Clone, Debug, Serialize)]
pub struct ErasedView {
    pub subject: String,
    pub entries: u64,
}

impl SearchOrder {
    /// Everything, as asked at `now`, by which `40m` is a point of time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now, filter: Filter::default(), param: None, limit: SEARCH_LIMIT }
    }

    /// Sets one condition by its name; false where there is none of this name.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, ControlError> {
        let bad = |what: &str, fix: &str| ControlError::invalid(format!("`{value}` is no {what}"), fix);
        let filter = &mut self.filter;
        match name {
            "caller" => filter.caller = Some(value.to_owned()),
            "team" => filter.team = Some(value.to_owned()),
            "user" => filter.user = Some(value.to_owned()),
            "operation" => filter.operation = Some(value.to_owned()),
            "api" => filter.api = Some(value.to_owned()),
            "key" => {
                let fix = "use the id that `sallyport key list` shows, which is no secret";
                filter.key = Some(KeyId::parse(value.as_bytes()).map_err(|_| bad("key id", fix))?);
            }
            "network" => {
                let fix = "write an address, or a network as 203.0.113.0/24";
                filter.network = Some(Network::parse(value).map_err(|_| bad("network", fix))?);
            }
            "verdict" => {
                let names = "use allowed, denied, stepped_up, would_deny or would_step_up";
                filter.verdict = Some(Verdict::parse(value).ok_or_else(|| bad("verdict", names))?);
            }
            "reason" => {
                let fix =
                    "use a reason's code, for example no_grant, or the finer one that lines of the log show";
                match DenyReason::parse(value) {
                    Some(reason) => filter.reason = Some(reason),
                    None if is_code(value) => filter.code = Some(value.to_owned()),
                    None => return Err(bad("reason", fix)),
                }
            }
            "id" => {
                let fix = "copy it from `Sallyport-Decision-Id`";
                filter.id = Some(DecisionId::parse(value).map_err(|_| bad("decision id", fix))?);
            }
            "since" => filter.from = Some(point_of_time(value, self.now)?),
            "until" => filter.to = Some(point_of_time(value, self.now)?),
            "before" => {
                let fix = "use the number of an entry: its `index`";
                filter.before = Some(value.parse().map_err(|_| bad("number of an entry", fix))?);
            }
            "param" => {
                let fix = "write it as NAME=VALUE, the name as the operation has it: orderId=77";
                let (name, value) = value
                    .split_once('=')
                    .filter(|(name, _)| !name.is_empty())
                    .ok_or_else(|| bad("path parameter", fix))?;
                self.param = Some((name.to_owned(), value.to_owned()));
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=SEARCH_LIMIT_MAX).contains(limit));
                let fix = format!("use 1 to {SEARCH_LIMIT_MAX}, and `before` to go on");
                self.limit = limit.ok_or_else(|| bad("limit", &fix))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The conditions, but for a path parameter, which needs the log's key.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// How many entries to give.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The same with the path parameter as entries hold it.
    fn hashed(&self, key: &ParamKey) -> Self {
        let mut order = self.clone();
        if let Some((name, value)) = order.param.take() {
            let hash = key.hash(&name, value.as_bytes());
            order.filter.param = Some(ParamIs { name, value, hash });
        }
        order
    }
}

/// Whether a text has the form of a refusal's own code, such as `key_checksum`. Which there are, no one place knows.
fn is_code(text: &str) -> bool {
    text.len() <= CODE_BYTES_MAX
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && text.contains('_')
}

/// Reads a time, or how long before `now` it was: `40m`, `2h`, `7d`.
pub(crate) fn point_of_time(value: &str, now: Timestamp) -> Result<Timestamp, ControlError> {
    if let Ok(time) = Timestamp::parse(value) {
        return Ok(time);
    }
    let fix = "write it as 2026-12-31, as RFC 3339, or as how long ago: 40m, 2h, 7d";
    let bad = |_| ControlError::invalid(format!("`{value}` is no time"), fix);
    config::parse_duration(value).map(|ago| now.minus(ago)).map_err(bad)
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

/// Matching entries of a log, newest first, as JSON. What stands under one number is not parted, unless the limit is one entry.
pub fn search_log(reader: &LogReader, order: &SearchOrder, of: LimitOf) -> Result<Found, ControlError> {
    let log = |error: &dyn std::error::Error| ControlError::Log { what: chain(error) };
    if order.param.is_some() {
        let fix = "ask the gateway: it has the key that parameters are hashed under";
        return Err(ControlError::invalid("the log's files alone do not tell a parameter's value", fix));
    }
    let (mut found, mut count, mut last) = (Found::default(), 0, None);
    for entry in reader.search(order.filter()).map_err(|error| log(&error))? {
        if order.limit() <= count {
            found.more = last;
            break;
        }
        let entry = entry.map_err(|error| log(&error))?;
        let mut line = Vec::new();
        for text in entry.json().map_err(|error| log(&error))? {
            let value: Value = serde_json::from_str(&text).map_err(|error| log(&error))?;
            line.push(value);
        }
        count += match of {
            LimitOf::Entries => line.len(),
            LimitOf::Lines => 1,
        };
        if order.limit() < count {
            if last.is_some() {
                found.more = last;
                break;
            }
            line.truncate(order.limit());
        }
        last = Some(entry.index);
        found.lines.push(line);
    }
    Ok(found)
}

impl Control {
    /// What to look for in the log, as asked now.
    #[must_use]
    pub fn search_order(&self) -> SearchOrder {
        SearchOrder::at(self.now())
    }

    /// Finds entries, newest first.
    pub fn search(&self, actor: &Actor, order: &SearchOrder) -> Result<Vec<Value>, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        self.flush_log()?;
        let found = search_log(&self.log_reader(), &order.hashed(&self.param_key()), LimitOf::Entries)?;
        Ok(found.lines.into_iter().flatten().collect())
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
        let mut order = self.search_order();
        if DecisionId::parse(id).is_err() {
            return Err(ControlError::Absent { what: "decision", name: id.to_owned() });
        }
        order.set("id", id)?;
        self.flush_log()?;
        let mut found = search_log(&self.log_reader(), &order, LimitOf::Entries)?;
        // Those of one number are in order already.
        found.lines.reverse();
        Ok(found.lines.into_iter().flatten().collect())
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
        let now = Timestamp::parse("2026-11-28T01:00:00Z").unwrap();
        let mut order = SearchOrder::at(now);
        for (name, value, taken) in [
            ("caller", "app:web", Some(true)),
            ("verdict", "denied", Some(true)),
            ("verdict", "perhaps", None),
            ("reason", "no_grant", Some(true)),
            ("reason", "because", None),
            ("reason", "key_checksum", Some(true)),
            ("reason", "Key_Checksum", None),
            ("id", "short", None),
            ("since", "2026-11-01", Some(true)),
            ("since", "yesterday", None),
            ("until", "0x40m", None),
            ("until", "7d", Some(true)),
            ("since", "40m", Some(true)),
            ("key", "l41N3Xzhytop", Some(true)),
            ("key", "not/a/key", None),
            ("network", "127.1.0.0/16", Some(true)),
            ("network", "127.1.0.0/99", None),
            ("network", "0.0.0.0/0", None),
            ("team", "partners", Some(true)),
            ("user", "corp/ada", Some(true)),
            ("param", "orderId=77", Some(true)),
            ("param", "orderId=", Some(true)),
            ("param", "=77", None),
            ("param", "77", None),
            ("before", "4711", Some(true)),
            ("before", "-1", None),
            ("limit", "0", None),
            ("limit", "10001", None),
            ("limit", "5", Some(true)),
            ("colour", "red", Some(false)),
        ] {
            assert_eq!(order.set(name, value).ok(), taken, "{name}={value}");
        }
        assert_eq!(order.limit(), 5);
        let before = |minutes: u64| Some(now.minus(std::time::Duration::from_secs(60 * minutes)));
        assert_eq!(order.filter().from, before(40));
        assert_eq!(order.filter().to, before(7 * 24 * 60));
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

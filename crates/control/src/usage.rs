//! Usage: what the log says of who called what, rolled up by equal facts into the store.
//!
//! The log is read behind the requests, never on their way: every few minutes, whenever somebody asks, and at the end. How
//! far it was read stands in the store with the sums, in one transaction, so that a call is counted once whenever the process
//! before ended. The roll-ups have a connection of their own: what counts for a minute keeps nobody from being stopped.

mod asked;
mod book;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use advise::{CallFacts, Usage};
use model::{ApiName, Timestamp, UseCounts};
use recorder::LogReader;
use serde::Serialize;

use crate::actor::{Actor, Needs};
use crate::status::day_of;
use crate::{Control, ControlError, chain};
use asked::{Asked, Match};
pub(crate) use book::{Book, KnownFacts};

/// How often the log is read when nobody asks.
const EVERY: Duration = Duration::from_secs(300);
/// For which time usage is given when nobody says.
const SPAN_DAYS: i64 = 30;

/// For which time, of which API, and by what usage is added up.
#[derive(Clone, Debug, Default)]
pub struct UsageOrder {
    since: Option<Since>,
    until: Option<Timestamp>,
    api: Option<ApiName>,
    asked: Asked,
    by: Vec<UsageBy>,
}

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    Time(Timestamp),
    Before(Duration),
}

/// What usage is added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UsageBy {
    Api,
    Caller,
    Day,
    Key,
    Network,
    Operation,
    Strength,
    Team,
    User,
    Verdict,
}

impl UsageBy {
    /// Each, in the order of columns.
    pub const ALL: [Self; 10] = [
        Self::Day,
        Self::Api,
        Self::Team,
        Self::Caller,
        Self::Key,
        Self::User,
        Self::Network,
        Self::Operation,
        Self::Verdict,
        Self::Strength,
    ];

    /// The name in options, in JSON and at the head of columns.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Caller => "caller",
            Self::Day => "day",
            Self::Key => "key",
            Self::Network => "network",
            Self::Operation => "operation",
            Self::Strength => "strength",
            Self::Team => "team",
            Self::User => "user",
            Self::Verdict => "verdict",
        }
    }
}

impl UsageOrder {
    /// Sets one condition by its name; false where there is none of this name. `caller`, `key` and `network` are for
    /// [`Control::usage`] alone.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, ControlError> {
        match name {
            "since" => self.since = Some(since(value)?),
            "until" => {
                let fix = "write it as 2026-12-31 or as RFC 3339";
                let bad = || ControlError::invalid(format!("`{value}` is no time"), fix);
                self.until = Some(Timestamp::parse(value).map_err(|_| bad())?);
            }
            "api" => {
                let bad = || {
                    ControlError::invalid(format!("`{value}` is no API's name"), "see `sallyport api list`")
                };
                self.api = Some(ApiName::parse(value).map_err(|_| bad())?);
            }
            "by" => {
                for name in value.split(',') {
                    let by = UsageBy::ALL.into_iter().find(|by| by.as_str() == name);
                    let names = UsageBy::ALL.map(UsageBy::as_str).join(", ");
                    let bad = || {
                        ControlError::invalid(
                            format!("usage has no `{name}`"),
                            format!("use some of {names}"),
                        )
                    };
                    self.by.push(by.ok_or_else(bad)?);
                }
            }
            _ => return self.asked.set(name, value),
        }
        Ok(true)
    }

    /// The API that is meant, where it is one.
    #[must_use]
    pub fn api(&self) -> Option<&ApiName> {
        self.api.as_ref()
    }

    /// Who may ask: addresses are for those who may read decisions.
    fn needs(&self) -> Needs {
        let asks_from_where = self.asked.network.is_some() || self.by.contains(&UsageBy::Network);
        if asks_from_where { Needs::Analyst } else { Needs::Viewer }
    }

    /// Refuses a span in which nothing can be: an answer about it would say that all is well.
    pub(crate) fn check_span(&self, now: Timestamp) -> Result<(), ControlError> {
        let begin = self.begin(now);
        if begin.is_some_and(|begin| now < begin) {
            return Err(ControlError::invalid(
                "`since` lies ahead",
                "give a time that has passed, or as 30d",
            ));
        }
        if self.until.zip(begin).is_some_and(|(until, begin)| until < begin) {
            return Err(ControlError::invalid("`until` lies before `since`", "exchange them"));
        }
        Ok(())
    }

    /// When the span begins, where that was said.
    pub(crate) fn begin(&self, now: Timestamp) -> Option<Timestamp> {
        self.since.map(|since| match since {
            Since::Time(time) => time,
            Since::Before(duration) => now.minus(duration),
        })
    }

    /// The first and the last day.
    pub(crate) fn days(&self, now: Timestamp) -> (i64, i64) {
        let from = match self.since {
            None => day_of(now).saturating_sub(SPAN_DAYS - 1),
            Some(Since::Time(time)) => day_of(time),
            Some(Since::Before(duration)) => day_of(now.minus(duration)),
        };
        (from, self.until.map_or(i64::MAX, day_of))
    }
}

/// Reads `30d`, or a time.
fn since(value: &str) -> Result<Since, ControlError> {
    if let Ok(time) = Timestamp::parse(value) {
        return Ok(Since::Time(time));
    }
    let fix = "write it as 30d, as 2026-12-31 or as RFC 3339";
    let bad = |_| ControlError::invalid(format!("`{value}` is neither a time nor a duration"), fix);
    config::parse_duration(value).map(Since::Before).map_err(bad)
}

/// One line of usage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UsageLine {
    /// By what the line is one, in the order of columns.
    #[serde(flatten)]
    pub of: BTreeMap<&'static str, String>,
    pub calls: u64,
    pub allowed: u64,
    /// Passed while observed; each would have been denied or stepped up.
    pub would_deny: u64,
    pub denied: u64,
    pub ok: u64,
    pub client_errors: u64,
    pub server_errors: u64,
    pub broken: u64,
    /// Calls whose ending is not known, or not yet.
    pub unknown: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub days: u64,
    pub first: String,
    pub last: String,
}

/// Usage, and how far it can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsageReport {
    /// The days that are looked at, the last one included.
    pub from: String,
    pub until: Option<String>,
    /// Most calls first.
    pub rows: Vec<UsageLine>,
    /// Calls that the log lost over all time, so that they are in no row.
    pub lost: u64,
    /// Calls in rows that name no single address, user or object any more, since there were too many.
    pub coarse_calls: u64,
    /// Calls that may have come from the network asked for and are in no row: where from is not recorded of them, or only a
    /// wider network is.
    pub undecided_calls: u64,
    /// Why the log could not be read to its end; what is behind is missing.
    pub fault: Option<String>,
}

/// The sums of a line under way.
struct Sums {
    counts: UseCounts,
    allowed: u64,
    would_deny: u64,
    denied: u64,
    days: BTreeSet<i64>,
}

impl Control {
    /// Who called what, how often, and what came of it.
    pub fn usage(&self, actor: &Actor, order: &UsageOrder) -> Result<UsageReport, ControlError> {
        self.demand(actor, order.needs())?;
        order.check_span(self.now())?;
        let book = self.counted_book()?;
        let by =
            if order.by.is_empty() { vec![UsageBy::Caller, UsageBy::Operation] } else { order.by.clone() };
        let (from, to) = order.days(self.now());
        let mut known = KnownFacts::default();
        let mut lines: BTreeMap<Vec<String>, Sums> = BTreeMap::new();
        let (mut coarse_calls, mut undecided_calls) = (0, 0);
        book.store.each_usage::<ControlError>((from, to), order.api(), |number, day, counts| {
            let facts = known.of(&book, number)?;
            match order.asked.of(facts) {
                Match::Yes => {}
                Match::No => return Ok(()),
                Match::Unknown => {
                    undecided_calls += counts.calls;
                    return Ok(());
                }
            }
            if facts.incomplete || matches!(facts.network, advise::Network::Within(_)) {
                coarse_calls += counts.calls;
            }
            let key: Vec<String> = by.iter().map(|by| value(*by, day, facts)).collect();
            match lines.get_mut(&key) {
                Some(sums) => sums.add(day, facts, counts),
                None => {
                    lines.insert(key, Sums::of(day, facts, counts));
                }
            }
            Ok(())
        })?;
        if lines.is_empty() {
            self.check_api(order)?;
        }
        let mut rows: Vec<UsageLine> = lines.into_iter().map(|(key, sums)| sums.line(&by, key)).collect();
        rows.sort_by(|one, other| other.calls.cmp(&one.calls).then_with(|| one.of.cmp(&other.of)));
        let lost = book.store.usage_counted()?.map_or(0, |counted| counted.lost);
        let until = (to != i64::MAX).then(|| day_text(to));
        let (from, fault) = (day_text(from), book.fault.clone());
        Ok(UsageReport { from, until, rows, lost, coarse_calls, undecided_calls, fault })
    }

    /// All usage of a span, for those that advise.
    pub(crate) fn usage_of(&self, order: &UsageOrder) -> Result<Usage, ControlError> {
        let book = self.counted_book()?;
        if let Some(fault) = &book.fault {
            return Err(ControlError::Log { what: fault.clone() });
        }
        order.check_span(self.now())?;
        let (from, to) = order.days(self.now());
        let mut usage = Usage::since(from);
        book.store.each_usage::<ControlError>((from, to), order.api(), |number, day, counts| {
            usage.add(number, day, counts, || book.facts(number))
        })?;
        if usage.rows().is_empty() {
            self.check_api(order)?;
        }
        Ok(usage)
    }

    /// Refuses an API that is not in force. One that was, and whose calls are counted still, is asked for all the same.
    fn check_api(&self, order: &UsageOrder) -> Result<(), ControlError> {
        let snapshot = self.live.load().0;
        match order.api() {
            Some(api) if !snapshot.revision.apis.iter().any(|known| known.name == *api) => {
                Err(ControlError::Absent { what: "api", name: api.to_string() })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// When the first and the last counted call was.
    pub(crate) fn usage_span(&self) -> Result<Option<(Timestamp, Timestamp)>, ControlError> {
        Ok(self.counted_book()?.store.usage_days()?)
    }

    /// The roll-ups with everything that is in the log by now. Where the log cannot be read to its end, with what is before.
    pub(crate) fn counted_book(&self) -> Result<MutexGuard<'_, Book>, ControlError> {
        self.recorder().flush().map_err(|error| ControlError::Log { what: chain(&error) })?;
        let mut book = self.book();
        self.read_into(&mut book)?;
        Ok(book)
    }

    fn read_into(&self, book: &mut Book) -> Result<(), ControlError> {
        let now = self.now();
        let keep = self.record_kept();
        let origin = self.recorder().verifier().name().to_owned();
        let read = book.read_log(&LogReader::open(&self.log_folder), &origin, day_of(now.minus(keep)));
        book.read = Some(now);
        book.fault = None;
        match read {
            Err(ControlError::Log { what }) => {
                tracing::error!(what, "usage behind a damaged entry is not counted");
                book.fault = Some(what);
                Ok(())
            }
            other => other,
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the log where it was not read for some minutes, and removes what outlived the records.
    pub(crate) fn keep_usage(&self) -> Result<(), ControlError> {
        let now = self.now();
        let mut book = self.book();
        if book.removed_on != Some(day_of(now)) {
            let oldest = day_of(now.minus(self.record_kept()));
            book.remove_before(oldest)?;
            book.removed_on = Some(day_of(now));
        }
        if book.read.is_some_and(|read| now < read.plus(EVERY)) {
            return Ok(());
        }
        self.read_into(&mut book)
    }

    /// Reads the log to its end, before it is closed.
    pub(crate) fn close_usage(&self) -> Result<(), ControlError> {
        self.counted_book().map(|_| ())
    }

    /// Takes away what names a subject; sums stay. What is recorded already is counted first, or it would come back.
    pub(crate) fn erase_usage(&self, subject: &recorder::Subject) -> Result<(), ControlError> {
        let mut book = self.counted_book()?;
        book.replace_facts(|text| {
            let facts: CallFacts = serde_json::from_str(text).ok()?;
            serde_json::to_string(&erased(&facts, subject)?).ok()
        })?;
        Ok(())
    }
}

/// The facts without what names the subject; none where they do not.
fn erased(facts: &CallFacts, subject: &recorder::Subject) -> Option<CallFacts> {
    use recorder::Subject;
    let is_meant = match subject {
        Subject::Application { name, keys } => {
            facts.caller == format!("app:{name}")
                || facts.key.as_ref().is_some_and(|key| keys.iter().any(|known| known.as_str() == key))
        }
        Subject::Workload(name) => facts.caller == format!("workload:{name}"),
        Subject::User(name) => facts.user.as_ref() == Some(name),
        Subject::SourceIp(address) => facts.network == advise::Network::Address(*address),
    };
    is_meant.then(|| facts.without_persons())
}

fn value(by: UsageBy, day: i64, facts: &CallFacts) -> String {
    match by {
        UsageBy::Api => facts.api.clone(),
        UsageBy::Caller => facts.caller.clone(),
        UsageBy::Day => day_text(day),
        UsageBy::Key => facts.key.clone().unwrap_or_default(),
        UsageBy::Network => asked::shown(&facts.network),
        UsageBy::Operation => facts.operation.clone(),
        UsageBy::Strength => {
            model::Strength::of_long(facts.strength).map_or("", model::Strength::as_str).to_owned()
        }
        UsageBy::Team => facts.team.clone().unwrap_or_default(),
        UsageBy::User => facts.user.clone().unwrap_or_default(),
        UsageBy::Verdict => facts.verdict.clone(),
    }
}

pub(crate) fn day_text(day: i64) -> String {
    let text = Timestamp::from_seconds(day.saturating_mul(86_400)).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

impl Sums {
    fn of(day: i64, facts: &CallFacts, counts: &UseCounts) -> Self {
        let mut sums =
            Self { counts: *counts, allowed: 0, would_deny: 0, denied: 0, days: BTreeSet::from([day]) };
        sums.count_verdict(facts, counts);
        sums
    }

    fn add(&mut self, day: i64, facts: &CallFacts, counts: &UseCounts) {
        self.counts.add(counts);
        self.days.insert(day);
        self.count_verdict(facts, counts);
    }

    fn count_verdict(&mut self, facts: &CallFacts, counts: &UseCounts) {
        use model::Verdict;
        match Verdict::parse(&facts.verdict) {
            Some(Verdict::Allowed) => self.allowed += counts.calls,
            Some(Verdict::WouldDeny | Verdict::WouldStepUp) => self.would_deny += counts.calls,
            Some(Verdict::Denied | Verdict::SteppedUp) | None => self.denied += counts.calls,
        }
    }

    fn line(self, by: &[UsageBy], key: Vec<String>) -> UsageLine {
        let counts = self.counts;
        let ended = counts.ok + counts.client_errors + counts.server_errors + counts.broken;
        UsageLine {
            of: by.iter().map(|by| by.as_str()).zip(key).collect(),
            calls: counts.calls,
            allowed: self.allowed,
            would_deny: self.would_deny,
            denied: self.denied,
            ok: counts.ok,
            client_errors: counts.client_errors,
            server_errors: counts.server_errors,
            broken: counts.broken,
            unknown: counts.calls.saturating_sub(ended),
            bytes_in: counts.bytes_in,
            bytes_out: counts.bytes_out,
            days: u64::try_from(self.days.len()).unwrap_or(u64::MAX),
            first: counts.first.to_string(),
            last: counts.last.to_string(),
        }
    }
}

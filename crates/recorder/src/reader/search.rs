//! Searching a log newest-first: footers say which segments and blocks can be passed over.

use std::collections::VecDeque;

use model::{DecisionId, KeyId, Network, Timestamp, Verdict};
use record::segment::index::Footer;
use record::segment::scan::{FaultKind, Part, Scan};
use record::{DecidedView, ParamHash, ParamRef, PersonalView, json};

use super::{Entry, LogReader, ReadLogError, follows};
use crate::layout;
use crate::retention::footer;

/// What to look for; `None` does not restrict. What is personal is found until it is erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub id: Option<DecisionId>,
    /// As commands name callers: `app:NAME` or `anonymous`.
    pub caller: Option<String>,
    /// The team that answers for the caller.
    pub team: Option<String>,
    /// The user on whose behalf the caller acted, as `ISSUER/NAME`.
    pub user: Option<String>,
    /// The own key that was presented, whether it was valid or not.
    pub key: Option<KeyId>,
    /// Where the request came from.
    pub network: Option<Network>,
    pub operation: Option<String>,
    pub api: Option<String>,
    pub verdict: Option<Verdict>,
    pub reason: Option<model::DenyReason>,
    /// A refusal's own code, finer than its reason.
    pub code: Option<String>,
    /// A path parameter of this value.
    pub param: Option<ParamIs>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// Entries below this number: where an earlier search stopped.
    pub before: Option<u64>,
}

/// The value of a path parameter, as entries can hold it: hashed under the log's key, or as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamIs {
    pub name: String,
    pub value: String,
    pub hash: ParamHash,
}

impl ParamIs {
    fn is(&self, name: &str, value: ParamRef<'_>) -> bool {
        let is_value = match value {
            ParamRef::Hashed(hash) => hash == self.hash,
            ParamRef::Text(text) => text == self.value,
        };
        is_value && name == self.name
    }
}

impl Filter {
    /// Whether the filter is about decisions only.
    const fn is_about_decisions(&self) -> bool {
        self.caller.is_some()
            || self.operation.is_some()
            || self.api.is_some()
            || self.verdict.is_some()
            || self.reason.is_some()
            || self.code.is_some()
            || self.is_about_persons()
    }

    /// Whether it takes more of the personal part than the caller, which stands first.
    const fn is_about_persons(&self) -> bool {
        self.team.is_some()
            || self.user.is_some()
            || self.key.is_some()
            || self.network.is_some()
            || self.param.is_some()
    }

    /// Whether every condition holds for an entry.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        let Ok(leaf) = entry.leaf() else { return false };
        let time = leaf.time();
        if self.from.is_some_and(|from| time < from)
            || self.to.is_some_and(|to| to <= time)
            || self.before.is_some_and(|before| before <= entry.index)
            || self.id.is_some_and(|id| leaf.id() != Some(id))
        {
            return false;
        }
        match leaf.decided() {
            None => !self.is_about_decisions(),
            Some(decided) => self.matches_public(decided) && self.matches_personal(entry),
        }
    }

    fn matches_public(&self, decided: &DecidedView<'_>) -> bool {
        self.operation.as_ref().is_none_or(|operation| operation == decided.operation)
            && self.api.as_ref().is_none_or(|api| api == decided.api)
            && self.verdict.is_none_or(|verdict| verdict == decided.verdict)
            && self.reason.is_none_or(|reason| Some(reason) == decided.reason)
            && self.code.as_ref().is_none_or(|code| code == decided.code)
    }

    /// What was erased matches nothing that is asked of it.
    fn matches_personal(&self, entry: &Entry) -> bool {
        if let Some(wanted) = &self.caller {
            let client = entry.personal.as_ref().and_then(|(_, bytes)| PersonalView::client_of(bytes).ok());
            if client.is_none_or(|client| json::caller(&client) != *wanted) {
                return false;
            }
        }
        if !self.is_about_persons() {
            return true;
        }
        let Ok(Some(personal)) = entry.personal() else { return false };
        let text = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| found == Some(wanted.as_str()))
        };
        text(&self.team, personal.team)
            && text(&self.user, personal.user)
            && self.key.is_none_or(|key| personal.key == Some(key))
            && self
                .network
                .is_none_or(|network| personal.source_ip.is_some_and(|address| network.holds(address)))
            && self
                .param
                .as_ref()
                .is_none_or(|param| personal.params.clone().any(|(name, value)| param.is(name, value)))
    }

    fn may_be_in(&self, footer: &Footer) -> bool {
        !(self.id.is_some_and(|id| !footer.may_have_id(id))
            || self.before.is_some_and(|before| before <= footer.first)
            || self.from.is_some_and(|from| footer.latest < from)
            || self.to.is_some_and(|to| to <= footer.earliest))
    }

    fn may_be_in_block(&self, footer: &Footer, block: usize) -> bool {
        self.caller.as_ref().is_none_or(|caller| footer.may_have_caller(caller, block))
            && self.operation.as_ref().is_none_or(|operation| footer.may_have_operation(operation, block))
            && self.verdict.is_none_or(|verdict| footer.may_have_verdict(verdict, block))
    }
}

/// Entries that match, the newest first.
#[derive(Debug)]
pub struct Search<'a> {
    reader: &'a LogReader,
    filter: Filter,
    /// Segments that were not looked at yet, the newest last.
    segments: Vec<u64>,
    /// The segment that was looked at before.
    next: Option<u64>,
    /// What the current segment holds, the newest first.
    found: VecDeque<Entry>,
    /// How many bytes of segments were read and decoded.
    read_bytes: u64,
}

impl LogReader {
    /// Searches the log.
    pub fn search(&self, filter: &Filter) -> Result<Search<'_>, ReadLogError> {
        let mut segments = self.segments()?;
        segments.retain(|first| filter.before.is_none_or(|before| *first < before));
        Ok(Search {
            reader: self,
            filter: filter.clone(),
            segments,
            next: None,
            found: VecDeque::new(),
            read_bytes: 0,
        })
    }

    /// Everything recorded under one id: the decision, its ending, or both in one, in the order of the log.
    pub fn find(&self, id: DecisionId) -> Result<Vec<Entry>, ReadLogError> {
        let filter = Filter { id: Some(id), ..Filter::default() };
        let mut found = self.search(&filter)?.collect::<Result<Vec<_>, _>>()?;
        found.reverse();
        Ok(found)
    }
}

impl Search<'_> {
    /// How many bytes of entries had to be read so far.
    #[must_use]
    pub const fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    fn load(&mut self, first: u64) -> Result<(), ReadLogError> {
        let name = layout::segment(first);
        let storage = &*self.reader.storage;
        let io = |cause| ReadLogError::Io { name: name.clone(), cause };
        let sealed = footer(storage, &name).map_err(io)?;
        if let Some(footer) = &sealed {
            follows(first + footer.entries, self.next)?;
        }
        self.next = Some(first);
        let spans = match &sealed {
            None => vec![(0, storage.length(&name).map_err(io)?, first)],
            Some(footer) if !self.filter.may_be_in(footer) => return Ok(()),
            Some(footer) => {
                let ends = footer.blocks.iter().skip(1).map(|(offset, _)| *offset);
                let ends = ends.chain([storage.length(&name).map_err(io)?]);
                let blocks = footer.blocks.iter().zip(ends).enumerate();
                blocks
                    .filter(|(_, ((_, index), _))| self.filter.before.is_none_or(|before| *index < before))
                    .filter(|(block, _)| self.filter.may_be_in_block(footer, *block))
                    .map(|(_, ((from, index), to))| (*from, to, *index))
                    .collect()
            }
        };
        for (from, to, index) in spans {
            let length = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
            let bytes = storage.read_range(&name, from, length).map_err(io)?;
            self.read_bytes += bytes.len() as u64;
            let corrupt = |fault| ReadLogError::Corrupt { segment: name.clone(), fault };
            let scan = if from == 0 {
                Scan::open(&bytes).map_err(corrupt)?.1
            } else {
                Scan::between(&bytes, 0, bytes.len() as u64)
            };
            self.collect(scan, index, from).map_err(corrupt)?;
        }
        Ok(())
    }

    fn collect(&mut self, scan: Scan<'_>, first: u64, base: u64) -> Result<(), record::segment::scan::Fault> {
        let mut index = first;
        for part in scan {
            match part {
                Ok((_, Part::Entry(stored))) => {
                    let entry = Entry::new(index, &stored);
                    index += 1;
                    if self.filter.matches(&entry) {
                        self.found.push_front(entry);
                    }
                }
                // The trailer counts from the beginning of the file, so in a block it reads as wrong; by then all
                // entries were seen.
                Ok((_, Part::Checkpoint(_) | Part::Footer(_))) => {}
                Err(fault) if matches!(fault.what, FaultKind::Torn | FaultKind::Trailer) => break,
                Err(fault) => {
                    return Err(record::segment::scan::Fault { offset: base + fault.offset, ..fault });
                }
            }
        }
        Ok(())
    }
}

impl Iterator for Search<'_> {
    type Item = Result<Entry, ReadLogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.found.pop_front() {
                return Some(Ok(entry));
            }
            let first = self.segments.pop()?;
            if let Err(error) = self.load(first) {
                self.segments.clear();
                return Some(Err(error));
            }
        }
    }
}

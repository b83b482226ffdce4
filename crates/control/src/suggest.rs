//! `policy suggest`: grants from recorded use, as changes of files that a person reviews.

use std::collections::{BTreeMap, BTreeSet};

use advise::{Proposal, SuggestQuestion, Suggestion, Withdrawn, append, proposal_text, spoken, suggest};
use model::ApiName;
use serde::Serialize;

use crate::actor::{Actor, Needs};
use crate::advice::Today;
use crate::check::{Checked, check_with};
use crate::files::{self, Files};
use crate::force::Bringing;
use crate::usage::UsageOrder;
use crate::{Control, ControlError};

/// What the names of files with proposals begin with.
const FILE_PREFIX: &str = "policies/suggested-";

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct SuggestOrder {
    pub usage: UsageOrder,
    /// Whether the files are written.
    pub write: bool,
    /// Proposals, by id or by the code of their concern, for which the owner's word is given with this.
    pub accept: Vec<String>,
    pub reason: String,
}

/// A file before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenFile {
    pub file: String,
    /// None where there is none yet.
    pub before: Option<String>,
    pub after: String,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct SuggestView {
    /// The smallest first; those that need somebody's word behind those that are ready.
    pub proposals: Vec<Proposal>,
    pub changes: Vec<WrittenFile>,
    pub written: bool,
    pub withdrawn: Vec<Withdrawn>,
    /// Calls that are no evidence, by why.
    pub left_out: BTreeMap<String, u64>,
    /// Calls of what policy permits already.
    pub granted_calls: u64,
    /// Proposals that stand in the files and permit nothing yet.
    pub already_proposed: usize,
}

impl Control {
    /// Proposes grants for what the roll-ups show, beside the policies as the files have them now.
    pub fn suggest(&self, actor: &Actor, order: &SuggestOrder) -> Result<SuggestView, ControlError> {
        self.demand(actor, if order.write { Needs::Owner } else { Needs::Analyst })?;
        let usage = self.usage_of(&order.usage)?;
        let mut known = self.files();
        let read = files::read_all(&self.folder)?;
        let before = check_with(&read, &mut known).map_err(ControlError::Files)?;
        let today = Today::read(&self.state(), &before.repository, self.now())?;
        let texts: Vec<&str> = before.repository.policies.iter().map(|policy| policy.text.as_str()).collect();
        let stands = |id: &str| texts.iter().any(|text| text.contains(&format!("\"{id}\"")));
        let is_asked_again = |id: &str| {
            let policies = &before.repository.policies;
            let mut suggested = policies.iter().filter(|policy| policy.path.starts_with(FILE_PREFIX));
            !order.accept.is_empty() && suggested.any(|policy| spoken(&policy.text, id, "").is_some())
        };
        let known_ids = |id: &str| stands(id) && !is_asked_again(id);
        let question = SuggestQuestion {
            catalog: &before.catalog,
            policies: &before.policies,
            world: &today,
            now: self.now(),
            api: order.usage.api().map(ApiName::as_str),
            known_ids: &known_ids,
        };
        let mut suggestion = suggest(&usage, &question);
        let mut words = accept(&mut suggestion, &order.accept, &stands, &read)?;
        let mut changes = changes(&words.files, &suggestion, &stands);
        words.complete(&mut changes, &read);
        suggestion.proposals.append(&mut words.proposals);
        let mut after = read;
        for change in &changes {
            after.insert(change.file.clone(), change.after.clone().into_bytes());
        }
        check_with(&after, &mut known).map_err(ControlError::Files)?;
        let written = order.write && !changes.is_empty();
        if written {
            self.write_suggestion(actor, order, &before, &changes)?;
            self.reload_holding(&mut known, &Bringing::quietly(actor, "grants suggested from use"))?;
        }
        let Suggestion { proposals, withdrawn, left_out, granted_calls, already_proposed } = suggestion;
        Ok(SuggestView { proposals, changes, written, withdrawn, left_out, granted_calls, already_proposed })
    }

    fn write_suggestion(
        &self,
        actor: &Actor,
        order: &SuggestOrder,
        checked: &Checked,
        changes: &[WrittenFile],
    ) -> Result<(), ControlError> {
        {
            let state = self.state();
            for api in &checked.repository.apis {
                if changes.iter().any(|change| change.file == file_of(api.name.as_str())) {
                    self.demand_owner_of(actor, &state, &api.name)?;
                }
            }
        }
        for change in changes {
            self.record(actor, "policy.suggest", &change.file, &order.reason)?;
            let written = files::replace(&self.folder, &change.file, change.after.as_bytes());
            self.carried(actor, "policy.suggest", &change.file, written)?;
        }
        Ok(())
    }
}

/// Proposals that stood in comments and for which the owner's word is given now.
struct Words {
    proposals: Vec<Proposal>,
    /// The files with the grants in the place of the comments.
    files: Files,
    changed: BTreeSet<String>,
}

impl Words {
    /// Adds the files with comments that became grants, and what the others were before.
    fn complete(&self, changes: &mut Vec<WrittenFile>, read: &Files) {
        for file in &self.changed {
            let before = text_of(read, file);
            match changes.iter_mut().find(|change| change.file == *file) {
                Some(change) => change.before = before,
                None => changes.push(WrittenFile {
                    file: file.clone(),
                    before,
                    after: text_of(&self.files, file).unwrap_or_default(),
                }),
            }
        }
    }
}

/// Gives the owner's word where it was given. Of proposals that stand in comments those remain that it was given for.
fn accept(
    suggestion: &mut Suggestion,
    accepted: &[String],
    stands: &dyn Fn(&str) -> bool,
    read: &Files,
) -> Result<Words, ControlError> {
    // A grant without any concern stands in a comment because somebody does not want it; that is asked for by its id alone.
    let unwanted: BTreeSet<String> =
        suggestion.proposals.iter().filter(|one| one.is_ready()).map(|one| one.id.clone()).collect();
    give(suggestion, accepted)?;
    let mut words = Words { proposals: Vec::new(), files: read.clone(), changed: BTreeSet::new() };
    let mut fresh = Vec::new();
    for proposal in suggestion.proposals.drain(..) {
        if !stands(&proposal.id) {
            fresh.push(proposal);
            continue;
        }
        let file = file_of(&proposal.api);
        let is_given =
            proposal.is_ready() && (!unwanted.contains(&proposal.id) || accepted.contains(&proposal.id));
        let text = text_of(&words.files, &file).filter(|_| is_given);
        match text.and_then(|text| spoken(&text, &proposal.id, &proposal.text)) {
            Some(text) => {
                words.files.insert(file.clone(), text.into_bytes());
                words.changed.insert(file);
                words.proposals.push(proposal);
            }
            None => suggestion.already_proposed += 1,
        }
    }
    suggestion.proposals = fresh;
    Ok(words)
}

fn give(suggestion: &mut Suggestion, accepted: &[String]) -> Result<(), ControlError> {
    for word in accepted {
        let mut is_known = advise::Concern::ALL.iter().any(|concern| concern.code() == word);
        for proposal in &mut suggestion.proposals {
            if proposal.id == *word {
                proposal.concerns.clear();
                is_known = true;
            }
            proposal.concerns.retain(|concern| concern.code() != word);
        }
        if !is_known {
            let codes = advise::Concern::ALL.map(advise::Concern::code).join(", ");
            return Err(ControlError::invalid(
                format!("`{word}` is no proposal"),
                format!(
                    "give the id of one, or one of {codes}; where it stands in a comment that was changed, take the slashes away"
                ),
            ));
        }
    }
    Ok(())
}

/// The files with the proposals, and with comments on what stopped keys did: one for each API.
fn changes(read: &Files, suggestion: &Suggestion, is_known: &dyn Fn(&str) -> bool) -> Vec<WrittenFile> {
    let mut by_api: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for proposal in &suggestion.proposals {
        by_api.entry(&proposal.api).or_default().push(proposal_text(proposal));
    }
    for withdrawn in &suggestion.withdrawn {
        for (api, _) in withdrawn.apis().into_iter().filter(|(_, id)| !is_known(id)) {
            by_api.entry(api).or_default().push(withdrawn.comment(api));
        }
    }
    let change = |(api, parts): (&str, Vec<String>)| {
        let file = file_of(api);
        let before = text_of(read, &file);
        let after = append(before.as_deref(), parts.into_iter());
        WrittenFile { file, before, after }
    };
    by_api.into_iter().map(change).collect()
}

fn file_of(api: &str) -> String {
    format!("{FILE_PREFIX}{api}.cedar")
}

fn text_of(files: &Files, file: &str) -> Option<String> {
    files.get(file).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

//! Why a call was, or would be, allowed or denied: caller and strength, operation, each rule, the smallest grant.
//!
//! A past decision is judged again by the revision that its record names and from what the record kept; what was not
//! kept, or has been erased, is said to be not recorded, never guessed.

mod ending;
mod past;
mod scopes;

use std::collections::BTreeMap;
use std::sync::Arc;

use enforce::{Challenge, Explained, Revision, Snapshot, Subject};
use identity::Workloads;
use model::{
    Application, ApplicationName, Caller, Client, CredentialRef, DenyReason, Mfa, RevisionNumber, Strength,
    Verdict, Workload, WorkloadName,
};
use policy::{Explanation, GrantAdvice};
use serde::Serialize;
use serde_json::Value;
use store::ApplicationState;

use past::Past;

use crate::actor::{Actor, Needs};
use crate::requests::request_of;
use crate::{Control, ControlError};

/// An explanation, with the fields that `docs/admin-openapi.yaml` describes.
#[derive(Clone, Debug, Serialize)]
pub struct ExplanationView {
    /// `allow`, `deny` or `step_up`: what policy says, whatever the mode.
    pub decision: &'static str,
    pub reason: Option<String>,
    pub caller: String,
    pub strength: &'static str,
    pub operation: Option<String>,
    pub rules: Vec<RuleView>,
    pub nearest: Option<String>,
    pub grant: Option<String>,
    /// What happened, or would happen, in the API's mode.
    pub verdict: &'static str,
    pub revision: u64,
    /// Of a past decision.
    pub id: Option<String>,
    pub time: Option<String>,
    #[serde(flatten)]
    pub recorded: Recorded,
    /// What a person should know about this explanation.
    pub note: Option<String>,
}

/// What the log holds of a past call beside its judgement; nothing of a call that was only asked about, nor of what was erased.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recorded {
    /// The refusal's own code, finer than the reason.
    pub code: Option<String>,
    pub api: Option<String>,
    /// The key that was presented, valid or not.
    pub key: Option<String>,
    pub source_ip: Option<String>,
    /// Path parameters by name, as the log holds them: keyed hashes.
    pub params: Option<Value>,
    /// The status of the answer, 499 where the client did not wait for it.
    pub status: Option<u64>,
    /// `done`, the code of what failed, or `stopped`.
    pub outcome: Option<String>,
}

/// One policy in an explanation.
#[derive(Clone, Debug, Serialize)]
pub struct RuleView {
    pub id: String,
    pub effect: &'static str,
    pub outcome: &'static str,
    pub unmet: Option<String>,
}

/// What a person should know about a caller that is only claimed.
const CLAIMED_NOTE: &str = "nobody has vouched for this key, so a grant to a team or to every application does not count \
                            for it; `sallyport key promote` says whose it is";

/// A decision judged once more.
type Again = (Explained, Caller, Arc<Snapshot>);

impl Control {
    /// Explains a call that `caller` (`app:NAME`, `workload:NAME` or `anonymous`) might make now.
    pub fn explain_call(
        &self,
        actor: &Actor,
        caller: &str,
        method: &str,
        url: &str,
    ) -> Result<ExplanationView, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        let (caller, state) = self.caller_named(caller)?;
        let request = request_of(method, url)?;
        let snapshot = self.live.load().0;
        // Asked on this machine, and so judged as a call from it.
        let subject = Subject { caller: &caller, scopes: None, source_ip: Some(request.peer()) };
        let explained = enforce::explain(&snapshot, self.now(), subject, &request);
        let mut shown = view(&explained, &caller, &snapshot);
        match caller.strength {
            // It has no scopes of ours, and no key that could lack any.
            Strength::Claimed => shown.note = Some(CLAIMED_NOTE.to_owned()),
            Strength::Anonymous | Strength::SharedSecret | Strength::VerifiedSignature | Strength::Bound => {
                self.narrow_by_scopes(&mut shown, &snapshot, subject, &request)?;
            }
        }
        if let Some(block) = explained.block {
            self.say_what_blocks(&mut shown, block.as_str());
        }
        if state == ApplicationState::Disabled {
            shown.decision = decision_of(Verdict::Denied);
            shown.verdict = Verdict::Denied.as_str();
            shown.reason = Some(DenyReason::DisabledApplication.code().to_owned());
            shown.grant = None;
            shown.note = Some(
                "the application is disabled, so no grant helps; `sallyport app enable` ends that".to_owned(),
            );
        }
        Ok(shown)
    }

    /// Explains a past decision by its id.
    pub fn explain_decision(&self, actor: &Actor, id: &str) -> Result<ExplanationView, ControlError> {
        self.demand(actor, Needs::Analyst)?;
        let past = Past::read(&self.entries_of(id)?, id)?;
        let mut shown = match self.judge_again(&past)? {
            Ok((explained, caller, snapshot)) => view(&explained, &caller, &snapshot),
            Err(note) => past.bare(note),
        };
        // What happened is what the record says, whatever judging again would give.
        shown.decision = decision_of(past.verdict);
        shown.verdict = past.verdict.as_str();
        shown.reason.clone_from(&past.reason);
        shown.caller.clone_from(&past.caller);
        shown.strength = past.strength.as_str();
        shown.revision = past.revision.0;
        shown.id = Some(past.id.to_string());
        shown.time = Some(past.time.to_string());
        if shown.decision == "allow" {
            shown.grant = None;
        }
        scopes::say_what_is_missing(&mut shown);
        if let Some(block) = past.block() {
            self.say_what_blocks(&mut shown, block);
        }
        self.say_what_became_of_it(&mut shown, &past);
        Ok(shown)
    }

    /// Names the block, and who made it until when and why, as far as it is still there.
    fn say_what_blocks(&self, shown: &mut ExplanationView, id: &str) {
        let now = self.now();
        let state = self.state();
        let text = match state.blocks.find(id, now) {
            Ok((block, act)) => {
                let told = crate::blocks::view(block, act).told();
                format!("refused by {told}; no grant helps while it is in force")
            }
            Err(_) => {
                format!("refused by block {id}, which is over by now; the log has who made it and why")
            }
        };
        shown.grant = None;
        shown.note = Some(match shown.note.take() {
            Some(note) => format!("{text}; {note}"),
            None => text,
        });
    }

    /// The decision once more, by its own revision and from what was recorded; where that is not enough, what lacks.
    fn judge_again(&self, past: &Past) -> Result<Result<Again, &'static str>, ControlError> {
        if past.entry.get("personal").and_then(Value::as_str) == Some("not recorded") {
            return Ok(Err(
                "who called was erased or is past its retention; the rules cannot be judged again",
            ));
        }
        let Some(operation) = &past.operation else {
            return Ok(Err(past.without_operation()));
        };
        let Some(snapshot) = self.snapshot_of(past.revision)? else {
            return Ok(Err(
                "the revision of this decision is no longer kept; the rules cannot be judged again",
            ));
        };
        let again = past.caller().zip(past.request(&snapshot.revision, operation));
        let Some((caller, request)) = again else {
            return Ok(Err("not all that the rules read was recorded; they cannot be judged again"));
        };
        let scopes = past.scopes();
        let subject = Subject { caller: &caller, scopes: scopes.as_deref(), source_ip: past.source_ip };
        let explained = enforce::explain(&snapshot, past.time, subject, &request);
        Ok(Ok((explained, caller, snapshot)))
    }

    /// The snapshot with the revision of this number: the one in force, or an earlier one built again.
    fn snapshot_of(&self, number: RevisionNumber) -> Result<Option<Arc<Snapshot>>, ControlError> {
        let live = self.live.load().0;
        if live.revision.number == number {
            return Ok(Some(live));
        }
        let files = {
            let state = self.state();
            if state.store.revision(number)?.is_none() {
                return Ok(None);
            }
            state.store.revision_files(number)?
        };
        let Ok(checked) = crate::check::check_with(&files, &mut self.files()) else {
            return Ok(None);
        };
        let now = self.now();
        let mut state = self.state();
        let crate::check::Checked { repository, catalog, policies, .. } = checked;
        let revision: Revision =
            crate::revision::build(&mut state, number, &repository, catalog, policies, None, now)?;
        Ok(Some(Arc::new(Snapshot { revision: Arc::new(revision), ..Snapshot::clone(&live) })))
    }

    pub(crate) fn caller_named(&self, name: &str) -> Result<(Caller, ApplicationState), ControlError> {
        if name == "anonymous" {
            return Ok((Caller::anonymous(), ApplicationState::Enabled));
        }
        if let Some(name) = name.strip_prefix("workload:") {
            let workloads = &self.live.load().0.revision.workloads;
            return Ok((workload(name, workloads)?, ApplicationState::Enabled));
        }
        let Some(name) = name.strip_prefix("app:") else {
            let reason = format!("`{name}` is no caller");
            let fix = "name an application as app:NAME, a workload as workload:NAME, or `anonymous`";
            return Err(ControlError::invalid(reason, fix));
        };
        if let Some(caller) = self.claimed_caller(name)? {
            return Ok((caller, ApplicationState::Enabled));
        }
        if let Some(caller) = self.client_of_issuer(name) {
            return Ok((caller, ApplicationState::Enabled));
        }
        let name = self.application_name(name)?;
        match self.state().store.application(&name)? {
            None => Err(ControlError::Absent { what: "application", name: name.to_string() }),
            Some(row) => {
                let state = row.state;
                let application = Application {
                    name: row.name,
                    team: row.team,
                    attributes: row.attributes,
                    version: row.version,
                };
                Ok((known(application), state))
            }
        }
    }
}

impl ExplanationView {
    /// Adds to what a person should know.
    fn add(&mut self, text: &str) {
        match &mut self.note {
            Some(note) => {
                note.push_str("; ");
                note.push_str(text);
            }
            None => self.note = Some(text.to_owned()),
        }
    }
}

/// Who would show a certificate of this name.
pub(crate) fn workload(name: &str, workloads: &Workloads) -> Result<Caller, ControlError> {
    let name = WorkloadName::parse(name).map_err(|error| {
        ControlError::invalid(error.to_string(), "write the SPIFFE id or the DNS name of its certificate")
    })?;
    let client = Client::Workload(workloads.known(&Arc::new(Workload { name, team: None })));
    Ok(Caller::client(client, Strength::Bound, CredentialRef::Absent))
}

impl Control {
    /// A client that an issuer of tokens knows and our files do not list, such as `corp:web`.
    pub(crate) fn client_of_issuer(&self, name: &str) -> Option<Caller> {
        let name = ApplicationName::parse_any(name).ok().filter(ApplicationName::is_external)?;
        let (issuer, _) = name.as_str().split_once(':')?;
        let state = self.state();
        let issuers = &state.loaded.as_ref()?.repository.gateway.issuers;
        let team = issuers.iter().find(|known| known.name.as_str() == issuer)?.team.clone()?;
        let application = Application { name, team, attributes: BTreeMap::new(), version: 0 };
        let client = Client::Application(Arc::new(application));
        Some(Caller::client(client, Strength::VerifiedSignature, CredentialRef::Absent))
    }
}

pub(crate) fn known(application: Application) -> Caller {
    let client = Client::Application(Arc::new(application));
    Caller::client(client, Strength::SharedSecret, CredentialRef::Absent)
}

fn decision_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allow",
        Verdict::Denied | Verdict::WouldDeny => "deny",
        Verdict::SteppedUp | Verdict::WouldStepUp => "step_up",
    }
}

fn view(explained: &Explained, caller: &Caller, snapshot: &Snapshot) -> ExplanationView {
    let operation = explained.operation.and_then(|index| snapshot.revision.catalog.operation(index));
    let policy = explained.policy.as_ref();
    let note = policy.and_then(|policy| match policy.grant {
        GrantAdvice::Guarded => Some("a guard forbids this; no grant helps"),
        GrantAdvice::Identify => {
            Some("the caller must present a credential first; a grant is given to an application")
        }
        GrantAdvice::Mend => Some("a policy cannot be evaluated; no grant helps before it is mended"),
        GrantAdvice::AlreadyPermitted | GrantAdvice::Grant(_) => None,
    });
    ExplanationView {
        decision: decision_of(explained.verdict),
        reason: explained.refusal.map(|refusal| refusal.reason().code().to_owned()),
        caller: caller.client.label(),
        strength: caller.strength.as_str(),
        operation: operation.map(|operation| operation.id.to_string()),
        rules: policy.map(rules_of).unwrap_or_default(),
        nearest: policy.and_then(|policy| policy.nearest.as_ref()).map(ToString::to_string),
        grant: policy.and_then(|policy| policy.grant.text()).map(str::to_owned),
        verdict: explained.verdict.as_str(),
        revision: snapshot.revision.number.0,
        id: None,
        time: None,
        recorded: Recorded::default(),
        note: explained
            .challenge
            .map(|challenge| sign_in_note(&challenge))
            .or_else(|| note.map(str::to_owned)),
    }
}

/// Which sign-in would do.
fn sign_in_note(challenge: &Challenge) -> String {
    let factors = match challenge.mfa {
        Mfa::Used => " with several factors",
        Mfa::NotUsed => "",
    };
    match challenge.max_age {
        Some(age) => format!("it would be allowed if the user had signed in{factors} at most {age} s before"),
        None => format!("it would be allowed if the user had signed in{factors}"),
    }
}

fn rules_of(explanation: &Explanation) -> Vec<RuleView> {
    explanation
        .rules
        .iter()
        .map(|rule| RuleView {
            id: rule.id.to_string(),
            effect: rule.effect.as_str(),
            outcome: rule.outcome.as_str(),
            unmet: rule.unmet.clone(),
        })
        .collect()
}

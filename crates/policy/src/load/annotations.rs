//! `@id @owner @reason @expires @observe_until`.
//!
//! Cedar gives annotations no meaning; these have one here, so a misspelt one is an error where it is close to
//! one of ours and a warning where it is not. A date that cannot be read is never taken as absent.

use cedar_policy::Policy;
use model::{PolicyId, Timestamp};

use super::Files;
use super::names::nearest;
use crate::diagnostic::{Diagnostic, Severity};
use crate::rule::{Annotations, Effect, Origin};

const KNOWN: [&str; 5] = ["expires", "id", "observe_until", "owner", "reason"];
/// What proposals made of recorded use say of their evidence; for people, and without a meaning here.
const EVIDENCE: [&str; 8] =
    ["calls", "confidence", "days", "first_seen", "last_seen", "samples", "scopes", "strength"];

pub(super) struct Annotated {
    /// None where the id is refused.
    pub id: Option<PolicyId>,
    pub annotations: Annotations,
    pub diagnostics: Vec<Diagnostic>,
}

struct Reader<'a> {
    policy: &'a Policy,
    origin: &'a Origin,
    text: &'a str,
    files: &'a Files<'a>,
    diagnostics: Vec<Diagnostic>,
}

pub(super) fn read(
    policy: &Policy,
    effect: Effect,
    origin: &Origin,
    text: &str,
    place: usize,
    files: &Files<'_>,
) -> Annotated {
    let mut reader = Reader { policy, origin, text, files, diagnostics: Vec::new() };
    reader.unknown();
    let id = reader.id(place);
    let annotations = Annotations {
        owner: reader.words("owner", "name the team that answers for it: `@owner(\"…\")`"),
        reason: reader.words("reason", "say why it is needed: `@reason(\"…\")`"),
        expires: reader.date("expires"),
        observe_until: reader.date("observe_until"),
    };
    reader.dates(effect, &annotations);
    Annotated { id, annotations, diagnostics: reader.diagnostics }
}

impl Reader<'_> {
    fn report(&mut self, name: &str, severity: Severity, reason: String, fix: impl Into<String>) {
        let within = self.text.find(&format!("@{name}")).unwrap_or(0);
        let place = self.origin.offset + within;
        self.diagnostics.push(self.files.at(&self.origin.file, place, severity, reason, fix));
    }

    fn unknown(&mut self) {
        let unknown: Vec<_> = self
            .policy
            .annotations()
            .filter(|(name, _)| !KNOWN.contains(name) && !EVIDENCE.contains(name))
            .collect();
        for (name, _) in unknown {
            match nearest(name, KNOWN.into_iter()) {
                Some(known) => {
                    let reason = format!("`@{name}` is not an annotation");
                    self.report(name, Severity::Error, reason, format!("write `@{known}`"));
                }
                None => {
                    let reason = format!("`@{name}` means nothing to Sallyport");
                    let fix = "use `@id`, `@owner`, `@reason`, `@expires` or `@observe_until`";
                    self.report(name, Severity::Warning, reason, fix);
                }
            }
        }
    }

    fn id(&mut self, place: usize) -> Option<PolicyId> {
        let file = self.origin.file.rsplit('/').next().unwrap_or("");
        let (written, text) = match self.policy.annotation("id") {
            Some(text) => (true, text.to_owned()),
            None => (false, format!("{file}#{place}")),
        };
        match PolicyId::parse(&text) {
            Ok(id) => {
                if !written {
                    let reason =
                        format!("the policy has no `@id`; it is called `{id}`, which changes with its place");
                    self.report("id", Severity::Warning, reason, "give it an `@id(\"…\")`");
                }
                Some(id)
            }
            Err(error) => {
                let reason = format!("`{text}` is not an id: {error}");
                self.report("id", Severity::Error, reason, "give the policy an `@id(\"…\")` without spaces");
                None
            }
        }
    }

    fn words(&mut self, name: &str, fix: &str) -> Option<String> {
        match self.policy.annotation(name) {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) | None => {
                self.report(name, Severity::Warning, format!("the policy has no `@{name}`"), fix);
                None
            }
        }
    }

    fn date(&mut self, name: &str) -> Option<Timestamp> {
        let text = self.policy.annotation(name)?;
        match Timestamp::parse(text) {
            Ok(date) => Some(date),
            Err(error) => {
                let fix = format!("write `@{name}(\"2026-12-31\")`, or a time with its offset");
                self.report(name, Severity::Error, format!("`@{name}`: {error}"), fix);
                None
            }
        }
    }

    fn dates(&mut self, effect: Effect, annotations: &Annotations) {
        match effect {
            Effect::Permit => {
                if self.policy.annotation("observe_until").is_some() {
                    let reason = "`@observe_until` on a permit: a grant that only observes grants nothing";
                    let fix = "remove `@observe_until`; to try a grant, set its API to `mode: observe`";
                    self.report("observe_until", Severity::Error, reason.to_owned(), fix);
                }
                // One that was made of use is held against use.
                let is_watched = self.policy.annotation("confidence").is_some();
                if self.policy.annotation("expires").is_none() && !is_watched {
                    let reason = "the grant has no `@expires`: it holds until it is removed";
                    self.report(
                        "expires",
                        Severity::Warning,
                        reason.to_owned(),
                        "give it a last day: `@expires(\"…\")`",
                    );
                }
            }
            Effect::Forbid => {
                if let Some(end) = annotations.expires {
                    let reason = format!("the guard ends at {end}: from then on it forbids nothing");
                    let fix = "remove `@expires` if the guard is to stay";
                    self.report("expires", Severity::Warning, reason, fix);
                }
            }
        }
    }
}

//! Scopes of keys in an explanation: what policy permits, a key can only make less.
//!
//! Whoever asks about an application asks about the keys it has. Where none of them covers the operation no grant helps,
//! and saying `allow` would be untrue.

use enforce::{Snapshot, Subject};
use model::{CanonicalRequest, Client, DenyReason};
use store::{KeyRow, KeyState};

use super::{ExplanationView, decision_of, view};
use crate::{Control, ControlError};

impl Control {
    /// Narrows what policy says of an application by the scopes of the keys that it could call with now.
    pub(super) fn narrow_by_scopes(
        &self,
        shown: &mut ExplanationView,
        snapshot: &Snapshot,
        subject: Subject<'_>,
        request: &CanonicalRequest,
    ) -> Result<(), ControlError> {
        let Client::Application(application) = &subject.caller.client else { return Ok(()) };
        // A client of an issuer has tokens and no keys.
        if application.name.is_external() {
            return Ok(());
        }
        let Some(operation) = shown
            .operation
            .as_deref()
            .and_then(|id| snapshot.revision.catalog.by_id(id))
            .and_then(|index| snapshot.revision.catalog.operation(index))
        else {
            return Ok(());
        };
        let now = self.now();
        let mut keys = self.state().store.keys_of(&application.name)?;
        keys.retain(|key| key.state == KeyState::Active && now < key.ends());
        let (covering, others): (Vec<&KeyRow>, Vec<&KeyRow>) =
            keys.iter().partition(|key| enforce::cover(&key.scopes, operation));
        match (covering.first(), others.first()) {
            (None, None) => shown.add("the application has no key that is valid now"),
            (None, Some(key)) => {
                let scoped = Subject { scopes: Some(&key.scopes), ..subject };
                let explained = enforce::explain(snapshot, now, scoped, request);
                shown.decision = decision_of(explained.verdict);
                shown.verdict = explained.verdict.as_str();
                shown.reason = explained.refusal.map(|refusal| refusal.reason().code().to_owned());
                say_what_is_missing(shown);
            }
            (Some(key), other) => {
                let scoped = Subject { scopes: Some(&key.scopes), ..subject };
                *shown = view(&enforce::explain(snapshot, now, scoped, request), subject.caller, snapshot);
                if let Some(other) = other {
                    let text = format!(
                        "asked for key `{}`; {} of {} keys of the application cover this operation, `{}` does not",
                        key.id,
                        covering.len(),
                        keys.len(),
                        other.id
                    );
                    shown.add(&text);
                }
            }
        }
        Ok(())
    }
}

/// Says which scope lacks where scopes are why it is denied.
pub(super) fn say_what_is_missing(shown: &mut ExplanationView) {
    if shown.reason.as_deref() != Some(DenyReason::OutOfScope.code()) {
        return;
    }
    let (Some(operation), Some(application)) =
        (shown.operation.as_deref(), shown.caller.strip_prefix("app:"))
    else {
        return;
    };
    let scope = format!(
        "no scope of the key covers this operation; `sallyport key create --app {application} --scope '{operation}'` \
         makes one that covers it and nothing else{}",
        if shown.grant.is_some() { ", and it takes the grant below as well" } else { "" }
    );
    shown.add(&scope);
}

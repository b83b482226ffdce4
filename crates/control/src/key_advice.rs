//! `key advise` and `key narrow`: what each key may do and never does, and taking that away from it.

use std::time::Duration;

use advise::{KeyAdvice, KeyFacts, is_within, right_size};
use store::KeyState;

use crate::actor::{Actor, Needs};
use crate::blocks::Blocked;
use crate::keys::KeyView;
use crate::usage::UsageOrder;
use crate::{Control, ControlError};

/// Over which time keys are looked at where nobody says.
pub const ADVISE_WINDOW: Duration = Duration::from_secs(30 * 86_400);

/// The shortest window of which something is said.
const WINDOW_MIN: Duration = Duration::from_secs(86_400);

impl Control {
    /// What each key that counts may do, does, and would need; of one application where it is named.
    pub fn advise_keys(
        &self,
        actor: &Actor,
        order: &UsageOrder,
        application: Option<&str>,
    ) -> Result<Vec<KeyAdvice>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let now = self.now();
        let begin = order.begin(now).unwrap_or_else(|| now.minus(ADVISE_WINDOW));
        order.check_span(now)?;
        if now.minus(WINDOW_MIN) < begin {
            let reason = "a window of less than a day says of no scope that it is unused";
            return Err(ControlError::invalid(reason, "ask for more: --since 30d"));
        }
        let usage = self.usage_of(order)?;
        let recorded = self.usage_span()?.map(|(first, _)| first);
        let snapshot = self.live.load().0;
        let state = self.state();
        let blocked = Blocked::now(&state, now);
        let rows = state.store.keys()?.into_iter().map(|row| state.with_stop(row));
        let keys: Vec<KeyFacts> = rows
            .filter(|row| row.state == KeyState::Active && now < row.ends())
            .filter(|row| blocked.key(row.id).is_none())
            .filter(|row| application.is_none_or(|name| row.application.as_str() == name))
            .map(|row| KeyFacts {
                id: row.id,
                application: row.application.to_string(),
                since: row.created,
                scopes: row.scopes,
            })
            .collect();
        drop(state);
        let mut advice = right_size(&usage, &keys, &snapshot.revision.catalog, begin, recorded, &|facts| {
            !blocked.stops(facts)
        });
        advice.sort_by(|one, other| {
            other.never.len().cmp(&one.never.len()).then_with(|| one.key.cmp(&other.key))
        });
        Ok(advice)
    }

    /// Takes scopes away from a key, from the next request on. What it gets must lie within what it has.
    pub fn narrow_key(
        &self,
        actor: &Actor,
        id: &str,
        scopes: &[String],
        reason: &str,
    ) -> Result<KeyView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        if scopes.is_empty() {
            let fix = "name at least one with --scope; to take all of them, `sallyport key revoke`";
            return Err(ControlError::invalid("a key without scopes can do nothing", fix));
        }
        let snapshot = self.live.load().0;
        let mut state = self.state();
        let old = state.key(id)?;
        self.demand_key(actor, &state, &old)?;
        for scope in scopes {
            if !is_within(scope, &old.scopes, &snapshot.revision.catalog) {
                return Err(ControlError::invalid(
                    format!("`{scope}` is not within what the key has: {}", old.scopes.join(", ")),
                    "give scopes of its own, or operations that they cover; for more, create another key",
                ));
            }
        }
        let object = format!("key {} to {}", old.id, scopes.join(", "));
        self.record(actor, "key.narrow", &object, reason)?;
        let changed = state.store.set_key_scopes(old.id, scopes);
        self.carried(actor, "key.narrow", &object, changed)?;
        state.refresh_keys(&self.live, &[old.id])?;
        let row = state.key(id)?;
        self.view_key(&state, &row)
    }
}

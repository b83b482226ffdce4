//! Blocks: stop now, until then, because of this.
//!
//! A block takes effect first and is then recorded and stored (RFD 0009). What is stored is a signed note per block
//! and one about the list as a whole, verified at each start under a key of their own. A list that does not verify
//! stops everything until an administrator repairs it by name: whoever could take a line out of the store could
//! otherwise take a block away without anybody's act.

mod blocked;
mod known;
mod overlap;
mod signed;

use std::time::Duration;

use enforce::Snapshot;
use model::{Block, BlockId, BlockTarget, TeamName, Timestamp};
use serde::Serialize;
use store::{Act, StoreError};

pub(crate) use blocked::Blocked;
pub(crate) use known::KnownBlocks;
pub(crate) use signed::{BlockKey, id_of_object, object_of, of_object, stands, store};

use crate::actor::{Actor, Needs};
use crate::keys::lifetime;
use crate::owed::Stop;
use crate::ownership::is_member;
use crate::reasons::given;
use crate::state::State;
use crate::{Control, ControlError, unheeded};

/// The longest that a block may last; to go on is another act.
pub(crate) const LASTS_MAX: Duration = Duration::from_secs(30 * 86_400);

/// What is to be blocked.
#[derive(Clone, Debug)]
pub struct BlockOrder {
    /// `app`, `key`, `user`, `token`, `workload`, `network`, `operation` or `api`.
    pub kind: String,
    pub name: String,
    /// For how long, such as `2h`; [`LASTS_MAX`] at most.
    pub lasts: String,
    pub reason: String,
}

/// A block as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockView {
    pub id: String,
    pub kind: &'static str,
    pub name: String,
    pub from: String,
    pub until: String,
    pub by: String,
    pub reason: String,
}

/// A block that was removed, and those that stop the same thing, or part of it, all the same.
#[derive(Clone, Debug, Serialize)]
pub struct RemovedBlockView {
    #[serde(flatten)]
    pub block: BlockView,
    pub still: Vec<BlockView>,
}

/// What a repair did.
#[derive(Clone, Debug, Serialize)]
pub struct RepairedView {
    /// The blocks that are known and go on.
    pub kept: usize,
    /// Entries that did not verify and were removed, by what stood as their id.
    pub removed: Vec<String>,
}

impl Control {
    /// Blocks something from the next request on, requests under way included. Where log or store do not take it, it
    /// is blocked all the same, and the error says what is missing.
    pub fn add_block(&self, actor: &Actor, order: &BlockOrder) -> Result<BlockView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let target = BlockTarget::parse(&order.kind, &order.name)
            .map_err(|error| ControlError::invalid(error.to_string(), "see `sallyport block add --help`"))?;
        let lasts = lasting(&order.lasts)?;
        let reason = given(&order.reason, "a block")?;
        let now = self.now();
        let mut random = [0_u8; 8];
        self.fill_random(&mut random)?;
        let mut state = self.state();
        may_change(&state, actor, &target)?;
        self.check_target(&state, &target)?;
        let id = BlockId::new(u64::from_le_bytes(random));
        // To the millisecond, as it is written: what is read back is the same block.
        let until = Timestamp::from_millis(now.plus(lasts).as_millis());
        let block = Block { id, target, until };
        let act = Act { at: now, by: actor.label(), reason };
        state.blocks.add(block.clone(), act.clone(), now)?;
        // Stopped first: a full disk must not keep anybody going.
        self.bring_blocks_into_force(&state);
        let stop = Stop::Block(block.clone());
        state.owed.add(stop.clone(), act.clone());
        // What fails stays owed, and the answer says so.
        unheeded(self.settle(&mut state));
        state.owed.answer(&stop)?;
        Ok(view(&block, &act))
    }

    /// Every block that is in force, the newest first.
    pub fn blocks(&self, actor: &Actor) -> Result<Vec<BlockView>, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        Ok(self.state().blocks.views(self.now()))
    }

    /// One block.
    pub fn block(&self, actor: &Actor, id: &str) -> Result<BlockView, ControlError> {
        self.demand(actor, Needs::Viewer)?;
        let state = self.state();
        let (block, act) = state.blocks.find(id, self.now())?;
        Ok(view(block, act))
    }

    /// Ends a block before its time. Recorded first, and not done where it cannot be recorded: it opens something.
    pub fn remove_block(
        &self,
        actor: &Actor,
        id: &str,
        reason: &str,
    ) -> Result<RemovedBlockView, ControlError> {
        self.demand(actor, Needs::Owner)?;
        let reason = given(reason, "the removal of a block")?;
        let mut state = self.state();
        let now = self.now();
        let (block, act) = state.blocks.find(id, now)?;
        let (block, act) = (block.clone(), act.clone());
        may_change(&state, actor, &block.target)?;
        // Where its making is still owed, the log has to say that first.
        unheeded(self.settle(&mut state));
        let object = object_of(&block);
        self.record(actor, "block.remove", &object, &reason)?;
        let State { store, block_key, .. } = &mut *state;
        let removed = signed::remove(store, block_key, &[id.to_owned()]);
        self.carried(actor, "block.remove", &object, removed)?;
        state.owed.forgive_block(block.id);
        state.blocks.remove(block.id);
        self.bring_blocks_into_force(&state);
        let still = overlap::still(&state, &block.target, now);
        Ok(RemovedBlockView { block: view(&block, &act), still })
    }

    /// Takes the list of blocks as it can be read for the whole list, by an act of an administrator. Where it can be
    /// read, nothing changes.
    pub fn repair_blocks(&self, actor: &Actor, reason: &str) -> Result<RepairedView, ControlError> {
        self.demand(actor, Needs::Admin)?;
        let reason = given(reason, "a repair")?;
        let mut state = self.state();
        let removed = state.blocks.unreadable().to_vec();
        if state.blocks.fault().is_some() {
            let object = format!("blocks: {} entries that did not verify", removed.len());
            self.record(actor, "block.repair", &object, &reason)?;
            let State { store, block_key, .. } = &mut *state;
            let repaired = signed::repair(store, block_key, &removed);
            self.carried(actor, "block.repair", &object, repaired)?;
            state.blocks.repaired();
            self.bring_blocks_into_force(&state);
            // What the list could not take before, it takes now; what fails stays owed.
            unheeded(self.settle(&mut state));
        }
        Ok(RepairedView { kept: state.blocks.len(), removed })
    }

    /// What has ended is removed from memory and store; the log keeps it.
    pub(crate) fn remove_ended_blocks(&self) -> Result<(), ControlError> {
        let now = self.now();
        let mut state = self.state();
        let ended = state.blocks.ended(now);
        if ended.is_empty() || state.blocks.fault().is_some() {
            return Ok(());
        }
        let ids: Vec<String> = ended.iter().map(ToString::to_string).collect();
        let State { store, block_key, .. } = &mut *state;
        signed::remove(store, block_key, &ids)?;
        for id in ended {
            state.owed.forgive_block(id);
            state.blocks.remove(id);
        }
        self.bring_blocks_into_force(&state);
        Ok(())
    }

    fn bring_blocks_into_force(&self, state: &State) {
        let before = self.live.load();
        self.live.set_stops(state.blocks.stops(before.stops(), self.now()));
    }

    /// A block of what does not exist would stop nothing, and somebody would believe that it does.
    fn check_target(&self, state: &State, target: &BlockTarget) -> Result<(), ControlError> {
        let snapshot = self.live.load();
        let catalog = snapshot.catalog();
        let absent = |what, name: String| Err(ControlError::Absent { what, name });
        let is_issuer =
            |name: &str| snapshot.0.revision.issuers.iter().any(|issuer| issuer.name.as_str() == name);
        match target {
            BlockTarget::Api(name) if !catalog.apis().iter().any(|api| api.name == *name) => {
                absent("api", name.to_string())
            }
            BlockTarget::Operation(id) if catalog.by_id(id.as_str()).is_none() => {
                absent("operation", id.to_string())
            }
            // What others issue credentials for is not in our store, but who issues them is in the files.
            BlockTarget::Application(name) => match name.external_parts() {
                None if state.store.application(name)?.is_none() => absent("application", name.to_string()),
                None => Ok(()),
                Some((of, client)) if is_issuer(of) || is_claimed_of(&snapshot.0, of, client) => Ok(()),
                Some(_) => absent("client of an issuer, or of an API's existing keys,", name.to_string()),
            },
            BlockTarget::User { issuer, .. } if !is_issuer(issuer.as_str()) => {
                absent("issuer", issuer.to_string())
            }
            BlockTarget::Key(id) => state.key(id.as_str()).map(|_| ()),
            BlockTarget::Api(_)
            | BlockTarget::Network(_)
            | BlockTarget::Operation(_)
            | BlockTarget::Token(_)
            | BlockTarget::User { .. }
            | BlockTarget::Workload(_) => Ok(()),
        }
    }
}

/// Whether a client is what a key of this API is called that nobody has vouched for.
fn is_claimed_of(snapshot: &Snapshot, api: &str, client: &str) -> bool {
    let mut rules = snapshot.revision.apis.iter();
    rules.any(|rules| rules.name.as_str() == api && rules.existing_keys.is_some())
        && identity::is_claimed_name(client)
}

/// An administrator may block anything; an owner what belongs to a team that it is a member of.
fn may_change(state: &State, actor: &Actor, target: &BlockTarget) -> Result<(), ControlError> {
    if actor.may(Needs::Admin) {
        return Ok(());
    }
    let Some(team) = team_of(state, target)? else {
        return Err(ControlError::Forbidden { needs: Needs::Admin, role: actor.role().as_str() });
    };
    match is_member(state.repository()?, actor, &team) {
        true => Ok(()),
        false => Err(ControlError::NotYours { what: target.to_string() }),
    }
}

/// The team that a target belongs to; none where it belongs to nobody in particular.
fn team_of(state: &State, target: &BlockTarget) -> Result<Option<TeamName>, ControlError> {
    let owner_of_api = |name: &str| -> Result<Option<TeamName>, ControlError> {
        let mut apis = state.repository()?.apis.iter();
        Ok(apis.find(|api| api.name.as_str() == name).map(|api| api.owner.clone()))
    };
    Ok(match target {
        BlockTarget::Api(name) => owner_of_api(name.as_str())?,
        BlockTarget::Operation(id) => owner_of_api(id.api())?,
        BlockTarget::Application(name) => state.store.application(name)?.map(|row| row.team),
        BlockTarget::Key(id) => {
            let application = state.key(id.as_str())?.application;
            state.store.application(&application)?.map(|row| row.team)
        }
        BlockTarget::Network(_)
        | BlockTarget::Token(_)
        | BlockTarget::User { .. }
        | BlockTarget::Workload(_) => None,
    })
}

fn lasting(text: &str) -> Result<Duration, ControlError> {
    match lifetime(text) {
        Some(lasts) if !lasts.is_zero() && lasts <= LASTS_MAX => Ok(lasts),
        Some(_) => Err(ControlError::invalid(
            format!("`{text}` is not between a second and 30 days"),
            "choose how long; when it ends, another block can be made",
        )),
        None => Err(ControlError::invalid(format!("`{text}` is no duration"), "write it as 2h or 7d")),
    }
}

pub(crate) fn view(block: &Block, act: &Act) -> BlockView {
    BlockView {
        id: block.id.to_string(),
        kind: block.target.kind(),
        name: block.target.name(),
        from: act.at.to_string(),
        until: block.until.to_string(),
        by: act.by.clone(),
        reason: act.reason.clone(),
    }
}

impl BlockView {
    /// Whether it stops requests to this API: all of them, some, or those of some callers.
    pub(crate) fn concerns(&self, api: &str) -> bool {
        match self.kind {
            "api" => self.name == api,
            "operation" => self.name.split(':').next() == Some(api),
            _ => true,
        }
    }

    /// In one line for people.
    pub(crate) fn told(&self) -> String {
        let Self { id, kind, name, until, by, reason, .. } = self;
        format!("block {id} of {kind} {name}, until {until}, by {by}: {reason}")
    }
}

/// The error that a store gives where a note cannot be written or read.
fn unsound(what: impl Into<String>) -> StoreError {
    StoreError::Corrupt { what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_lasts_for_a_while_and_not_for_ever() {
        for (text, taken) in [
            ("1s", true),
            ("2h", true),
            ("30d", true),
            ("31d", false),
            ("0s", false),
            ("", false),
            ("2", false),
            ("h", false),
            ("-2h", false),
            ("for ever", false),
            ("99999999999999999999d", false),
        ] {
            assert_eq!(lasting(text).is_ok(), taken, "{text}");
        }
    }
}

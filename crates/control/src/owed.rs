//! Stops that are in force and not kept yet: what they owe to the log and to the store is carried there until it is.
//!
//! Nobody is kept from stopping a key, an application, an administrator or anything that can be blocked by a disk that is full. A stop takes effect in this process
//! first and is then recorded and stored; what of that fails stays owed, is told to whoever asked and to `/readyz`, and
//! is tried again every few seconds. A stop that the log has and the store has not is stored from the log at the next
//! start, so only one that neither took ends with the process.

use std::collections::BTreeMap;

use model::{ApplicationName, Block, BlockId, KeyId, PersonName, Timestamp};
use record::{Change, Leaf};
use recorder::LogReader;
use store::{Act, AdministratorState, ApplicationState, KeyChange, KeyState, Store, StoreError};

use crate::blocks::BlockKey;
use crate::state::State;
use crate::{Control, ControlError, blocks, chain};

/// What was stopped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stop {
    Administrator(PersonName),
    Application(ApplicationName),
    Block(Block),
    Key(KeyId),
}

/// Whether something is where it has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    NotYet,
    Yes,
}

/// One stop, and what of it is kept.
#[derive(Debug)]
struct Debt {
    act: Act,
    recorded: Kept,
    stored: Kept,
    /// Why the store did not take it.
    cause: String,
}

/// Every stop that is not kept wholly. Bounded by the keys, applications, administrators and blocks that there are: each is
/// owed once.
#[derive(Debug, Default)]
pub(crate) struct Owed(BTreeMap<Stop, Debt>);

impl Stop {
    const fn action(&self) -> &'static str {
        match self {
            Self::Administrator(_) => "administrator.revoke",
            Self::Application(_) => "application.disable",
            Self::Block(_) => "block.add",
            Self::Key(_) => "key.revoke",
        }
    }

    fn object(&self) -> String {
        match self {
            Self::Administrator(name) => format!("administrator {name}"),
            Self::Application(name) => format!("application {name}"),
            Self::Block(block) => blocks::object_of(block),
            Self::Key(id) => format!("key {id}"),
        }
    }

    fn is_block(&self, id: BlockId) -> bool {
        match self {
            Self::Block(block) => block.id == id,
            Self::Administrator(_) | Self::Application(_) | Self::Key(_) => false,
        }
    }

    /// Writes it into the store. What the store has already, or no longer knows, is stored.
    fn store(&self, store: &mut Store, key: &BlockKey, act: &Act) -> Result<(), StoreError> {
        let stored = match self {
            Self::Administrator(name) => {
                store.set_administrator_state(name, AdministratorState::Disabled).map(|_| ())
            }
            Self::Application(name) => {
                store.set_application_state(name, ApplicationState::Disabled).map(|_| ())
            }
            Self::Block(block) => blocks::store(store, key, block, act),
            Self::Key(id) => store.change_key(*id, KeyChange::Revoke, act).map(|_| ()),
        };
        match stored {
            Err(StoreError::Absent { .. } | StoreError::Refused { .. }) => Ok(()),
            other => other,
        }
    }
}

impl Owed {
    /// Owes a stop that was just made.
    pub(crate) fn add(&mut self, stop: Stop, act: Act) {
        let debt = Debt { act, recorded: Kept::NotYet, stored: Kept::NotYet, cause: String::new() };
        self.0.entry(stop).or_insert(debt);
    }

    /// Owes to the store a block that the log has.
    pub(crate) fn add_recorded(&mut self, block: Block, act: Act) {
        let cause = "the list of blocks does not verify".to_owned();
        let debt = Debt { act, recorded: Kept::Yes, stored: Kept::NotYet, cause };
        self.0.entry(Stop::Block(block)).or_insert(debt);
    }

    /// Who made the stop, when and why, while it is not in the store.
    pub(crate) fn unstored(&self, stop: &Stop) -> Option<&Act> {
        self.0.get(stop).filter(|debt| debt.stored == Kept::NotYet).map(|debt| &debt.act)
    }

    /// Whether the store lacks any stop.
    pub(crate) fn lacks_any(&self) -> bool {
        self.0.values().any(|debt| debt.stored == Kept::NotYet)
    }

    /// An application that was enabled again owes nothing.
    pub(crate) fn forgive(&mut self, name: &ApplicationName) {
        self.0.remove(&Stop::Application(name.clone()));
    }

    /// A block that was removed owes nothing.
    pub(crate) fn forgive_block(&mut self, id: BlockId) {
        self.0.retain(|stop, _| !stop.is_block(id));
    }

    /// What to tell whoever made this stop.
    pub(crate) fn answer(&self, stop: &Stop) -> Result<(), ControlError> {
        let Some(debt) = self.0.get(stop) else { return Ok(()) };
        let (what, cause) = (stop.object(), debt.cause.clone());
        Err(match (debt.recorded, debt.stored) {
            (_, Kept::Yes) => ControlError::StoppedNotRecorded { what },
            (Kept::Yes, Kept::NotYet) => ControlError::StoppedNotStored { what, cause },
            (Kept::NotYet, Kept::NotYet) => ControlError::StoppedNotKept { what, cause },
        })
    }

    /// The same for `/readyz`, without naming anyone.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let count = |recorded, stored| {
            let same = |debt: &&Debt| debt.recorded == recorded && debt.stored == stored;
            self.0.values().filter(same).count()
        };
        let cause = self.0.values().map(|debt| debt.cause.as_str()).find(|cause| !cause.is_empty());
        let cause = cause.unwrap_or("not tried yet");
        let neither = count(Kept::NotYet, Kept::NotYet);
        let unstored = count(Kept::Yes, Kept::NotYet);
        let unrecorded = count(Kept::NotYet, Kept::Yes);
        let mut reasons = Vec::new();
        if 0 < neither {
            reasons.push(format!(
                "stops in force that neither the log nor the store took, {neither}: a restart would undo them ({cause})"
            ));
        }
        if 0 < unstored {
            reasons.push(format!(
                "stops in force that the store did not take, {unstored}: they are in the log ({cause})"
            ));
        }
        if 0 < unrecorded {
            reasons.push(format!("stops in force that are stored and not in the log, {unrecorded}"));
        }
        reasons
    }
}

impl Control {
    /// Carries what is owed to the log and the store, as far as they take it.
    pub(crate) fn settle(&self, state: &mut State) -> Result<(), ControlError> {
        let (mut log, mut store) = (Ok(()), Ok(()));
        let mut owed = std::mem::take(&mut state.owed);
        let mut kept = Vec::new();
        for (stop, debt) in &mut owed.0 {
            // What was refused once is refused to the others; they come again with the next round.
            if log.is_ok() && debt.recorded == Kept::NotYet {
                log = self.record_stop(stop, &debt.act);
                debt.recorded = if log.is_ok() { Kept::Yes } else { Kept::NotYet };
            }
            if debt.stored == Kept::NotYet {
                if store.is_ok() {
                    store = stop.store(&mut state.store, &state.block_key, &debt.act);
                }
                match &store {
                    Ok(()) => debt.stored = Kept::Yes,
                    Err(error) => debt.cause = chain(error),
                }
            }
            if debt.recorded == Kept::Yes && debt.stored == Kept::Yes {
                kept.push(stop.clone());
            }
        }
        kept.iter().for_each(|stop| drop(owed.0.remove(stop)));
        state.owed = owed;
        let stored = store.map_err(ControlError::from);
        log.and(stored)
    }

    fn record_stop(&self, stop: &Stop, act: &Act) -> Result<(), ControlError> {
        let change = Change {
            time: act.at,
            actor: &act.by,
            action: stop.action(),
            object: &stop.object(),
            reason: &act.reason,
            revision: self.live.load().names().revision,
        };
        self.recorder.change(&change).map_err(|_| ControlError::NotRecorded)
    }
}

/// Stores the stops that the log has from entry `from` on and the store has not. Gives the blocks that it did not take,
/// because its list of blocks does not verify: they are in force all the same.
pub(crate) fn redo(
    store: &mut Store,
    reader: &LogReader,
    from: u64,
    (key, now): (&BlockKey, Timestamp),
) -> Result<Vec<(Block, Act)>, ControlError> {
    let mut stops: BTreeMap<Stop, Act> = BTreeMap::new();
    let mut enabled: BTreeMap<Stop, Act> = BTreeMap::new();
    let read = reader.each(from, |entry| {
        if let Ok(Leaf::Change(change)) = entry.leaf() {
            note(&change, &mut stops, &mut enabled);
        }
        Ok(())
    });
    if let Err(error) = read {
        tracing::error!(error = %chain(&error), from, "stops before the restart may be in the log alone");
    }
    let mut unstored = Vec::new();
    for (stop, act) in stops {
        let stands = match &stop {
            Stop::Administrator(name) => {
                store.administrator(name)?.is_none_or(|row| row.state == AdministratorState::Disabled)
            }
            Stop::Application(name) => {
                store.application(name)?.is_none_or(|row| row.state == ApplicationState::Disabled)
            }
            Stop::Block(block) => {
                // One that does not verify says nothing; the log does.
                block.until <= now || blocks::stands(store, key, block)?
            }
            Stop::Key(id) => store.key(*id)?.is_none_or(|row| row.state == KeyState::Revoked),
        };
        if stands {
            continue;
        }
        match (stop.store(store, key, &act), stop) {
            (Ok(()), stop) => {
                tracing::warn!(stop = stop.object(), "a stop was in the log alone; it is stored now");
            }
            (Err(error), Stop::Block(block)) => {
                tracing::error!(error = %chain(&error), block = %block.id, "a block is in the log alone");
                unstored.push((block, act));
            }
            (Err(error), Stop::Administrator(_) | Stop::Application(_) | Stop::Key(_)) => {
                return Err(error.into());
            }
        }
    }
    Ok(unstored)
}

/// Follows what the log says of stops: made, taken back by enabling, or standing because enabling failed.
fn note(change: &Change<'_>, stops: &mut BTreeMap<Stop, Act>, enabled: &mut BTreeMap<Stop, Act>) {
    let application = || {
        let name = change.object.strip_prefix("application ")?;
        ApplicationName::parse(name).ok().map(Stop::Application)
    };
    let key = || KeyId::parse(change.object.strip_prefix("key ")?.as_bytes()).ok().map(Stop::Key);
    let act = || Act { at: change.time, by: change.actor.to_owned(), reason: change.reason.to_owned() };
    let administrator = || {
        let name = change.object.strip_prefix("administrator ")?;
        PersonName::parse(name).ok().map(Stop::Administrator)
    };
    match change.action {
        "administrator.revoke" => stops.extend(administrator().map(|stop| (stop, act()))),
        "key.revoke" => stops.extend(key().map(|stop| (stop, act()))),
        "block.add" => {
            stops.extend(blocks::of_object(change.object).map(|block| (Stop::Block(block), act())))
        }
        "block.remove" => {
            let id = blocks::id_of_object(change.object);
            let stop = stops.keys().find(|stop| id.is_some_and(|id| stop.is_block(id))).cloned();
            enabled.extend(stop.and_then(|stop| stops.remove_entry(&stop)));
        }
        "block.remove.failed" => {
            let id = blocks::id_of_object(change.object);
            let stop = enabled.keys().find(|stop| id.is_some_and(|id| stop.is_block(id))).cloned();
            stops.extend(stop.and_then(|stop| enabled.remove_entry(&stop)));
        }
        "application.disable" => stops.extend(application().map(|stop| (stop, act()))),
        "application.enable" => enabled.extend(application().and_then(|stop| stops.remove_entry(&stop))),
        "application.enable.failed" => {
            stops.extend(application().and_then(|stop| enabled.remove_entry(&stop)));
        }
        _ => {}
    }
}

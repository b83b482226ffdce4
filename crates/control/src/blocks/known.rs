//! The blocks that are known: what the store had at the start, and what was made and removed since.

use std::collections::BTreeMap;

use identity::{BLOCKS_MAX, Blocks, Stops, TooManyBlocks};
use model::{Block, BlockId, BlockTarget, Timestamp};
use store::{Act, Store};

use super::signed::BlockKey;
use super::{BlockView, view};
use crate::ControlError;

/// Every block, and whether there may be others.
#[derive(Debug)]
pub(crate) struct KnownBlocks {
    blocks: BTreeMap<BlockId, (Block, Act)>,
    /// What stands in the store as ids of entries that do not verify.
    unreadable: Vec<String>,
    /// Why the list cannot be trusted to be whole.
    fault: Option<String>,
}

impl KnownBlocks {
    /// Reads what is stored. What does not verify is no error here: the gateway starts, and stops everything.
    pub(crate) fn load(store: &Store, key: &BlockKey, now: Timestamp) -> Result<Self, ControlError> {
        let stored = store.blocks()?;
        let mut known = Self { blocks: BTreeMap::new(), unreadable: Vec::new(), fault: None };
        let ids: Vec<String> = stored.rows.iter().map(|row| row.id.clone()).collect();
        match &stored.head {
            None => known.fault = Some("the signed note about the list is missing".to_owned()),
            Some(head) if !key.fits_list(head, &ids) => {
                known.fault = Some("the list is not the one that was signed".to_owned());
            }
            Some(_) => {}
        }
        for row in stored.rows {
            match key.read(&row.note) {
                Ok((block, act)) if block.id.as_str() == row.id => {
                    known.blocks.insert(block.id, (block, act));
                }
                Ok(_) => {
                    known.fault =
                        Some(format!("the entry `{}` is that of another block", row.id.escape_debug()));
                    known.unreadable.push(row.id);
                }
                Err(error) => {
                    known.fault =
                        Some(format!("the entry `{}` does not verify: {error}", row.id.escape_debug()));
                    known.unreadable.push(row.id);
                }
            }
        }
        if let Some(fault) = &known.fault {
            tracing::error!(fault, "the list of blocks cannot be read whole; every request is denied");
        }
        tracing::debug!(blocks = known.len(), %now, "blocks loaded");
        Ok(known)
    }

    /// Adds a block; those that have ended make room.
    pub(crate) fn add(&mut self, block: Block, act: Act, now: Timestamp) -> Result<(), ControlError> {
        let in_force = self.blocks.values().filter(|(block, _)| now < block.until).count();
        if BLOCKS_MAX <= in_force || 2 * BLOCKS_MAX <= self.blocks.len() {
            return Err(ControlError::invalid(
                TooManyBlocks.to_string(),
                "`sallyport block list` shows those there are",
            ));
        }
        self.blocks.insert(block.id, (block, act));
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: BlockId) {
        self.blocks.remove(&id);
    }

    /// The list is as it is by somebody's word.
    pub(crate) fn repaired(&mut self) {
        self.unreadable.clear();
        self.fault = None;
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    pub(crate) fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// What an operator should know.
    pub(crate) fn fault(&self) -> Option<String> {
        let fault = self.fault.as_ref()?;
        Some(format!(
            "the list of blocks cannot be read whole, so every request is denied: {fault}; find out who wrote to the store, then `sallyport block repair --reason TEXT`"
        ))
    }

    pub(crate) fn ended(&self, now: Timestamp) -> Vec<BlockId> {
        self.blocks.values().filter(|(block, _)| block.until <= now).map(|(block, _)| block.id).collect()
    }

    /// A block that is in force.
    pub(crate) fn find(&self, id: &str, now: Timestamp) -> Result<&(Block, Act), ControlError> {
        let found = BlockId::parse(id).ok().and_then(|id| self.blocks.get(&id));
        found
            .filter(|(block, _)| now < block.until)
            .ok_or_else(|| ControlError::Absent { what: "block", name: id.to_owned() })
    }

    /// Those in force, the newest first.
    pub(crate) fn views(&self, now: Timestamp) -> Vec<BlockView> {
        self.views_where(now, |_| true)
    }

    /// Those in force of targets that are meant, the newest first.
    pub(super) fn views_where(
        &self,
        now: Timestamp,
        is_meant: impl Fn(&BlockTarget) -> bool,
    ) -> Vec<BlockView> {
        let in_force = self.blocks.values().filter(|(block, _)| now < block.until);
        let mut found: Vec<&(Block, Act)> = in_force.filter(|(block, _)| is_meant(&block.target)).collect();
        found.sort_by_key(|(block, act)| (std::cmp::Reverse(act.at), block.id));
        found.into_iter().map(|(block, act)| view(block, act)).collect()
    }

    /// Those in force, with who made each and why.
    pub(crate) fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &(Block, Act)> {
        self.blocks.values().filter(move |(block, _)| now < block.until)
    }

    /// Whether every block is known.
    pub(crate) const fn is_whole(&self) -> bool {
        self.fault.is_none()
    }

    /// The same stops with those of these blocks that are in force.
    pub(crate) fn stops(&self, before: &Stops, now: Timestamp) -> Stops {
        let in_force = self.blocks.values().map(|(block, _)| block).filter(|block| now < block.until);
        let table = match (&self.fault, Blocks::of(in_force)) {
            (None, Ok(table)) => table,
            // More than there may be: nobody can tell which of them to leave out.
            (Some(_), _) | (None, Err(TooManyBlocks)) => Blocks::unreadable(),
        };
        if table.is_empty() && before.blocks().is_empty() {
            before.clone()
        } else {
            before.with_blocks(table)
        }
    }
}

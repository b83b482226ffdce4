//! Blocks as signed notes, and as the objects of entries of the log.
//!
//! The form of a note is that of checkpoints (`record::note`, C2SP signed notes): lines of text under an Ed25519
//! signature. The key signs blocks and nothing else, and both kinds of notes begin with a line of their own, so no
//! signature can stand under another kind of text.

use model::{Block, BlockId, BlockTarget, Secret, Timestamp};
use sha2::{Digest as _, Sha256};
use store::{Act, BlockRow, Store, StoreError};

use super::unsound;
use crate::ControlError;

/// The name of the key in signature lines.
const KEY_NAME: &str = "sallyport.local/blocks";
const BLOCK: &str = "sallyport-block-1";
const LIST: &str = "sallyport-block-list-1";

/// The key that signs blocks.
#[derive(Debug)]
pub(crate) struct BlockKey(record::Signer);

impl BlockKey {
    /// The key of a 32-byte seed.
    pub(crate) fn new(seed: &Secret) -> Result<Self, ControlError> {
        let refused = |what: String| ControlError::Secret { what: format!("`block-signing`: {what}") };
        let seed: [u8; 32] =
            seed.expose().try_into().map_err(|_| refused("is not 32 bytes long".to_owned()))?;
        record::Signer::from_seed(KEY_NAME, &seed).map(Self).map_err(|error| refused(error.to_string()))
    }

    /// The note of a block.
    pub(crate) fn sign(&self, block: &Block, act: &Act) -> Result<String, StoreError> {
        let Block { id, target, until } = block;
        let Act { at, by, reason } = act;
        let text = format!(
            "{BLOCK}\nid {id}\ntarget {target}\nfrom {at}\nuntil {until}\nby {by}\nreason {reason}\n"
        );
        self.0.sign(&text).map_err(|error| unsound(format!("block {id} cannot be signed: {error}")))
    }

    /// Reads a note; what it says counts only because it was signed. Total over all texts.
    pub(crate) fn read(&self, note: &str) -> Result<(Block, Act), String> {
        let text = self.0.verifier().verify(note.as_bytes()).map_err(|error| error.to_string())?;
        let mut lines = text.lines();
        if lines.next() != Some(BLOCK) {
            return Err("it is no note of a block".to_owned());
        }
        let mut line = |name: &str| {
            let line = lines.next().unwrap_or_default();
            let value = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
            value.map(str::to_owned).ok_or_else(|| format!("there is no `{name}` in its place"))
        };
        let id = BlockId::parse(&line("id")?).map_err(|error| error.to_string())?;
        let target = line("target")?;
        let (kind, name) = target.split_once(' ').ok_or("its target has no name")?;
        let target = BlockTarget::parse(kind, name).map_err(|error| error.to_string())?;
        let time = |text: String| Timestamp::parse(&text).map_err(|error| error.to_string());
        let at = time(line("from")?)?;
        let until = time(line("until")?)?;
        let act = Act { at, by: line("by")?, reason: line("reason")? };
        Ok((Block { id, target, until }, act))
    }

    /// The note about the list of these ids, which are sorted.
    pub(crate) fn sign_list(&self, ids: &[String]) -> Result<String, StoreError> {
        self.0
            .sign(&list_text(ids))
            .map_err(|error| unsound(format!("the list of blocks cannot be signed: {error}")))
    }

    /// Whether `note` is the one about the list of these ids.
    pub(crate) fn fits_list(&self, note: &str, ids: &[String]) -> bool {
        self.0.verifier().verify(note.as_bytes()).is_ok_and(|text| text == list_text(ids))
    }
}

/// How many, and a digest of which: a note has a limit, and the list may be longer.
fn list_text(ids: &[String]) -> String {
    let mut digest = Sha256::new();
    for id in ids {
        // Ids have one length where they are ours; whatever stands in the store, no two lists make one text.
        digest.update((id.len() as u64).to_be_bytes());
        digest.update(id);
    }
    let digest: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{LIST}\ncount {}\nids {digest}\n", ids.len())
}

/// Stores a block that is not stored yet.
pub(crate) fn store(store: &mut Store, key: &BlockKey, block: &Block, act: &Act) -> Result<(), StoreError> {
    let mut ids = sound_list(store, key)?;
    let id = block.id.to_string();
    if ids.contains(&id) {
        let unverified = || unsound(format!("the entry of block {id} does not verify"));
        return if stands(store, key, block)? { Ok(()) } else { Err(unverified()) };
    }
    ids.push(id.clone());
    ids.sort();
    let row = BlockRow { id, note: key.sign(block, act)? };
    store.add_block(&row, &key.sign_list(&ids)?).map(|_| ())
}

/// Whether the store has this block, as it was signed.
pub(crate) fn stands(store: &Store, key: &BlockKey, block: &Block) -> Result<bool, StoreError> {
    let rows = store.blocks()?.rows;
    let row = rows.iter().find(|row| row.id == block.id.as_str());
    Ok(row.is_some_and(|row| key.read(&row.note).is_ok_and(|(stored, _)| stored.id == block.id)))
}

/// Removes blocks, and signs the list of those that stay.
pub(crate) fn remove(store: &mut Store, key: &BlockKey, removed: &[String]) -> Result<(), StoreError> {
    let ids = sound_list(store, key)?;
    let stay: Vec<String> = ids.into_iter().filter(|id| !removed.contains(id)).collect();
    store.remove_blocks(removed, &key.sign_list(&stay)?).map(|_| ())
}

/// The same for a list that does not verify: signs what is there without these.
pub(crate) fn repair(store: &mut Store, key: &BlockKey, removed: &[String]) -> Result<(), StoreError> {
    let rows = store.blocks()?.rows.into_iter().map(|row| row.id);
    let stay: Vec<String> = rows.filter(|id| !removed.contains(id)).collect();
    store.remove_blocks(removed, &key.sign_list(&stay)?).map(|_| ())
}

/// The ids of a list that verifies. One that does not is never signed anew by the way: what was done to it would be
/// made good.
fn sound_list(store: &Store, key: &BlockKey) -> Result<Vec<String>, StoreError> {
    let stored = store.blocks()?;
    let ids: Vec<String> = stored.rows.into_iter().map(|row| row.id).collect();
    match stored.head {
        Some(head) if key.fits_list(&head, &ids) => Ok(ids),
        Some(_) | None => Err(unsound("the list of blocks in the store is not the one that was signed")),
    }
}

/// A block as the log names it; all that is needed to make it again.
pub(crate) fn object_of(block: &Block) -> String {
    format!("block {block}")
}

/// Reads [`object_of`].
pub(crate) fn of_object(object: &str) -> Option<Block> {
    Block::parse(object.strip_prefix("block ")?).ok()
}

/// The id in [`object_of`].
pub(crate) fn id_of_object(object: &str) -> Option<BlockId> {
    of_object(object).map(|block| block.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> BlockKey {
        BlockKey::new(&Secret::new([seed; 32])).unwrap()
    }

    fn block() -> (Block, Act) {
        let at = Timestamp::parse("2026-11-27T08:00:00Z").unwrap();
        let target = BlockTarget::parse("operation", "orders:GET /orders/{id}").unwrap();
        let until = Timestamp::parse("2026-11-27T10:00:00Z").unwrap();
        let act = Act { at, by: "ann (offline)".to_owned(), reason: "leak until fixed: OPS-7".to_owned() };
        (Block { id: BlockId::new(7), target, until }, act)
    }

    #[test]
    fn a_note_reads_back_and_every_altered_byte_is_noticed() {
        let (block, act) = block();
        let note = key(1).sign(&block, &act).unwrap();
        assert_eq!(key(1).read(&note), Ok((block, act)));
        assert!(key(2).read(&note).is_err(), "another key");
        for at in 0..note.len() {
            let mut altered = note.clone().into_bytes();
            altered[at] = if altered[at] == b'0' { b'1' } else { b'0' };
            if let Ok(text) = String::from_utf8(altered) {
                assert!(key(1).read(&text).is_err(), "byte {at}");
            }
        }
        assert!(key(1).read("").is_err());
        let list = key(1).sign_list(&["a".to_owned()]).unwrap();
        assert!(key(1).read(&list).is_err(), "a note about the list is no block");
        assert!(!key(1).fits_list(&note, &[]));
    }

    #[test]
    fn a_list_fits_its_own_ids_alone() {
        let ids = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let note = key(1).sign_list(&ids(&["a", "bc"])).unwrap();
        assert!(key(1).fits_list(&note, &ids(&["a", "bc"])));
        for other in [&["a"][..], &["a", "bc", "d"], &["bc", "a"], &["ab", "c"], &[]] {
            assert!(!key(1).fits_list(&note, &ids(other)), "{other:?}");
        }
        assert!(!key(2).fits_list(&note, &ids(&["a", "bc"])));
    }

    #[test]
    fn no_block_is_longer_than_an_entry_of_the_log_holds() {
        let (block, _) = block();
        for kind in ["user", "operation"] {
            let name = match kind {
                "user" => format!("corp/{}", "u".repeat(model::block::TARGET_BYTES_MAX)),
                _ => format!("orders:GET /{}", "o".repeat(model::block::TARGET_BYTES_MAX - 12)),
            };
            let target = BlockTarget::parse(kind, &name).unwrap();
            assert!(
                object_of(&Block { target, ..block.clone() }).len() <= record::bytes::TEXT_BYTES_MAX,
                "{kind}"
            );
        }
    }

    #[test]
    fn the_log_holds_what_makes_a_block_again() {
        let (block, _) = block();
        assert_eq!(of_object(&object_of(&block)), Some(block));
        for text in ["", "block x", "block 70000000000: app a until soon", "key 7: app a until 2026-01-01"] {
            assert_eq!(of_object(text), None, "{text}");
        }
    }
}

//! Blocks: what goes in comes out, all of a change or nothing.

use super::*;

fn row(id: &str) -> BlockRow {
    BlockRow { id: id.to_owned(), note: format!("a note about {id}") }
}

#[test]
fn blocks_and_the_note_about_them_change_together() {
    let mut store = Store::in_memory().unwrap();
    assert_eq!(store.blocks().unwrap(), StoredBlocks { rows: Vec::new(), head: None });
    store.begin_blocks("key", b"sealed", "none", at(1)).unwrap();
    assert_eq!(store.secret("key").unwrap().unwrap(), b"sealed");
    // The key is made once: another one would leave notes behind that nothing verifies.
    assert!(matches!(store.begin_blocks("key", b"other", "other", at(2)), Err(StoreError::Exists { .. })));
    assert_eq!(store.blocks().unwrap().head.as_deref(), Some("none"));
    let first = store.add_block(&row("b"), "b").unwrap();
    let second = store.add_block(&row("a"), "a b").unwrap();
    assert!(first < second, "each change has its number among the stops");
    assert_eq!(store.versions().unwrap().stops, second);
    assert!(matches!(store.add_block(&row("a"), "again"), Err(StoreError::Exists { .. })));
    let stored = StoredBlocks { rows: vec![row("a"), row("b")], head: Some("a b".to_owned()) };
    assert_eq!(store.blocks().unwrap(), stored);
    // Of a change that is refused nothing is kept, the note not either.
    store.set_access(Access::ReadOnly).unwrap();
    assert!(store.add_block(&row("c"), "a b c").is_err());
    assert!(store.remove_blocks(&["a".to_owned()], "b").is_err());
    store.set_access(Access::ReadWrite).unwrap();
    assert_eq!(store.blocks().unwrap(), stored);
    store.remove_blocks(&["a".to_owned(), "not there".to_owned()], "b").unwrap();
    assert_eq!(store.blocks().unwrap(), StoredBlocks { rows: vec![row("b")], head: Some("b".to_owned()) });
}

//! Fuzz functions: any bytes have an answer.

use traffic::Exchange;

use crate::{Inventory, Limits, Settings};

/// Reads bytes as a saved state; whatever is read must come back the same when saved and read again.
pub fn state(bytes: &[u8]) {
    let Ok(inventory) = Inventory::from_bytes(bytes, Settings::default()) else { return };
    let saved = inventory.to_bytes();
    let again = Inventory::from_bytes(&saved, Settings::default()).map(|again| again.to_bytes());
    assert!(again.is_ok_and(|again| again == saved), "a saved state reads back as another");
}

/// Reads each line as a path, feeds all of them at once and in two parts, and compares the operations.
pub fn paths(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().take(500).collect();
    let limits = Limits { words: [6, 3, 2, 1], typed: [4, 2, 1, 1], pending: 5, ..Limits::default() };
    let settings = Settings { limits, ..Settings::default() };
    let mut whole = Inventory::new(settings.clone());
    let mut parts = [Inventory::new(settings.clone()), Inventory::new(settings)];
    for (place, line) in lines.iter().enumerate() {
        let exchange = Exchange { method: "GET", path: line, status: Some(200), ..Exchange::default() };
        whole.observe(&exchange);
        if let Some(part) = parts.get_mut(place % 2) {
            part.observe(&exchange);
        }
    }
    let [mut one, other] = parts;
    one.merge(other);
    assert!(one.to_bytes() == whole.to_bytes(), "shards and one run differ");
    assert!(one.operations() == whole.operations(), "shards and one run differ in operations");
}

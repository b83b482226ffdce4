//! Fuzz functions: any bytes have an answer.

use traffic::Exchange;

use crate::{Inventory, Kept, Limits, Settings};

/// Reads bytes as a saved state; whatever is read must come back the same when saved and read again.
pub fn state(bytes: &[u8]) {
    kept(bytes);
    let Ok(inventory) = Inventory::from_bytes(bytes, Settings::default()) else { return };
    let saved = inventory.to_bytes();
    let again = Inventory::from_bytes(&saved, Settings::default()).map(|again| again.to_bytes());
    assert!(again.is_ok_and(|again| again == saved), "a saved state reads back as another");
}

/// Reads bytes as a kept inventory; whatever is read must come back the same, and hold no example.
fn kept(bytes: &[u8]) {
    let Ok(kept) = Kept::from_bytes(bytes) else { return };
    let saved = kept.to_bytes();
    let again = Kept::from_bytes(&saved).map(|again| again.to_bytes());
    assert!(again.is_ok_and(|again| again == saved), "a kept inventory reads back as another");
    assert!(kept.operations().iter().all(|one| one.examples.is_empty()), "an example was kept");
}

/// Looks for classes of data in a body: the first line is its media type. No path of a field may hold what reads like a value.
pub fn bodies(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (media_type, text) = text.split_once('\n').unwrap_or(("", &text));
    let body = traffic::Body { media_type, text };
    let mut found = Vec::new();
    crate::classes::scan(body, |class, field| found.push((class, field.to_owned())));
    for (class, field) in &found {
        let digits = |name: &str| name.chars().filter(char::is_ascii_digit).count();
        let is_clean = field.split('.').all(|name| digits(name) <= 4) && !field.contains(['@', '/', ' ']);
        assert!(is_clean, "the path of {} shows a value: {field}", class.name());
    }
}

/// Reads each line as a path, feeds all of them at once and in two parts, and compares the operations.
pub fn paths(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().take(500).collect();
    let limits = Limits { words: [6, 3, 2, 1], typed: [4, 2, 1, 1], ..Limits::default() };
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

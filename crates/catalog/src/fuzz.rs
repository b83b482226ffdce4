//! What a fuzzer calls: every reader of this crate over any bytes. None of them can panic.

use crate::{GroupsLock, Spanning, Template, read_document};

/// The reader of API documents.
pub fn document(bytes: &[u8]) {
    drop(read_document(bytes));
}

/// The reader of `groups.lock`; what it reads is written and read back as the same.
pub fn lock(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(lock) = GroupsLock::parse(text) {
        assert!(GroupsLock::parse(&lock.render()).is_ok_and(|again| again == lock), "a lock reads back");
    }
}

/// The reader of templates; what it reads prints as text that reads back as the same.
pub fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for spanning in [Spanning::AsWritten, Spanning::LastParameter] {
        if let Ok(template) = Template::parse(text, spanning) {
            let again = Template::parse(&template.to_string(), Spanning::AsWritten);
            assert!(again.is_ok_and(|again| again == template), "a template reads back");
        }
    }
}

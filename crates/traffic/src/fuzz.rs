//! Fuzz function: any bytes have an answer in every format.

use crate::{Format, Reader, detect};

/// Reads each line in each format, and the whole to tell its format.
///
/// # Panics
///
/// Where something read cannot be what it is said to be.
pub fn lines(bytes: &[u8]) {
    // That it answers is the property.
    drop(detect(bytes));
    for format in Format::ALL {
        let mut reader = Reader::new(format);
        for line in bytes.split(|byte| *byte == b'\n') {
            let Ok(Some(found)) = reader.line(line) else { continue };
            assert!(found.path.starts_with('/'), "{format:?}: no path: {:?}", found.path);
            assert!(found.path.bytes().all(|byte| byte.is_ascii_graphic()), "{format:?}: {:?}", found.path);
            assert!(!found.path.contains(['?', '#']), "{format:?}: {:?}", found.path);
            let host = found.host.unwrap_or("h");
            assert!(
                !host.is_empty() && !host.bytes().any(|byte| byte.is_ascii_uppercase()),
                "{format:?}: {host:?}"
            );
            assert!(
                found.status.is_none_or(|status| (100..1_000).contains(&status)),
                "{format:?}: {found:?}"
            );
            assert!(!found.method.is_empty(), "{format:?}: {found:?}");
        }
    }
}

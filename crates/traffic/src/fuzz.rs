//! Fuzz functions: any bytes have an answer in every format.

use crate::{DocumentFormat, Exchange, Format, Reader, detect, read_documents};

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
            check(format.as_str(), &found);
        }
    }
}

/// Reads documents in each format.
///
/// # Panics
///
/// Where something read cannot be what it is said to be.
pub fn documents(bytes: &[u8]) {
    let detected = DocumentFormat::detect(bytes);
    assert!(detected.is_none_or(|format| DocumentFormat::of_name(format.as_str()) == Some(format)));
    for format in DocumentFormat::ALL {
        drop(read_documents(format, bytes, |_, found| {
            if let Ok(found) = found {
                check(format.as_str(), &found);
            }
        }));
    }
}

fn check(format: &str, found: &Exchange<'_>) {
    assert!(found.path.starts_with('/'), "{format}: no path: {:?}", found.path);
    assert!(found.path.bytes().all(|byte| byte.is_ascii_graphic()), "{format}: {:?}", found.path);
    assert!(!found.path.contains(['?', '#']), "{format}: {:?}", found.path);
    let host = found.host.unwrap_or("h");
    assert!(!host.is_empty() && !host.bytes().any(|byte| byte.is_ascii_uppercase()), "{format}: {host:?}");
    assert!(found.status.is_none_or(|status| (100..1_000).contains(&status)), "{format}: {found:?}");
    assert!(!found.method.is_empty(), "{format}: {found:?}");
}

//! Reads a log by its detected format and tells how many lines it holds and how long reading them took.
//!
//! ```text
//! cargo run --release --package traffic --example read -- FILE
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use traffic::{Reader, detect};

#[expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that is run by hand, for its figures"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name a file")?;
    let bytes = std::fs::read(path)?;
    let found = detect(bytes.get(..1 << 16).unwrap_or(&bytes))?;
    let mut reader = Reader::new(found.format);
    let (mut lines, mut read, mut faults) = (0_u64, 0_u64, BTreeMap::new());
    let begun = Instant::now();
    for line in bytes.split(|byte| *byte == b'\n') {
        lines += 1;
        match reader.line(line) {
            Ok(Some(exchange)) => read += u64::from(!exchange.path.is_empty()),
            Ok(None) => {}
            Err(fault) => *faults.entry(fault.kind).or_insert(0_u64) += 1,
        }
    }
    println!("{found:?}: {read} of {lines} lines in {:?}; {faults:?}", begun.elapsed());
    Ok(())
}

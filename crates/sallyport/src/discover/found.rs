//! What inputs show, for commands that go on from it: logs, saved states, and what a gateway kept.

use anyhow::Context as _;
use inventory::{Inventory, Kept, Operation, Settings, Stated, classify};
use traffic::FieldMap;

use super::feed::{Input, Wanted};
use crate::output::{Output, printable};

/// Reads inputs of any kind into operations.
pub(crate) fn operations(
    inputs: &[String],
    host: Option<&str>,
    output: Output,
) -> anyhow::Result<Vec<Stated>> {
    let mut inventory = Inventory::new(Settings::default());
    let mut kept = Vec::new();
    for text in inputs {
        if let Some(bytes) = state(text) {
            let saved = Inventory::from_bytes(&bytes, Settings::default());
            match (saved, Kept::from_bytes(&bytes)) {
                (Ok(state), _) => inventory.merge(state),
                (Err(_), Ok(state)) => {
                    kept.extend(state.operations().iter().cloned().map(|one| named(one, host)))
                }
                (Err(error), Err(_)) => {
                    return Err(error).with_context(|| format!("{text} holds no inventory"));
                }
            }
            continue;
        }
        let input = Input::of(text, host);
        let context = || format!("{} cannot be read", input.name());
        let settings = Settings::default();
        let (seen, taken) = super::feed::input(&input, Wanted::Auto, &FieldMap::default(), &settings, output)
            .with_context(context)?;
        if let Some(broken) = &taken.broken {
            anyhow::bail!("{} could not be read to its end: {broken}", input.name());
        }
        output.note(&printable(&format!(
            "{}: {} ({}), {} requests of {} {}",
            taken.name, taken.format, taken.why, taken.read, taken.lines, taken.parts
        )));
        inventory.merge(seen);
    }
    if let Some(dropped) = inventory.dropped_hosts() {
        output.note(&printable(&super::blind::too_many_hosts(&dropped)));
    }
    let mut operations = inventory.operations();
    operations.extend(kept);
    Ok(classify(operations, &[], None))
}

/// An operation of an API that answers to any host, on the host that is asked for.
fn named(one: Operation, host: Option<&str>) -> Operation {
    match host {
        Some(host) if one.host == "*" => Operation { host: host.to_ascii_lowercase(), ..one },
        Some(_) | None => one,
    }
}

/// The bytes of a saved state, if the file is one.
fn state(path: &str) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut file = std::fs::File::open(path).ok()?;
    let mut beginning = [0; 32];
    let read = file.read(&mut beginning).ok()?;
    let is_state = beginning.get(..read)?.starts_with(b"{\"format\":\"sallyport-");
    if is_state { std::fs::read(path).ok() } else { None }
}

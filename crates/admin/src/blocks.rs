//! Handlers of blocks: stop now.

use control::BlockOrder;
use serde::Deserialize;

use crate::answer::{Answer, created, ok};
use crate::routes::Input;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

pub(crate) fn list(input: Input) -> Answer {
    ok(&input.control.blocks(input.actor()?)?)
}

pub(crate) fn show(input: Input) -> Answer {
    ok(&input.control.block(input.actor()?, &input.name)?)
}

pub(crate) fn add(input: Input) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        kind: String,
        name: String,
        /// Such as `2h`.
        #[serde(rename = "for")]
        lasts: String,
        reason: String,
    }
    let Body { kind, name, lasts, reason } = input.read()?;
    let order = BlockOrder { kind, name, lasts, reason };
    created(&input.control.add_block(input.actor()?, &order)?)
}

pub(crate) fn remove(input: Input) -> Answer {
    let Reason { reason } = input.read()?;
    ok(&input.control.remove_block(input.actor()?, &input.name, &reason)?)
}

pub(crate) fn repair(input: Input) -> Answer {
    let Reason { reason } = input.read()?;
    ok(&input.control.repair_blocks(input.actor()?, &reason)?)
}

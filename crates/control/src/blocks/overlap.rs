//! Which blocks stop what another one stopped.
//!
//! Told where it can be from the targets alone: a network within a network, an operation of an API, a key of an application. A
//! network and an application may stop the same call as well; nobody can say so without the call.

use model::{ApplicationName, BlockTarget, Timestamp};

use super::BlockView;
use crate::state::State;

/// The blocks in force that stop `target`, or part of it.
pub(super) fn still(state: &State, target: &BlockTarget, now: Timestamp) -> Vec<BlockView> {
    let owner = match target {
        BlockTarget::Key(id) => state.key(id.as_str()).ok().map(|key| key.application),
        BlockTarget::Api(_)
        | BlockTarget::Application(_)
        | BlockTarget::Network(_)
        | BlockTarget::Operation(_)
        | BlockTarget::Token(_)
        | BlockTarget::User { .. }
        | BlockTarget::Workload(_) => None,
    };
    state.blocks.views_where(now, |other| stops(other, target, owner.as_ref()))
}

/// Whether `other` stops the target, or part of it; `owner` is the application of a key.
fn stops(other: &BlockTarget, target: &BlockTarget, owner: Option<&ApplicationName>) -> bool {
    if other == target {
        return true;
    }
    match (other, target) {
        (BlockTarget::Network(other), BlockTarget::Network(network)) => {
            other.covers(network) || network.covers(other)
        }
        (BlockTarget::Api(api), BlockTarget::Operation(operation))
        | (BlockTarget::Operation(operation), BlockTarget::Api(api)) => operation.api() == api.as_str(),
        (BlockTarget::Application(name), BlockTarget::Key(_)) => owner == Some(name),
        (
            BlockTarget::Api(_)
            | BlockTarget::Application(_)
            | BlockTarget::Key(_)
            | BlockTarget::Network(_)
            | BlockTarget::Operation(_)
            | BlockTarget::Token(_)
            | BlockTarget::User { .. }
            | BlockTarget::Workload(_),
            _,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_hold_one_another_stop_one_another() {
        let shop = ApplicationName::parse("shop").unwrap();
        for (other, target, expected) in [
            (("network", "127.1.0.9/32"), ("network", "127.1.0.9"), true),
            (("network", "127.1.0.0/16"), ("network", "127.1.0.9"), true),
            (("network", "127.1.0.9"), ("network", "127.1.0.0/16"), true),
            (("network", "127.2.0.0/16"), ("network", "127.1.0.9"), false),
            (("api", "orders"), ("operation", "orders:GET /orders"), true),
            (("operation", "orders:GET /orders"), ("api", "orders"), true),
            (("api", "billing"), ("operation", "orders:GET /orders"), false),
            (("operation", "orders:GET /"), ("operation", "orders:GET /orders"), false),
            (("app", "shop"), ("key", "l41N3Xzhytop"), true),
            (("app", "till"), ("key", "l41N3Xzhytop"), false),
            (("key", "l41N3Xzhytop"), ("app", "shop"), false),
            (("network", "127.1.0.9"), ("app", "shop"), false),
        ] {
            let [one, two] = [other, target].map(|(kind, name)| BlockTarget::parse(kind, name).unwrap());
            let owner = matches!(two, BlockTarget::Key(_)).then_some(&shop);
            assert_eq!(stops(&one, &two, owner), expected, "{other:?} {target:?}");
        }
    }
}

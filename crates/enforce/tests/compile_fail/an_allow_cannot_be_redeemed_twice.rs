use enforce::{Evidence, Pass, Pending, Refused};
use model::Timestamp;

fn redeem_twice(pending: Pending, evidence: &mut Evidence, now: Timestamp) -> [Result<Pass, Box<Refused>>; 2] {
    [pending.redeem(evidence, now), pending.redeem(evidence, now)]
}

fn main() {}

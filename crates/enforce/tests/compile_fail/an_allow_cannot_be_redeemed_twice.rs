use enforce::{Evidence, Pass, Pending, Refused};

pub fn redeem_twice(pending: Pending, evidence: &mut Evidence) -> [Result<Pass, Box<Refused>>; 2] {
    let now = evidence.time;
    [pending.redeem(evidence, now), pending.redeem(evidence, now)]
}

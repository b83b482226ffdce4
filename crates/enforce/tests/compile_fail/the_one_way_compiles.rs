use enforce::{Evidence, Forward, Pending, Refused};

pub fn send(pending: Pending, evidence: &mut Evidence) -> Result<Forward, Box<Refused>> {
    let now = evidence.time;
    let pass = pending.redeem(evidence, now)?;
    Ok(pass.forward())
}

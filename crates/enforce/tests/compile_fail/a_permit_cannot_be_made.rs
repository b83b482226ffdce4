use enforce::{Forward, Pass, Permit};

pub fn make(forward: Forward) -> Pass {
    Pass::Permit(Permit { forward })
}

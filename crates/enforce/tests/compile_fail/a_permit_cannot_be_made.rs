use enforce::{Forward, Pass, Permit};

fn make(forward: Forward) -> Pass {
    Pass::Permit(Permit { forward })
}

fn main() {}

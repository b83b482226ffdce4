use enforce::{Forward, Pass};

pub fn send_twice(pass: Pass) -> (Forward, Forward) {
    (pass.forward(), pass.forward())
}

use enforce::{Forward, Pass};

fn send_twice(pass: Pass) -> (Forward, Forward) {
    (pass.forward(), pass.forward())
}

fn main() {}

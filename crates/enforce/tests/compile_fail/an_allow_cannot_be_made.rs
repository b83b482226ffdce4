use enforce::{Forward, Pending};

fn make(forward: Forward) -> Pending {
    Pending { forward, key: None }
}

fn main() {}

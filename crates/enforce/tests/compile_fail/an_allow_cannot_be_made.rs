use enforce::{Forward, Pending};

pub fn make(forward: Forward) -> Pending {
    Pending { forward, budget: None }
}

use enforce::{ObservedPermit, Permit};

fn double(permit: &Permit, observed: &ObservedPermit) -> (Permit, ObservedPermit) {
    (permit.clone(), observed.clone())
}

fn main() {}

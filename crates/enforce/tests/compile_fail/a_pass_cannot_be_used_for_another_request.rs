use enforce::Forward;
use model::CanonicalRequest;

fn exchange(forward: &mut Forward, other: CanonicalRequest) {
    forward.request = other;
}

fn main() {}

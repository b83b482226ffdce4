use enforce::Forward;

pub fn exchange(forward: &mut Forward, other: Forward) {
    forward.request = other.into_request();
}

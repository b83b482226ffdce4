//! Waiting for what can be observed, with a bound.

use std::time::Duration;

/// The longest that anything is waited for. Far above what any step takes, so that only what never comes fails.
pub const WAIT: Duration = Duration::from_secs(60);
/// Between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);
/// How often is looked.
pub(crate) const LOOKS_MAX: u32 = 1_000;

/// Looks until `look` sees something, and gives that; panics with `what` where it never comes.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::park_timeout(PAUSE);
    }
    panic!("waited in vain: {what}");
}

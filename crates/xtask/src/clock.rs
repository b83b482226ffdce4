//! The one place of this crate that reads the clock or waits.

use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "xtask times its own steps; nothing here decides a request")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "xtask waits for programs that tell nobody when they are ready"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Asks `ready` every 20 ms until it gives a value or `limit` is over.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = now();
    loop {
        if let Some(value) = ready()? {
            return Ok(value);
        }
        anyhow::ensure!(start.elapsed() < limit, "{what}: not within {} s", limit.as_secs());
        pause(Duration::from_millis(20));
    }
}

/// A number that no other run of this program has at the same time.
pub(crate) fn unique() -> u128 {
    #[expect(clippy::disallowed_methods, reason = "names a temporary folder")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_nanos())
}

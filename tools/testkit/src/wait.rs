//! Waiting for something that another process does: often, and not for ever.

use std::time::{Duration, Instant};

/// Nothing that a test waits for takes a tenth of it, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// Comes back once `condition` holds; panics after 20 seconds.
#[track_caller]
pub fn wait_until(claim: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LIMIT, "still not so after {} s: {claim}", LIMIT.as_secs());
        std::thread::sleep(Duration::from_millis(2));
    }
}

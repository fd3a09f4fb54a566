//! Medians of things that take turns, so that whatever else the machine does meets all of them.

use std::{io, time::Duration};

/// In milliseconds, in the order of the things.
pub(crate) fn medians_ms<T: Copy, const N: usize>(
    rounds: usize,
    things: [T; N],
    mut once: impl FnMut(T) -> io::Result<Duration>,
) -> io::Result<[f64; N]> {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..rounds {
        for (thing, times) in things.into_iter().zip(&mut times) {
            times.push(once(thing)?);
        }
    }
    Ok(times.map(|mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e3
    }))
}

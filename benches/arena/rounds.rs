//! Medians of things that take turns, so that whatever else the machine does meets all of them.

use std::{array, io, time::Duration};

/// In milliseconds, in the order of the things.
pub(crate) fn medians_ms<T: Copy, const N: usize>(
    rounds: usize,
    things: [T; N],
    mut once: impl FnMut(T) -> io::Result<Duration>,
) -> io::Result<[f64; N]> {
    let medians = medians_of(rounds, &things, |thing| once(*thing))?;
    Ok(array::from_fn(|number| medians[number]))
}

/// The same of any number of things.
pub(crate) fn medians_of<T>(
    rounds: usize,
    things: &[T],
    mut once: impl FnMut(&T) -> io::Result<Duration>,
) -> io::Result<Vec<f64>> {
    let mut times = vec![Vec::new(); things.len()];
    for _ in 0..rounds {
        for (thing, times) in things.iter().zip(&mut times) {
            times.push(once(thing)?);
        }
    }
    let median_ms = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e3
    };
    Ok(times.into_iter().map(median_ms).collect())
}

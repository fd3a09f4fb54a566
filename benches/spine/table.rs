//! The closing table: every contender once a round, so that whatever else the machine does meets all of them alike.

use std::{
    io::{self, Write},
    time::Duration,
};

use crate::Contender;

const ROUNDS: usize = 300;

/// Measures and prints: name, median, and the ratios to the straight line and to `ch01 run`.
pub(crate) fn print(contenders: &mut [Contender]) -> io::Result<()> {
    let mut times: Vec<Vec<Duration>> = contenders.iter().map(|_| Vec::with_capacity(ROUNDS)).collect();
    for _ in 0..ROUNDS {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            times.push((contender.time)(1));
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median_ms(times)).collect();
    let of = |name: &str| contenders.iter().position(|one| one.name == name).map(|position| medians[position]);
    let mut out = io::stdout();
    writeln!(out, "\n{:<10} {:>9} {:>7} {:>11}", "median of", "ms", "× raw", "× ch01 run")?;
    for (contender, median) in contenders.iter().zip(&medians) {
        let ratio = |name| of(name).map_or("-".into(), |base| format!("{:.2}", median / base));
        writeln!(out, "{:<10} {median:>9.3} {:>7} {:>11}", contender.name, ratio("raw"), ratio("ch01 run"))?;
    }
    Ok(())
}

fn median_ms(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

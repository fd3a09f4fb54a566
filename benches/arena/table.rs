//! The closing table: every contender once a round, so that whatever else the machine does meets all of them alike.

use std::{
    io::{self, Write},
    time::Duration,
};

use super::Contender;

const ROUNDS: usize = 300;

/// Measures and prints: name, median, and the ratios to two of the contenders.
pub(crate) fn print(contenders: &mut [Contender], bases: [&str; 2]) -> io::Result<()> {
    let mut times: Vec<Vec<Duration>> = contenders.iter().map(|_| Vec::with_capacity(ROUNDS)).collect();
    for _ in 0..ROUNDS {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            times.push((contender.time)(1));
        }
    }
    let medians: Vec<f64> = times.iter_mut().map(|times| median_ms(times)).collect();
    let of = |name: &str| contenders.iter().position(|one| one.name == name).map(|position| medians[position]);
    let mut out = io::stdout();
    let heads = bases.map(|base| format!("× {base}"));
    writeln!(out, "\n{:<12} {:>9} {:>12} {:>12}", "median of", "ms", heads[0], heads[1])?;
    for (contender, median) in contenders.iter().zip(&medians) {
        let ratio = |name: &str| of(name).map_or("-".into(), |base| format!("{:.2}", median / base));
        let [first, second] = bases.map(ratio);
        writeln!(out, "{:<12} {median:>9.3} {first:>12} {second:>12}", contender.name)?;
    }
    Ok(())
}

fn median_ms(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

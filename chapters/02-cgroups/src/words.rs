//! Limits in words, as chapter 2's program takes them: `memory=64m`, `cpus=0.5`, `pids=100`. The engine has docker's flags.

use conex_kernel::{Error, Result};

use crate::{Limits, NAME, Swap, cpu};

impl Limits {
    /// From words such as `memory=64m`; of two with one name the later counts.
    pub fn parse(words: &[String]) -> Result<Self> {
        words.iter().try_fold(Self::default(), |mut limits, word| {
            let known = word.split_once('=').and_then(|(name, value)| limits.set(name, value));
            known.map(|()| limits).ok_or_else(|| {
                Error::refused(NAME, format!("read limit {word:?}"), "it is none")
                    .with_hint("memory=64m, swap=128m, cpus=0.5, shares=512, cpuset=0-1, pids=100")
            })
        })
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "memory" => self.memory_bytes = Some(bytes(value)?),
            "swap" => self.memory_swap = Some(Swap::Bytes(bytes(value)?)),
            "cpus" => self.cpu_quota_us = Some(cpu::quota_us(value.parse().ok().filter(|cpus| *cpus > 0.0)?)?),
            "shares" => self.cpu_shares = Some(value.parse().ok()?),
            "cpuset" => self.cpuset_cpus = Some(value.to_owned()),
            "pids" => self.pids = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

/// `64m` and the like, in powers of two.
fn bytes(text: &str) -> Option<u64> {
    let (number, shift) = match text.chars().last()? {
        'k' => (&text[..text.len() - 1], 10),
        'm' => (&text[..text.len() - 1], 20),
        'g' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_limits_or_refused() {
        let words = ["memory=64m", "cpus=0.5", "pids=100"].map(str::to_owned);
        let limits = Limits::parse(&words).expect("limits");
        assert_eq!((limits.memory_bytes, limits.cpu_quota_us, limits.pids), (Some(64 << 20), Some(50_000), Some(100)));
        for bad in
            ["", "memory", "memory=", "memory=x", "cpus=-1", "cpus=inf", "pids=-1", "other=1", "memory=99999999999999g"]
        {
            assert!(Limits::parse(&[bad.to_owned()]).is_err(), "{bad:?} was taken");
        }
    }
}

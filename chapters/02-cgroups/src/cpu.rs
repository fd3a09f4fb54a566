//! Processors: how much of them, in what proportion to others, and which. See the kernel's scheduler/sched-bwc.rst and
//! admin-guide/cgroup-v2.rst.

use crate::{Limits, Version, setting::Setting};

/// A tenth of a second, docker's and the kernel's own.
pub(crate) const PERIOD_US: u64 = 100_000;

/// So many processors as processor time in each usual period; `None` for what is no number of processors.
pub fn quota_us(cpus: f64) -> Option<u64> {
    (cpus.is_finite() && cpus >= 0.0).then(|| (cpus * PERIOD_US as f64).round() as u64)
}

// ANCHOR: cpu
/// The lines that limit processor time: a quota in each period, and a share when there is not enough for all.
#[doc(alias = "exercise:cgroups.cpu")]
pub(crate) fn settings(limits: &Limits, version: Version) -> Vec<Setting> {
    let mut settings = Vec::new();
    let period = limits.cpu_period_us.unwrap_or(PERIOD_US);
    match (version, limits.cpu_quota_us) {
        (Version::V2, Some(quota)) => settings.push(Setting::new("cpu.max", format!("{quota} {period}"))),
        (Version::V2, None) if limits.cpu_period_us.is_some() => {
            settings.push(Setting::new("cpu.max", format!("max {period}")));
        }
        (Version::V1, quota) => {
            // The period first: a quota is checked against it.
            settings.extend(limits.cpu_period_us.map(|period| Setting::new("cpu.cfs_period_us", period)));
            settings.extend(quota.map(|quota| Setting::new("cpu.cfs_quota_us", quota)));
        }
        (Version::V2, None) => {}
    }
    if let Some(shares) = limits.cpu_shares {
        settings.push(match version {
            Version::V1 => Setting::new("cpu.shares", shares),
            Version::V2 => Setting::new("cpu.weight", weight(shares)),
        });
    }
    settings
}
// ANCHOR_END: cpu

/// v1's shares, 2 to 262,144 and 1,024 unless somebody says otherwise, as v2's weight, 1 to 10,000 and 100. The three
/// known pairs lie on a parabola of the logarithms, as runc and crun have it.
pub(crate) fn weight(shares: u64) -> u64 {
    let logarithm = (shares.clamp(2, 262_144) as f64).log2();
    let exponent = (logarithm * logarithm + 125.0 * logarithm) / 612.0 - 7.0 / 34.0;
    10_f64.powf(exponent).ceil() as u64
}

/// The lines that say which processors, and which memory banks.
pub(crate) fn set_settings(limits: &Limits) -> Vec<Setting> {
    let cpus = limits.cpuset_cpus.iter().map(|cpus| Setting::new("cpuset.cpus", cpus));
    cpus.chain(limits.cpuset_mems.iter().map(|mems| Setting::new("cpuset.mems", mems))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_shares_have_their_weights() {
        assert_eq!([2, 1024, 262_144].map(weight), [1, 100, 10_000]);
        assert!(weight(512) < 100 && weight(2048) > 100);
    }
}

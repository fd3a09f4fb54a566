//! Block devices: a proportion, and a rate for each device. See the kernel's admin-guide/cgroup-v2.rst (io) and
//! cgroup-v1/blkio-controller.rst.

use serde::{Deserialize, Serialize};

use crate::{Limits, Version, setting::Setting};

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThrottleKind {
    /// Bytes read in a second.
    ReadBps,
    /// Bytes written in a second.
    WriteBps,
    /// Reads in a second.
    ReadIops,
    /// Writes in a second.
    WriteIops,
}

/// The highest rate of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// Major and minor number of the whole disk.
    pub device: (u32, u32),
    /// What is counted.
    pub kind: ThrottleKind,
    /// In a second.
    pub rate: u64,
}

impl ThrottleKind {
    /// v1's file, and v2's key in io.max.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::ReadBps => ("blkio.throttle.read_bps_device", "rbps"),
            Self::WriteBps => ("blkio.throttle.write_bps_device", "wbps"),
            Self::ReadIops => ("blkio.throttle.read_iops_device", "riops"),
            Self::WriteIops => ("blkio.throttle.write_iops_device", "wiops"),
        }
    }
}

/// The lines that limit input and output.
pub(crate) fn settings(limits: &Limits, version: Version) -> Vec<Setting> {
    // Of the schedulers that weigh, today's kernels have mostly BFQ, whose file has a name and a scale of its own.
    // v2's other file may be there and do nothing, so BFQ's comes first.
    let weight = limits.blkio_weight.map(|weight| match version {
        Version::V1 => {
            let otherwise = Some(("blkio.bfq.weight", weight.to_string()));
            Setting { otherwise, ..Setting::new("blkio.weight", weight) }
        }
        Version::V2 => {
            let otherwise = Some(("io.weight", io_weight(weight).to_string()));
            Setting { otherwise, ..Setting::new("io.bfq.weight", weight) }
        }
    });
    let rates = limits.throttles.iter().map(|Throttle { device: (major, minor), kind, rate }| {
        let (file, key) = kind.names();
        match version {
            Version::V1 => Setting::new(file, format!("{major}:{minor} {rate}")),
            Version::V2 => Setting::new("io.max", format!("{major}:{minor} {key}={rate}")),
        }
    });
    weight.into_iter().chain(rates).collect()
}

/// 10 to 1,000 as 1 to 10,000.
fn io_weight(weight: u16) -> u32 {
    1 + (u32::from(weight) - 10) * 9_999 / 990
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_keeps_its_ends() {
        assert_eq!([10, 1000].map(io_weight), [1, 10_000]);
    }

    #[test]
    fn a_rate_is_a_line_of_its_own() {
        let rate = Throttle { device: (8, 0), kind: ThrottleKind::WriteBps, rate: 1 << 20 };
        let limits = Limits { throttles: vec![rate], ..Limits::default() };
        assert_eq!(settings(&limits, Version::V2), [Setting::new("io.max", "8:0 wbps=1048576")]);
        let v1 = [Setting::new("blkio.throttle.write_bps_device", "8:0 1048576")];
        assert_eq!(settings(&limits, Version::V1), v1);
    }
}

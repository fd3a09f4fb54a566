//! What a user asks for, in a user's units, checked before anything is touched. How each kind of host is told is in
//! `memory`, `cpu` and `block`.

use conex_kernel::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{NAME, Throttle, Version, World, block, cpu, memory, numbers, setting::Setting};

/// A limit on memory and swap together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Swap {
    /// So many bytes.
    Bytes(u64),
    /// As much swap as there is.
    Unlimited,
}

/// The limits; what is `None` is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Memory, the page cache included.
    pub memory_bytes: Option<u64>,
    /// Memory and swap together; without it, twice the memory.
    pub memory_swap: Option<Swap>,
    /// What is left to it when memory is short.
    pub memory_reservation_bytes: Option<u64>,
    /// How gladly its pages go to swap, 0 to 100; v1 only.
    pub memory_swappiness: Option<u8>,
    /// Whether it waits at its limit instead of losing a process; v1 only.
    pub oom_kill_disable: bool,
    /// The period of the quota, in microseconds.
    pub cpu_period_us: Option<u64>,
    /// Processor time in each period, in microseconds.
    pub cpu_quota_us: Option<u64>,
    /// Its part when processors are short; 1,024 is the usual.
    pub cpu_shares: Option<u64>,
    /// Processors that it may use: `0-3,7`.
    pub cpuset_cpus: Option<String>,
    /// Memory banks that it may use.
    pub cpuset_mems: Option<String>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Its part of block devices, 10 to 1,000.
    pub blkio_weight: Option<u16>,
    /// Rates of block devices.
    pub throttles: Vec<Throttle>,
}

/// Less than this no container starts with. Docker's.
const MEMORY_BYTES_MIN: u64 = 6 << 20;
/// The kernel's bounds. See the kernel's scheduler/sched-bwc.rst.
const PERIODS_US: std::ops::RangeInclusive<u64> = 1_000..=1_000_000;
const QUOTA_US_MIN: u64 = 1_000;

impl Limits {
    /// Refuses what contradicts itself or this host.
    pub fn check(&self, world: &World) -> Result<()> {
        self.check_memory()?;
        self.check_cpu()?;
        self.check_set("cpuset.cpus", self.cpuset_cpus.as_deref(), "/sys/devices/system/cpu/online")?;
        self.check_set("cpuset.mems", self.cpuset_mems.as_deref(), "/sys/devices/system/node/online")?;
        if self.blkio_weight.is_some_and(|weight| !(10..=1000).contains(&weight)) {
            return Err(refused("weigh block devices", "a weight is between 10 and 1000"));
        }
        self.check_world(world)
    }

    fn check_memory(&self) -> Result<()> {
        let Some(memory) = self.memory_bytes else {
            return match self.memory_swap {
                Some(Swap::Bytes(_)) => Err(refused("limit swap", "there is no limit of memory that it could add to")
                    .with_hint("give both: --memory 64m --memory-swap 128m")),
                _ => Ok(()),
            };
        };
        if memory < MEMORY_BYTES_MIN {
            return Err(refused("limit memory", "6 MB is the least").with_hint("such as --memory 64m"));
        }
        if matches!(self.memory_swap, Some(Swap::Bytes(both)) if both < memory) {
            return Err(refused("limit swap", "memory and swap together are less than memory alone")
                .with_hint("--memory-swap counts both: for no swap, give it the same as --memory"));
        }
        if self.memory_reservation_bytes.is_some_and(|reservation| reservation > memory) {
            return Err(refused("reserve memory", "the reservation is more than the limit"));
        }
        Ok(())
    }

    fn check_cpu(&self) -> Result<()> {
        if self.memory_swappiness.is_some_and(|percent| percent > 100) {
            return Err(refused("set swappiness", "it is between 0 and 100"));
        }
        if self.cpu_period_us.is_some_and(|period| !PERIODS_US.contains(&period)) {
            return Err(refused("limit processor time", "a period is between 1000 and 1000000 microseconds"));
        }
        if self.cpu_quota_us.is_some_and(|quota| quota < QUOTA_US_MIN) {
            return Err(refused("limit processor time", "a quota is 1000 microseconds at least"));
        }
        Ok(())
    }

    fn check_set(&self, what: &str, wanted: Option<&str>, online: &str) -> Result<()> {
        let Some(wanted) = wanted else { return Ok(()) };
        let operation = || format!("set {what} to {wanted:?}");
        let list = numbers::parse(wanted)
            .ok_or_else(|| Error::refused(NAME, operation(), "it is no list of numbers").with_hint("such as 0-3,7"))?;
        let there = std::fs::read_to_string(online).unwrap_or_default();
        match numbers::parse(&there) {
            Some(whole) if !numbers::within(&list, &whole) => {
                Err(Error::refused(NAME, operation(), format!("this host has {}", there.trim())))
            }
            _ => Ok(()),
        }
    }

    /// Each line has a controller somewhere.
    fn check_world(&self, world: &World) -> Result<()> {
        if *self != Self::default() && world.trees().is_empty() {
            return Err(world.refusal("limit the container".to_owned()));
        }
        let v2_only = world.with("memory").is_some_and(|tree| tree.version == Version::V2);
        if v2_only && (self.oom_kill_disable || self.memory_swappiness.is_some()) {
            let what = if self.oom_kill_disable { "disable the out-of-memory killer" } else { "set swappiness" };
            return Err(refused(what, "cgroup v2 can't, and this host has v2"));
        }
        let missing = |one: &Setting| {
            let on_v2 = if one.controller() == "blkio" { "io" } else { one.controller() };
            world.with(one.controller()).or_else(|| world.with(on_v2)).is_none()
        };
        match self.settings(Version::V1).iter().find(|one| missing(one)) {
            None => Ok(()),
            Some(one) => {
                let why = format!("this host has no {} controller that we may use", one.controller());
                Err(refused("limit the container", why)
                    .with_hint("conex info shows what there is; some distributions want cgroup_enable=memory at boot"))
            }
        }
    }

    /// All lines, for one kind of host.
    pub(crate) fn settings(&self, version: Version) -> Vec<Setting> {
        let pids = self.pids.map(|count| Setting::new("pids.max", count));
        let mut settings = memory::settings(self, version);
        settings.extend(memory::more_settings(self, version));
        settings.extend(cpu::settings(self, version));
        settings.extend(cpu::set_settings(self));
        settings.extend(pids);
        settings.extend(block::settings(self, version));
        settings
    }
}

fn refused(operation: &str, why: impl Into<String>) -> Error {
    Error::refused(NAME, operation.to_owned(), why)
}

//! Memory: how much, with swap or without, and what happens at the limit. See the kernel's admin-guide/cgroup-v2.rst
//! and cgroup-v1/memory.rst.

use crate::{Limits, Swap, Version, setting::Setting};

// ANCHOR: memory
/// The lines that limit memory. v1 counts memory and swap together, as the user does; v2 counts swap by itself.
#[doc(alias = "exercise:cgroups.memory")]
pub(crate) fn settings(limits: &Limits, version: Version) -> Vec<Setting> {
    let mut settings = Vec::new();
    let Some(memory) = limits.memory_bytes else { return settings };
    let (limit, with_swap) = match version {
        Version::V1 => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
        Version::V2 => ("memory.max", "memory.swap.max"),
    };
    settings.push(Setting::new(limit, memory));
    let swap = match (limits.memory_swap.unwrap_or(Swap::Bytes(memory.saturating_mul(2))), version) {
        (Swap::Unlimited, Version::V1) => "-1".to_owned(),
        (Swap::Unlimited, Version::V2) => "max".to_owned(),
        (Swap::Bytes(both), Version::V1) => both.to_string(),
        (Swap::Bytes(both), Version::V2) => both.saturating_sub(memory).to_string(),
    };
    // Nobody asked for the double: where swap is not counted, it is not needed.
    let optional = limits.memory_swap.is_none();
    settings.push(Setting { optional, ..Setting::new(with_swap, swap) });
    settings
}
// ANCHOR_END: memory

/// The lines beside the limit itself.
pub(crate) fn more_settings(limits: &Limits, version: Version) -> Vec<Setting> {
    let mut settings = Vec::new();
    if let Some(reservation) = limits.memory_reservation_bytes {
        let file = if version == Version::V1 { "memory.soft_limit_in_bytes" } else { "memory.low" };
        settings.push(Setting::new(file, reservation));
    }
    if version == Version::V1 {
        settings.extend(limits.memory_swappiness.map(|percent| Setting::new("memory.swappiness", percent)));
        settings.extend(limits.oom_kill_disable.then(|| Setting::new("memory.oom_control", 1)));
    }
    settings
}

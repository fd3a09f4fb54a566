//! Chapter 2: limits of all processes of a container together, what they have used, and a handle on them all.
//!
//! [`World`] finds out what cgroups this host has, [`Limits`] are the user's, and [`Cgroup`] is the part that brings both
//! together. It writes the kernel's files itself: `echo 67108864 > memory.max`.
//!
//! Exercises: exercise:cgroups.memory (`memory`), exercise:cgroups.cpu (`cpu`), exercise:cgroups.controllers (`group`),
//! exercise:cgroups.devices (`program`), exercise:cgroups.kill (`kill`), exercise:cgroups.used (`usage`). See cgroups(7).

#![forbid(unsafe_code)]

mod block;
mod cgroup;
mod cpu;
mod devices;
#[doc(hidden)]
pub mod exercises;
mod group;
mod kill;
mod limits;
mod memory;
mod numbers;
mod program;
mod setting;
mod told;
mod usage;
mod words;
mod world;

pub use block::{Throttle, ThrottleKind};
pub use cgroup::Cgroup;
pub use cpu::quota_us;
pub use devices::{DeviceKind, DeviceRule};
pub use limits::{Limits, Swap};
pub use usage::{Pressure, Usage};
pub use world::{Tree, Version, World};

/// The name under which this floor's operations are told.
pub const NAME: &str = "cgroups";

//! A throw-away host for tests against the running kernel: fresh mount, network, pid and other namespaces, roots of its
//! own, and a fingerprint that shows what a test left behind.
//!
//! For test targets with `harness = false`: libtest's threads would make every clone a gamble. A target's `main` calls
//! [`run`] with its cases. See namespaces(7).

#![forbid(unsafe_code)]

mod case;
mod cgroups;
pub mod console;
mod describe;
mod fingerprint;
mod hierarchy;
mod host;
mod ledger;
mod rootfs;
mod runner;
mod stages;
mod wait;

pub use case::{Bounds, Case, Needs, Obstacle};
pub use cgroups::Cgroups;
pub use describe::{DESCRIBE, facts};
pub use fingerprint::Fingerprint;
pub use host::{Output, TestHost};
pub use ledger::{Entry, Ledger};
pub use runner::{run, saw, say};
pub use wait::wait_until;

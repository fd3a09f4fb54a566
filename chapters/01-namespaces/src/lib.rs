//! Chapter 1, the spine: a process in namespaces of its own, and the order in which everything else joins it.
//!
//! Data first ([`Plan`], filled by every [`Part`]), then one clone and one conversation over a socket pair: [`spawn`]
//! gives a [`Waiting`] container, [`Waiting::start`] a [`Running`] one. Limits, layers and networks are later floors.
//!
//! Exercises: exercise:namespaces.clone-flags (`flags`), exercise:namespaces.id-maps (`idmap`),
//! exercise:namespaces.messages (`socket`), exercise:namespaces.proc (`proc`), exercise:namespaces.pivot (`pivot`),
//! exercise:namespaces.join (`join`). See namespaces(7).

#![forbid(unsafe_code)]

mod accounts;
mod birth;
mod cgroup;
mod child;
mod defaults;
mod detached;
#[doc(hidden)]
pub mod exercises;
mod exit;
mod facts;
mod fallbacks;
mod finish;
mod flags;
mod host;
mod id;
mod idmap;
mod init;
mod join;
mod message;
mod mounts;
mod namespaces;
mod pair;
mod part;
mod pivot;
mod plan;
mod proc;
mod refusal;
mod socket;
mod spawn;
mod target;
mod undo;
mod user;

pub use cgroup::CgroupPlan;
pub use exit::{Exit, Finished, exit_status};
pub use facts::{Facts, Hierarchy};
pub use host::Host;
pub use id::ContainerId;
pub use idmap::{IdMaps, IdRange};
pub use namespaces::{Namespaces, Slot, TimeOffsets};
pub use part::{Directory, Part};
pub use plan::{Limit, Mount, Owners, Plan, Process, RootPlan, Source};
pub use socket::{Datagram, Socket};
pub use spawn::{Running, Waiting, dry_run, spawn};
pub use target::Target;
pub use user::User;

/// The name under which this floor's operations are told.
pub const NAME: &str = "namespaces";

//! conex as a library: a container is a process plus a stack of parts, and each floor of the tower brings some.
//!
//! [`Engine`] is the one door for every front end. [`kernel`] and [`namespaces`] are the floors that it stands on, for
//! programs that want less than an engine. `examples/` shows each in use.

#![forbid(unsafe_code)]

mod census;
mod choices;
mod control;
mod driver;
mod engine;
mod environment;
mod exec;
mod failure;
mod files;
#[cfg(feature = "cli")]
mod image;
#[cfg(not(feature = "shim"))]
mod launch;
#[cfg(not(feature = "shim"))]
mod life;
mod lock;
mod log;
mod name;
mod paths;
mod reconcile;
#[cfg(feature = "registry")]
pub mod registry;
mod removal;
pub mod shim;
mod signal;
mod stack;
mod state;
mod stream;
#[cfg(not(feature = "shim"))]
mod view;

#[cfg(feature = "cli")]
pub mod cli;

/// Chapter 2, limits.
pub use conex_cgroups as cgroups;
/// The doors to the kernel: operations, `perform`, narration.
pub use conex_kernel as kernel;
/// Chapter 1, the spine: plans, parts, and containers that wait, run and end.
pub use conex_namespaces as namespaces;
/// Chapter 3, the union mount.
pub use conex_overlay as overlay;

pub use choices::{Choices, Device, Network, Shared, Tmpfs, Ulimit};
pub use driver::Driver;
pub use engine::{Created, Engine, Entry};
pub use exec::{Beside, Exec};
pub use failure::{Failure, Result};
#[cfg(not(feature = "shim"))]
pub use launch::{Begin, Started};
#[cfg(not(feature = "shim"))]
pub use life::Patience;
pub use log::{Log, LogDriver};
pub use name::Name;
pub use paths::Paths;
pub use removal::Force;
pub use signal::Signal;
pub use state::{State, Status};
pub use stream::{Frame, Orders, Stream};
#[cfg(not(feature = "shim"))]
pub use view::View;

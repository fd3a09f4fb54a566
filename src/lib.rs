//! conex as a library: a container is a process plus a stack of parts, and each floor of the tower brings some.
//!
//! So far the tower has its ground floor and the spine; the engine that stands on them follows. `examples/` shows each
//! in use.

#![forbid(unsafe_code)]

/// The doors to the kernel: operations, `perform`, narration.
pub use conex_kernel as kernel;
/// Chapter 1, the spine: plans, parts, and containers that wait, run and end.
pub use conex_namespaces as namespaces;

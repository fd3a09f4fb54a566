//! The host as parts see it: where state lives, what the machine offers, and the door to its kernel.

use std::path::PathBuf;

use conex_kernel::Kernel;

use crate::Facts;

/// Passed to every hook; tests point it at a throw-away one.
#[derive(Clone)]
pub struct Host {
    /// State that survives a reboot.
    pub root: PathBuf,
    /// State that does not.
    pub run_root: PathBuf,
    /// What the machine offers.
    pub facts: Facts,
    /// Performs operations.
    pub kernel: Kernel,
}

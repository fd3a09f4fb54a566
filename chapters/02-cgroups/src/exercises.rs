//! The functions that chapter 2's exercises blank, each by itself, for the workbook's checks. Not part of the floor's
//! surface.

use std::path::{Path, PathBuf};

use conex_kernel::{Kernel, Result, operations::EbpfInstruction};

use crate::{DeviceRule, Limits, Version};

/// File and value of each line. See `memory`.
pub fn memory(limits: &Limits, version: Version) -> Vec<(String, String)> {
    lines(crate::memory::settings(limits, version))
}

/// File and value of each line. See `cpu`.
pub fn cpu(limits: &Limits, version: Version) -> Vec<(String, String)> {
    lines(crate::cpu::settings(limits, version))
}

fn lines(settings: Vec<crate::setting::Setting>) -> Vec<(String, String)> {
    settings.into_iter().map(|one| (one.file.to_owned(), one.value)).collect()
}

/// See `group`.
pub fn enable(kernel: &Kernel, from_the_top: &[PathBuf], controllers: &[&str]) -> Result<()> {
    crate::group::enable(kernel, from_the_top, controllers)
}

/// See `program`.
pub fn compile(rules: &[DeviceRule]) -> Vec<EbpfInstruction> {
    crate::program::compile(rules)
}

/// See `kill`.
pub fn kill(kernel: &Kernel, directory: &Path, version: Version) -> Result<()> {
    crate::kill::kill(kernel, directory, version)
}

/// See `usage`.
pub fn used(current: u64, stat: &str, version: Version) -> u64 {
    crate::usage::used(current, stat, version)
}

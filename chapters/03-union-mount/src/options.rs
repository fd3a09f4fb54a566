//! From layers to the options of an overlay. See the kernel's overlayfs.rst.

use std::path::{Path, PathBuf};

use crate::marks::Marks;

/// The two directories of an overlay that can be written to, in one directory: what is written, and the kernel's own
/// place for half-made things.
#[derive(Clone, Copy, Debug)]
pub struct Writable<'a> {
    /// What is written.
    pub upper: &'a Path,
    /// On the same file system, empty.
    pub work: &'a Path,
}

// ANCHOR: options
/// The options that lay `layers` (the lowest first) over each other and what is written over all; without `writable`,
/// nothing can be.
#[doc(alias = "exercise:overlay.options")]
pub(crate) fn options(layers: &[PathBuf], writable: Option<Writable<'_>>, marks: Marks) -> Vec<String> {
    // The kernel wants the topmost first.
    let mut options: Vec<String> = layers.iter().rev().map(|layer| format!("lowerdir+={}", layer.display())).collect();
    if let Some(Writable { upper, work }) = writable {
        options.push(format!("upperdir={}", upper.display()));
        options.push(format!("workdir={}", work.display()));
    }
    if marks == Marks::User {
        options.push("userxattr".to_owned());
    }
    options
}
// ANCHOR_END: options

/// Whatever the host's defaults are: what is in an upper means the same to every kernel, and a layer can't send the
/// kernel elsewhere by an attribute.
pub(crate) fn fixed() -> impl Iterator<Item = String> {
    ["redirect_dir=nofollow", "metacopy=off", "index=off"].into_iter().map(str::to_owned)
}

//! The moment at which the container's root becomes `/`. See pivot_root(2).

use conex_kernel::{Kernel, Result, Root};

// ANCHOR: pivot
/// Makes `root` this mount namespace's root and drops the old one: unlike after chroot(2), there is nothing left to
/// escape to.
#[doc(alias = "exercise:namespaces.pivot")]
pub(crate) fn pivot(kernel: &Kernel, root: Root<'_>) -> Result<()> {
    use conex_kernel::operations::{DetachOldRoot, PivotRoot};

    use crate::NAME;

    // The new root becomes "/", the old one is stacked on top of it, at the same place.
    kernel.perform(NAME, PivotRoot { root })?;
    // What is on top can be unmounted, lazily: its mounts go as soon as nobody uses them.
    kernel.perform(NAME, DetachOldRoot)
}
// ANCHOR_END: pivot

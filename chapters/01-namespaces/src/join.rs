//! Entering namespaces that exist. An usher does it, a short-lived process between ours and the container's, so that
//! ours keeps its own namespaces: nobody can leave a user namespace again. See setns(2).

use conex_kernel::{Kernel, Result};

use crate::Namespaces;

// ANCHOR: join
/// Moves this process into every namespace that the plan joins; of pid and time namespaces only its children are members.
#[doc(alias = "exercise:namespaces.join")]
pub(crate) fn join(kernel: &Kernel, namespaces: &Namespaces) -> Result<()> {
    use conex_kernel::operations::{Join, MayNotDump};

    use crate::NAME;

    // Whoever is root in there could otherwise trace us, or open our descriptors in /proc (CVE-2016-9962).
    kernel.perform(NAME, MayNotDump)?;
    let mut joined = namespaces.joined();
    while let Some((_, target)) = joined.first().copied() {
        let (its, others): (Vec<_>, Vec<_>) = joined.into_iter().partition(|(_, other)| other.pid() == target.pid());
        let flags = its.iter().fold(0, |flags, (flag, _)| flags | flag);
        kernel.perform(NAME, Join { pidfd: target.pidfd(), pid: target.pid(), flags })?;
        joined = others;
    }
    Ok(())
}
// ANCHOR_END: join

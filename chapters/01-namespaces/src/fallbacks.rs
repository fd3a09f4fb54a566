//! What some hosts can't do, and what we do there instead: the one place for such cases.

use conex_kernel::operations::Filesystem;

use crate::{Plan, Slot, Source};

/// tty's group in every distribution; docker's devpts belongs to it.
const TTY_GROUP: u32 = 5;

/// Adapts a complete plan: devpts can't give its terminals to a group that the container's gid map does not have.
pub(crate) fn fit(plan: &mut Plan) {
    let Slot::New(maps) = &plan.namespaces.user else { return };
    let mapped = |range: &crate::IdRange| range.inside <= TTY_GROUP && TTY_GROUP - range.inside < range.count;
    if maps.gids.iter().any(mapped) {
        return;
    }
    for mount in &mut plan.mounts {
        if let Source::New(Filesystem { kind, options, .. }) = &mut mount.source
            && kind == "devpts"
        {
            options.retain(|option| !option.starts_with("gid="));
        }
    }
}

/// Whether a tree can only be cloned by the child. Cloning needs CAP_SYS_ADMIN over the mount namespace: a user has it
/// in the container's alone, and reaches there what he reaches here.
pub(crate) fn child_clones_trees(facts: &crate::Facts) -> bool {
    !facts.is_privileged()
}

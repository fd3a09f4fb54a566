//! What a container may: docker's fourteen capabilities, more or fewer as asked, and what `--privileged` opens.
//! See capabilities(7).

use conex_kernel::operations::Filesystem;
use rustix::{mount::MountAttrFlags, thread::CapabilitySet};

use crate::{
    choices::Choices,
    failure::{Failure, Result},
    namespaces::{Plan, Source},
};

/// Sets the capabilities of a plan, and uncovers everything for a privileged one.
pub(super) fn grant(plan: &mut Plan, choices: &Choices) -> Result<()> {
    if plan.namespaces.user.is_host() {
        // Root of the host could make a node of its disk. Chapter 2's device rules will make this needless.
        plan.capabilities -= CapabilitySet::MKNOD;
    }
    if choices.privileged {
        plan.capabilities = CapabilitySet::all();
        plan.masked.clear();
        plan.read_only.clear();
        plan.mounts.iter_mut().for_each(|mount| {
            mount.attributes -= MountAttrFlags::MOUNT_ATTR_RDONLY;
            if let Source::New(Filesystem { attributes, .. }) = &mut mount.source {
                *attributes -= MountAttrFlags::MOUNT_ATTR_RDONLY;
            }
        });
    }
    // As docker does: first what goes, then what comes, but a name in both lists comes.
    for name in &choices.cap_drop {
        plan.capabilities -= set(name)?;
    }
    for name in &choices.cap_add {
        plan.capabilities |= set(name)?;
    }
    Ok(())
}

fn set(name: &str) -> Result<CapabilitySet> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
    if bare == "ALL" {
        return Ok(CapabilitySet::all());
    }
    let found = CapabilitySet::all().iter_names().find(|(known, _)| *known == bare).map(|(_, set)| set);
    found.ok_or_else(|| {
        let hint = "names are those of capabilities(7), with or without CAP_, or ALL";
        Failure::new(format!("there is no capability {name:?}")).with_hint(hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_named_with_or_without_their_prefix() {
        assert_eq!(set("CAP_NET_ADMIN").expect("known"), CapabilitySet::NET_ADMIN);
        assert_eq!(set("net_admin").expect("known"), CapabilitySet::NET_ADMIN);
        assert_eq!(set("all").expect("known"), CapabilitySet::all());
        assert!(set("CAP_NONE").is_err());
    }
}

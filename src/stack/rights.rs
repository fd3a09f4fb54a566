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
pub(super) fn grant(plan: &mut Plan, choices: &Choices, guards_devices: bool) -> Result<()> {
    if plan.namespaces.user.is_host() && !guards_devices {
        // Root of the host could make a node of its disk, and nobody would keep it from opening that.
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
    let (add, drop) = (sets(&choices.cap_add)?, sets(&choices.cap_drop)?);
    plan.capabilities = tweak(plan.capabilities, add, drop);
    Ok(())
}

/// Docker's rule: what is added beats what is dropped, unless it is added by ALL.
fn tweak(usual: CapabilitySet, add: CapabilitySet, drop: CapabilitySet) -> CapabilitySet {
    let all = CapabilitySet::all();
    match (drop == all, add == all) {
        (true, _) => add,
        (false, true) => all - drop,
        (false, false) => (usual - drop) | add,
    }
}

fn sets(names: &[String]) -> Result<CapabilitySet> {
    names.iter().try_fold(CapabilitySet::empty(), |sets, name| Ok(sets | set(name)?))
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
    fn what_is_added_and_dropped_follows_docker_s_rule() {
        let (all, none, usual) = (CapabilitySet::all(), CapabilitySet::empty(), CapabilitySet::CHOWN);
        let (raw, admin) = (CapabilitySet::NET_RAW, CapabilitySet::SYS_ADMIN);
        assert_eq!(tweak(usual, none, none), usual);
        assert_eq!(tweak(usual | raw, none, raw), usual);
        assert_eq!(tweak(usual, admin, all), admin);
        assert_eq!(tweak(usual, all, admin), all - admin);
        assert_eq!(tweak(usual, raw, raw), usual | raw);
    }

    #[test]
    fn capabilities_are_named_with_or_without_their_prefix() {
        assert_eq!(set("CAP_NET_ADMIN").expect("known"), CapabilitySet::NET_ADMIN);
        assert_eq!(set("net_admin").expect("known"), CapabilitySet::NET_ADMIN);
        assert_eq!(set("all").expect("known"), CapabilitySet::all());
        assert!(set("CAP_NONE").is_err());
    }
}

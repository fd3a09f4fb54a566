//! What some hosts and some plans don't allow, and what we do there instead: the one place for such cases.

use std::{fs, path::Path};

use conex_kernel::{
    Error, Kind, Links, Result,
    operations::{Filesystem, LayersBy},
};
use rustix::mount::MountAttrFlags;

use crate::{Mount, NAME, Namespaces, Owners, Plan, Slot, Source};

/// tty's group in every distribution; docker's devpts belongs to it.
const TTY_GROUP: u32 = 5;

/// Adapts a complete plan to the namespaces that it asks for.
pub(crate) fn fit(plan: &mut Plan) -> Result<()> {
    if !has_tty_group(&plan.namespaces.user) {
        // devpts can't give its terminals to a group that the container's gid map does not have.
        for options in plan.mounts.iter_mut().filter_map(|mount| options_of(mount, "devpts")) {
            options.retain(|option| !option.starts_with("gid="));
        }
    }
    if plan.namespaces.user.is_new() {
        show_namespaces(plan)?;
    }
    Ok(())
}

fn options_of<'a>(mount: &'a mut Mount, wanted: &str) -> Option<&'a mut Vec<String>> {
    match &mut mount.source {
        Source::New(Filesystem { kind, options, .. }) if kind == wanted => Some(options),
        _ => None,
    }
}

fn has_tty_group(user: &Slot<crate::IdMaps>) -> bool {
    let within = |first: u32, count: u32| first <= TTY_GROUP && TTY_GROUP - first < count;
    match user {
        Slot::Host => true,
        Slot::New(maps) => maps.gids.iter().any(|range| within(range.inside, range.count)),
        Slot::Join(target) => {
            let map = fs::read_to_string(format!("/proc/{}/gid_map", target.pid())).unwrap_or_default();
            let numbers =
                |line: &str| line.split_whitespace().map(str::parse).collect::<std::result::Result<Vec<u32>, _>>();
            map.lines().filter_map(|line| numbers(line).ok()).any(|range| within(range[0], range[2]))
        }
    }
}

/// Whether the namespace that a file system shows is new.
type IsNew = fn(&Namespaces) -> &Slot;

/// File systems that show a namespace. Whoever mounts one needs rights over that namespace, and a new user namespace
/// has none over those that are older than itself.
const SHOWN: [(&str, IsNew); 4] = [
    ("proc", |namespaces| &namespaces.pid),
    ("sysfs", |namespaces| &namespaces.net),
    ("mqueue", |namespaces| &namespaces.ipc),
    ("cgroup2", |namespaces| &namespaces.cgroup),
];

/// Shows the host's own /proc, /sys and so on where the container has the host's namespace.
fn show_namespaces(plan: &mut Plan) -> Result<()> {
    let namespaces = plan.namespaces.clone();
    if plan.proc && !namespaces.pid.is_new() {
        plan.proc = false;
        let filesystem = crate::proc::filesystem();
        plan.mounts.insert(0, instead("/proc".as_ref(), "proc", &filesystem, &namespaces.pid)?);
    }
    for mount in &mut plan.mounts {
        let Source::New(filesystem) = &mount.source else { continue };
        // cgroup is v1's name, and cgroup2's source.
        let shown = SHOWN.iter().find(|(kind, _)| kind.trim_end_matches('2') == filesystem.kind.trim_end_matches('2'));
        if let Some((kind, slot)) = shown.filter(|(_, slot)| !slot(&namespaces).is_new()) {
            *mount = instead(&mount.target, kind, filesystem, slot(&namespaces))?;
        }
    }
    // Not every host has all of them: where it has no message queues, neither has the container.
    plan.mounts.retain(|mount| mount.part != NAME || !is_host_s(mount) || mount.target.exists());
    Ok(())
}

/// The host's mount at the same path, with all below it: a user may not uncover what lies under those.
fn instead(target: &Path, kind: &str, filesystem: &Filesystem, slot: &Slot) -> Result<Mount> {
    if let Slot::Join(other) = slot {
        // The host's would show the host.
        let why = format!("only a container in the user namespace of pid {} may", other.pid());
        return Err(Error::refused(NAME, format!("show a {kind} of a namespace that is joined"), why));
    }
    Ok(Mount {
        part: NAME,
        source: Source::Bind { path: target.to_owned(), recursive: true },
        target: target.to_owned(),
        kind: Kind::Directory,
        attributes: filesystem.attributes - MountAttrFlags::MOUNT_ATTR_STRICTATIME,
        links: Links::Refuse,
        owners: Owners::Host,
    })
}

fn is_host_s(mount: &Mount) -> bool {
    matches!(&mount.source, Source::Bind { path, .. } if *path == mount.target)
}

/// Whether a tree can only be cloned by the child. Cloning needs CAP_SYS_ADMIN over the mount namespace: a user has it
/// in the container's alone, and reaches there what he reaches here.
pub(crate) fn child_clones_trees(facts: &crate::Facts) -> bool {
    !facts.is_privileged()
}

/// Whether an overlay can only be made by the child: one that has to be attached for a moment, since nobody else sees the
/// child's mounts.
pub(crate) fn child_makes_overlay(facts: &crate::Facts, overlay: &Filesystem) -> bool {
    let layers = overlay.options.iter().filter(|option| option.starts_with("lowerdir+=")).count();
    child_clones_trees(facts) || layers > LayersBy::of(facts.kernel).detached_max()
}

/// Refuses to let root's child make one in a user namespace of its own, where it could not write root's marks.
pub(crate) fn check_child_s_overlay(
    facts: &crate::Facts,
    part: &'static str,
    user: &Slot<crate::IdMaps>,
) -> Result<()> {
    if child_clones_trees(facts) || user.is_host() {
        return Ok(());
    }
    let (major, minor) = facts.kernel;
    let why =
        format!("this is Linux {major}.{minor}, where that many layers can't be seen in a user namespace of root's");
    Err(Error::refused(part, "make the root", why).with_hint("use fewer layers, or run it as an ordinary user"))
}

/// Refuses an overlay that would have to be seen through an id map: layers that are mapped and attached nowhere are for
/// newer kernels.
pub(crate) fn check_mapped_overlay(facts: &crate::Facts, part: &'static str) -> Result<()> {
    if LayersBy::of(facts.kernel) == LayersBy::Descriptor {
        return Ok(());
    }
    let (major, minor) = facts.kernel;
    let why = format!("this is Linux {major}.{minor}, and layers can be seen through an id map from 6.15 on");
    Err(Error::refused(part, "make the root", why).with_hint("keep the host's ids: --map 0:0:4294967295"))
}

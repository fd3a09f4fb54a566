//! Everything of the host that the container shall see, cloned into mounts that are attached nowhere yet.
//!
//! It happens before the container's process is born, so that the child looks up no host path: it may not reach a
//! directory of mode 0700, and nobody can swap a path under it. See open_tree(2), mount_setattr(2).

use std::{
    fs,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use conex_kernel::{
    Error, Kernel, Result,
    operations::{CloneTree, Filesystem, LayersBy, MakeOverlay, SeenBy, SetTree},
};
use rustix::{
    fs::{FileType, fstat, major, minor},
    mount::MountAttrFlags,
};

use crate::{Facts, Mount, NAME, Owners, Plan, RootPlan, Slot, Source, fallbacks};

/// A tree to clone: what of, for whom, and how it is changed.
struct Wish<'a> {
    part: &'static str,
    path: &'a Path,
    recursive: bool,
    attributes: MountAttrFlags,
    /// Whether it is seen through the container's id map; such a tree stays unchanged until there is one.
    mapped: bool,
    device: Option<(u32, u32)>,
}

/// The cloned trees, in the plan's order; `None` where the plan has no bind, or the child must clone it.
pub(crate) struct Trees {
    pub(crate) root: Option<OwnedFd>,
    pub(crate) mounts: Vec<Option<OwnedFd>>,
}

impl Trees {
    /// Clones all, on the host's side.
    pub(crate) fn prepare(kernel: &Kernel, facts: &Facts, plan: &Plan) -> Result<Self> {
        if fallbacks::child_clones_trees(facts) {
            return Ok(Self { root: None, mounts: plan.mounts.iter().map(|_| None).collect() });
        }
        let cloned = |wish: Option<Wish<'_>>| wish.map(|wish| clone_tree(kernel, &wish)).transpose();
        let root = match plan.root.as_ref().and_then(|root| overlay_of(root).map(|overlay| (root.part, overlay))) {
            // It is made once there is a map, from layers that are seen through it.
            Some((part, _)) if is_mapped(plan, Owners::Mapped) => {
                fallbacks::check_mapped_overlay(facts, part)?;
                None
            }
            Some((part, overlay)) if fallbacks::child_makes_overlay(facts, overlay) => {
                fallbacks::check_child_s_overlay(facts, part, &plan.namespaces.user)?;
                None
            }
            Some((part, overlay)) => Some(make_overlay(kernel, facts, part, overlay, None)?),
            None => cloned(plan.root.as_ref().and_then(|root| root_wish(plan, root)))?,
        };
        let mounts = plan.mounts.iter().map(|mount| cloned(mount_wish(plan, mount))).collect::<Result<_>>()?;
        Ok(Self { root, mounts })
    }

    /// Shows the id-mapped ones through the user namespace of process `pid`; gives the root, if it is made only now.
    pub(crate) fn map_ids(&self, kernel: &Kernel, facts: &Facts, plan: &Plan, pid: i32) -> Result<Option<OwnedFd>> {
        let root = self.root.as_ref().zip(plan.root.as_ref().and_then(|root| root_wish(plan, root)));
        let mounts = self.mounts.iter().zip(&plan.mounts);
        let mounts = mounts.filter_map(|(tree, mount)| tree.as_ref().zip(mount_wish(plan, mount)));
        let all: Vec<_> = root.into_iter().chain(mounts).filter(|(_, wish)| wish.mapped).collect();
        let overlay = plan.root.as_ref().and_then(|root| overlay_of(root).map(|overlay| (root.part, overlay)));
        let overlay = overlay.filter(|_| is_mapped(plan, Owners::Mapped) && !fallbacks::child_clones_trees(facts));
        if all.is_empty() && overlay.is_none() {
            return Ok(None);
        }
        let namespace = match kernel.is_dry() {
            true => PathBuf::from("/dev/null"),
            false => PathBuf::from(format!("/proc/{pid}/ns/user")),
        };
        let namespace = fs::File::open(&namespace)
            .map_err(|error| Error::new(NAME, format!("open {}", namespace.display()), &error))?;
        let hint = |error: Error| {
            error.with_hint(
                "this file system can't be seen through an id map; keep the host's ids: --map 0:0:4294967295",
            )
        };
        all.iter().try_for_each(|(tree, wish)| {
            kernel.perform(wish.part, wish.set(tree, Some(namespace.as_fd()))).map_err(hint)
        })?;
        let (uid, gid) = (root_of(pid, "uid_map"), root_of(pid, "gid_map"));
        let seen_by = SeenBy { namespace: namespace.as_fd(), uid, gid };
        overlay.map(|(part, overlay)| make_overlay(kernel, facts, part, overlay, Some(seen_by))).transpose()
    }
}

/// Who root of a process's user namespace is here. Without a map, as in a dry run, it is root.
fn root_of(pid: i32, map: &str) -> u32 {
    let map = fs::read_to_string(format!("/proc/{pid}/{map}")).unwrap_or_default();
    let outside = |line: &str| line.split_whitespace().nth(1).and_then(|id| id.parse().ok());
    map.lines().find(|line| line.split_whitespace().next() == Some("0")).and_then(outside).unwrap_or(0)
}

/// The overlay that a root is, if it is one.
pub(crate) fn overlay_of(root: &RootPlan) -> Option<&Filesystem> {
    match &root.source {
        Source::New(filesystem) if filesystem.kind == "overlay" => Some(filesystem),
        _ => None,
    }
}

/// An overlay, on either side.
pub(crate) fn make_overlay(
    kernel: &Kernel,
    facts: &Facts,
    part: &'static str,
    filesystem: &Filesystem,
    seen_by: Option<SeenBy<'_>>,
) -> Result<OwnedFd> {
    let made = kernel.perform(part, MakeOverlay { filesystem, by: LayersBy::of(facts.kernel), seen_by });
    made.map_err(|error| match error.errno() {
        Some(libc::EINVAL | libc::ELOOP) => {
            error.with_hint("the kernel's log says which directory can't be in an overlay: dmesg")
        }
        _ => error,
    })
}

/// The plan's root, cloned by the child.
pub(crate) fn clone_root(kernel: &Kernel, plan: &Plan, root: &RootPlan) -> Result<Option<OwnedFd>> {
    root_wish(plan, root).map(|wish| clone_by_user(kernel, wish)).transpose()
}

/// A mount's tree, cloned by the child.
pub(crate) fn clone_mount(kernel: &Kernel, plan: &Plan, mount: &Mount) -> Result<Option<OwnedFd>> {
    mount_wish(plan, mount).map(|wish| clone_by_user(kernel, wish)).transpose()
}

/// A user who maps only himself owns what he may touch: there is nothing to map, nor the right to.
fn clone_by_user(kernel: &Kernel, wish: Wish<'_>) -> Result<OwnedFd> {
    clone_tree(kernel, &Wish { mapped: false, ..wish })
}

fn root_wish<'a>(plan: &Plan, root: &'a RootPlan) -> Option<Wish<'a>> {
    let Source::Bind { path, recursive } = &root.source else { return None };
    let (attributes, mapped) = (RootPlan::ATTRIBUTES, is_mapped(plan, Owners::Mapped));
    Some(Wish { part: root.part, path, recursive: *recursive, attributes, mapped, device: None })
}

fn mount_wish<'a>(plan: &Plan, mount: &'a Mount) -> Option<Wish<'a>> {
    let (path, recursive, device) = match &mount.source {
        Source::Bind { path, recursive } => (path, *recursive, None),
        // Only in the host's user namespace may a container make devices: elsewhere it gets the host's.
        Source::Device { path, number } if !plan.namespaces.user.is_host() => (path, false, Some(*number)),
        Source::Device { .. } | Source::New(_) => return None,
    };
    let mapped = is_mapped(plan, mount.owners);
    Some(Wish { part: mount.part, path, recursive, attributes: mount.attributes, mapped, device })
}

pub(crate) fn is_mapped(plan: &Plan, owners: Owners) -> bool {
    let shifts = match &plan.namespaces.user {
        Slot::Host => false,
        Slot::New(maps) => maps.shifts(),
        Slot::Join(_) => true,
    };
    shifts && owners == Owners::Mapped
}

impl Wish<'_> {
    fn set<'b>(&'b self, tree: &'b OwnedFd, id_map: Option<BorrowedFd<'b>>) -> SetTree<'b> {
        let (source, attributes, recursive) = (self.path, self.attributes, self.recursive);
        SetTree { tree: tree.as_fd(), source, attributes, id_map, recursive }
    }
}

fn clone_tree(kernel: &Kernel, wish: &Wish<'_>) -> Result<OwnedFd> {
    let tree = kernel.perform(wish.part, CloneTree { source: wish.path, recursive: wish.recursive })?;
    if let Some(number) = wish.device
        && !kernel.is_dry()
    {
        expect_device(&tree, wish, number)?;
    }
    if !wish.mapped {
        kernel.perform(wish.part, wish.set(&tree, None))?;
    }
    Ok(tree)
}

/// A node that is bound is the device that its name promises.
fn expect_device(tree: &OwnedFd, wish: &Wish<'_>, number: (u32, u32)) -> Result<()> {
    let operation = || format!("use the host's {}", wish.path.display());
    let stat = fstat(tree).map_err(|errno| Error::new(wish.part, operation(), &errno.into()))?;
    let is = (major(stat.st_rdev), minor(stat.st_rdev));
    if FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && is == number {
        return Ok(());
    }
    Err(Error::refused(wish.part, operation(), format!("it is not the character device {}:{}", number.0, number.1)))
}

//! The one place where the floors meet: from a container's choices to its stack of parts and the plan that they fill.

mod generated;
mod rights;
mod settings;

use std::{os::fd::OwnedFd, path::Path};

use conex_kernel::operations::Filesystem;
use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    mount::MountAttrFlags,
};

use crate::{
    cgroups::{Cgroup, World},
    choices::{Choices, Network, Shared},
    driver::Driver,
    failure::{Failure, Result},
    kernel::Kernel,
    namespaces::{
        ContainerId, Directory, Facts, Host, IdMaps, Mount, Namespaces, Owners, Part, Plan, Process, Slot, Source,
        Target, User,
    },
    overlay::{Access, Change, Copy, Keep, Overlay, Reflink, make_stub},
    paths::Paths,
    state::State,
};
use generated::Generated;

/// The parts of one container, each with its own choices.
pub(crate) struct Stack {
    cgroup: Cgroup,
    root: Root,
    generated: Generated,
}

enum Root {
    Directory(Directory),
    Overlay(Overlay),
    Copy(Copy),
}

impl Stack {
    /// Of a container.
    pub(crate) fn new(choices: &Choices, paths: &Paths) -> Result<Self> {
        let (cgroup, generated) = (settings::cgroup(choices)?, Generated::new(choices, paths));
        Ok(Self { cgroup, root: Root::new(choices, paths), generated })
    }

    /// Refuses a root that can't be one.
    pub(crate) fn check(&self, host: &Host, id: &ContainerId) -> Result<()> {
        self.cgroup.check()?;
        match &self.root {
            Root::Directory(directory) => Ok(directory.prepare(host, id)?),
            // Made with the first container of an image, for all.
            Root::Overlay(overlay) => Ok(overlay.stub.as_deref().map_or(Ok(()), make_stub)?),
            Root::Copy(_) => Ok(()),
        }
    }

    /// In the order in which they prepare; they clean up in the reverse one.
    pub(crate) fn parts(&self) -> [&dyn Part; 3] {
        let root: &dyn Part = match &self.root {
            Root::Directory(directory) => directory,
            Root::Overlay(overlay) => overlay,
            Root::Copy(copy) => copy,
        };
        [&self.cgroup, root, &self.generated]
    }

    /// The part that limits it.
    pub(crate) fn cgroup(&self) -> &Cgroup {
        &self.cgroup
    }

    /// What the container wrote, as changes.
    pub(crate) fn changes(&self, host: &Host, id: &ContainerId) -> Result<Vec<Change>> {
        match &self.root {
            Root::Overlay(overlay) => Ok(overlay.changes(host, id)?),
            Root::Directory(_) => Err(Failure::new(format!("container {} writes to a directory of yours", id.short()))
                .with_hint("only a root of layers knows what was changed in it")),
            Root::Copy(_) => Err(Failure::new(format!("the root of container {} is a copy of its image", id.short()))
                .with_hint("a copy doesn't know what was changed in it; conex commit takes it whole")),
        }
    }

    /// Its root, seen from outside.
    #[cfg(not(feature = "shim"))]
    pub(crate) fn view(&self, host: &Host, id: &ContainerId, access: Access) -> Result<OwnedFd> {
        let open = |path: &Path| {
            let opened = openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
            opened.map_err(|errno| Failure::io(format_args!("open {}", path.display()), &errno.into()))
        };
        match &self.root {
            Root::Overlay(overlay) => Ok(overlay.view(host, id, access)?),
            Root::Directory(directory) => open(&directory.path),
            Root::Copy(copy) => {
                // One that never ran has none yet.
                copy.prepare(host, id)?;
                open(&copy.root(id))
            }
        }
    }

    /// Whether the kernel has killed a process of it because its memory was full.
    pub(crate) fn is_out_of_memory(&self, id: &ContainerId) -> bool {
        self.cgroup.is_out_of_memory(id)
    }

    /// The plan of one more process in a container that runs; the choices are that process's.
    pub(crate) fn beside(&self, choices: &Choices, paths: &Paths, facts: &Facts) -> Result<Plan> {
        let id = choices.id()?;
        let own = self.plan(choices, paths, facts)?;
        let mut plan = Plan::joining(&first_process(paths, &id)?, own.process)?;
        self.cgroup.adopt(&id, &mut plan);
        (plan.user, plan.capabilities) = (own.user, own.capabilities);
        (plan.limits, plan.oom_score_adj) = (own.limits, own.oom_score_adj);
        Ok(plan)
    }

    /// The plan of a container, before its parts add to it.
    pub(crate) fn plan(&self, choices: &Choices, paths: &Paths, facts: &Facts) -> Result<Plan> {
        let id = choices.id()?;
        let mut plan = Plan::isolated(facts, &id, process(choices)?);
        plan.namespaces = namespaces(choices, paths, facts)?;
        plan.hostname = choices.hostname.clone().filter(|_| plan.namespaces.uts.is_new());
        plan.domainname = choices.domainname.clone().filter(|_| plan.namespaces.uts.is_new());
        plan.user = user(choices)?;
        plan.limits = settings::limits(choices)?;
        plan.oom_score_adj = choices.oom_score_adj.or_else(|| settings::usual_oom_score_adj(facts));
        plan.sysctls = settings::sysctls(choices, &plan.namespaces)?;
        plan.mounts.extend(choices.tmpfs.iter().map(settings::tmpfs).collect::<Result<Vec<_>>>()?);
        plan.mounts.extend(choices.devices.iter().map(settings::device));
        settings::size_shared_memory(&mut plan, choices.shm_bytes);
        rights::grant(&mut plan, choices, self.cgroup.guards_devices())?;
        share_message_queues(&mut plan, choices);
        plan.settle()?;
        Ok(plan)
    }
}

impl Root {
    fn new(choices: &Choices, paths: &Paths) -> Self {
        let (layers, containers, read_only) = (choices.layers.clone(), paths.containers(), choices.read_only);
        let copy = |reflink| {
            Self::Copy(Copy {
                layers: layers.clone(),
                containers: containers.clone(),
                keep: Keep::Writes,
                reflink,
                read_only,
            })
        };
        match (&choices.rootfs, choices.driver) {
            (Some(path), _) => Self::Directory(Directory { path: path.clone(), read_only }),
            (None, Driver::Copy) => copy(Reflink::Never),
            (None, Driver::Reflink) => copy(Reflink::WherePossible),
            (None, Driver::Overlay) => {
                Self::Overlay(Overlay { layers, stub: Some(paths.stub()), containers, keep: Keep::Writes, read_only })
            }
        }
    }
}

/// Lets a container go on that stands still: on v1, one who is frozen does not die. Nothing is to be done about one that
/// is gone.
pub(crate) fn thaw(paths: &Paths, id: &ContainerId) {
    let thawed = Choices::read(paths, id).and_then(|choices| Stack::new(&choices, paths));
    let _ = thawed.map(|stack| stack.cgroup().thaw(&Kernel::quiet(), id));
}

/// Cleans up after a container of which nothing may be known but its id.
pub(crate) fn clean_up(host: &Host, paths: &Paths, id: &ContainerId) -> Result<()> {
    Cgroup::cleaner(World::probe()?).cleanup(host, id)?;
    Ok(Generated::cleaner(paths).cleanup(host, id)?)
}

/// MAX_ARG_STRLEN: 32 pages, with the NUL. See execve(2).
const STRING_BYTES_MAX: usize = 32 * 4096;

fn process(choices: &Choices) -> Result<Process> {
    let strings = |words: &[String]| {
        let string = |word: &String| {
            if word.len() >= STRING_BYTES_MAX {
                let message = format!("an argument or a variable has {} bytes", word.len());
                return Err(
                    Failure::new(message).with_hint(format!("the kernel takes {} at most", STRING_BYTES_MAX - 1))
                );
            }
            std::ffi::CString::new(word.as_str())
                .map_err(|_| Failure::new("an argument or a variable holds a NUL byte"))
        };
        words.iter().map(string).collect::<Result<Vec<_>>>()
    };
    Ok(Process {
        arguments: strings(&choices.arguments)?,
        environment: strings(&choices.environment)?,
        directory: choices.directory.clone(),
        umask: 0o022,
        no_new_privileges: choices.no_new_privileges,
        init: choices.init,
        dies_with_parent: true,
    })
}

fn user(choices: &Choices) -> Result<User> {
    let user = User::parse(&choices.user)?;
    Ok(choices.groups.iter().try_fold(user, |user, group| user.with_group(group))?)
}

/// Root's containers have the host's ids, as docker's have; an ordinary user's have his own alone. A time namespace
/// without offsets buys nothing.
fn namespaces(choices: &Choices, paths: &Paths, facts: &Facts) -> Result<Namespaces> {
    let mut namespaces = Namespaces::new(IdMaps::single(facts.uid, facts.gid));
    namespaces.time = Slot::Host;
    if choices.host_uts {
        namespaces.uts = Slot::Host;
    }
    if choices.host_cgroups {
        namespaces.cgroup = Slot::Host;
    }
    if choices.network == Network::Host {
        namespaces.net = Slot::Host;
    }
    let mut joined = None;
    let mut slot = |shared: &Shared| -> Result<Slot> {
        Ok(match shared {
            Shared::Private => Slot::New(()),
            Shared::Host => Slot::Host,
            Shared::Container(other) => {
                let target = first_process(paths, other)?;
                joined.get_or_insert(target.clone());
                Slot::Join(target)
            }
        })
    };
    namespaces.pid = slot(&choices.pid)?;
    namespaces.ipc = slot(&choices.ipc)?;
    namespaces.user = match joined {
        _ if facts.is_privileged() => Slot::Host,
        // Only in the user namespace that owns the others may they be entered.
        Some(target) => Slot::Join(target),
        None => namespaces.user,
    };
    Ok(namespaces)
}

/// The process whose namespaces a container shares with others.
fn first_process(paths: &Paths, id: &ContainerId) -> Result<Target> {
    let not_running = || Failure::new(format!("container {} is not running", id.short()));
    let process = State::read(paths, id)?.process.ok_or_else(not_running)?;
    let target = Target::of_pid(process.pid)?;
    // Looked at once it is held: a number that was given to another process since then is not it.
    (crate::state::Identity::of(process.pid).as_ref() == Some(&process)).then_some(target).ok_or_else(not_running)
}

/// POSIX queues and shared memory come with the IPC namespace: whoever shares one sees the other's.
fn share_message_queues(plan: &mut Plan, choices: &Choices) {
    if choices.ipc != Shared::Host {
        return;
    }
    for mount in &mut plan.mounts {
        let shared = ["/dev/shm", "/dev/mqueue"].iter().any(|path| mount.target == std::path::Path::new(path));
        let Source::New(Filesystem { attributes, .. }) = &mount.source else { continue };
        if shared && mount.target.exists() {
            let source = Source::Bind { path: mount.target.clone(), recursive: true };
            *mount =
                Mount { attributes: *attributes - MountAttrFlags::MOUNT_ATTR_STRICTATIME, source, ..mount.clone() };
            mount.owners = Owners::Host;
        }
    }
}

//! The end of the child's way: from root of the container to the user's program. The order matters, and is told here.

use std::{
    ffi::CString,
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use conex_kernel::{
    Error, Kernel, Result,
    operations::{
        ChangeDirectory, CloseDescriptors, DropBounding, Execute, LoadSeccomp, NewSession, NoNewPrivileges,
        ParentDeathSignal, SetCapabilities, SetGroups, SetIds, SetLimit, SetUmask, UseTerminal,
    },
};
use rustix::thread::CapabilitySet;

use crate::{
    NAME, Plan, Slot,
    accounts::{self, Identity},
    init,
    message::Message,
    mounts,
    pair::Pair,
    user::Who,
};

/// Gives up everything that the plan does not grant, then runs the program.
pub(crate) fn become_user(kernel: &Kernel, plan: &Plan, pair: &Rc<Pair>, terminal: Option<OwnedFd>) -> Result<()> {
    let identity = identify(kernel, plan)?;
    // As root: the directory may have to be made, and need not be the user's.
    kernel.perform(NAME, ChangeDirectory { path: &plan.process.directory })?;
    mounts::seal_root(kernel, plan)?;
    kernel.perform(NAME, NewSession)?;
    if let Some(slave) = &terminal {
        kernel.perform(NAME, UseTerminal { slave: slave.as_fd(), owner: identity.uid })?;
    }
    for limit in &plan.limits {
        kernel.perform(limit.part, SetLimit { resource: limit.resource, soft: limit.soft, hard: limit.hard })?;
    }
    drop_privileges(kernel, plan, &identity)?;
    if plan.process.dies_with_parent {
        // After the last change of ids, which would clear it. A parent that died before this line sends no signal, but
        // then the last word below can't be sent either.
        kernel.perform(NAME, ParentDeathSignal)?;
    }
    kernel.perform(NAME, SetUmask { bits: plan.process.umask })?;
    kernel.perform(NAME, CloseDescriptors)?;
    pair.send(&Message::Exec, None)?;
    let environment = environment(plan, &identity);
    let execute = || {
        let program = Execute { arguments: &plan.process.arguments, environment: &environment };
        kernel.perform(NAME, program).map_err(|error| explain_exec(error, plan))
    };
    if plan.process.init { init::serve(kernel, pair, &execute) } else { execute() }
}

fn explain_exec(error: Error, plan: &Plan) -> Error {
    let has_path = plan.process.arguments.first().is_some_and(|program| program.to_bytes().contains(&b'/'));
    match error.errno() {
        Some(libc::ENOENT) if has_path => {
            error.with_hint("the container has no such file, or not the interpreter or loader that it names")
        }
        Some(libc::ENOENT) => error.with_hint("no directory of the container's PATH has this program"),
        Some(libc::EACCES) => error.with_hint("it is not executable, or it is a directory"),
        Some(libc::ENOEXEC) => {
            error.with_hint("it is neither a program of this machine nor a script that begins with #!")
        }
        _ => error,
    }
}

/// In a dry run there is no container whose files could be read: ids are what the user wrote, names are root.
fn identify(kernel: &Kernel, plan: &Plan) -> Result<Identity> {
    if !kernel.is_dry() {
        return accounts::identify(mounts::open_root()?.as_fd(), &plan.user);
    }
    let id = |who: &Who| match who {
        Who::Id(id) => *id,
        Who::Name(_) => 0,
    };
    let (uid, gid) = (id(&plan.user.user), plan.user.group.as_ref().map_or(0, id));
    Ok(Identity { uid, gid, groups: vec![gid], home: "/".into() })
}

fn drop_privileges(kernel: &Kernel, plan: &Plan, identity: &Identity) -> Result<()> {
    let no_new_privileges = plan.process.no_new_privileges;
    if !no_new_privileges {
        // Without no_new_privs a filter needs CAP_SYS_ADMIN, which is about to go.
        load_seccomp(kernel, plan)?;
    }
    kernel.perform(NAME, DropBounding { keep: plan.capabilities })?;
    set_groups(kernel, plan, identity)?;
    kernel
        .perform(NAME, SetIds { uid: identity.uid, gid: identity.gid })
        .map_err(|error| explain_ids(error, plan, identity))?;
    // Leaving uid 0 has emptied the sets; asking for more would be refused.
    let set = if identity.uid == 0 { plan.capabilities } else { CapabilitySet::empty() };
    kernel.perform(NAME, SetCapabilities { set })?;
    if no_new_privileges {
        kernel.perform(NAME, NoNewPrivileges)?;
        load_seccomp(kernel, plan)?;
    }
    Ok(())
}

fn load_seccomp(kernel: &Kernel, plan: &Plan) -> Result<()> {
    plan.seccomp.as_ref().map_or(Ok(()), |filter| kernel.perform(NAME, LoadSeccomp { filter }))
}

/// A user namespace that a user made alone forbids setgroups: there the caller's groups stay, which name nobody inside.
fn set_groups(kernel: &Kernel, plan: &Plan, identity: &Identity) -> Result<()> {
    match &plan.namespaces.user {
        Slot::New(maps) if !maps.setgroups => Ok(()),
        // Of a namespace that we join, only the kernel knows; a fake /proc in there could lie to us.
        Slot::Join(_) => match kernel.perform(NAME, SetGroups { groups: &identity.groups }) {
            Err(error) if error.errno() == Some(libc::EPERM) => Ok(()),
            other => other,
        },
        _ => kernel.perform(NAME, SetGroups { groups: &identity.groups }),
    }
}

fn explain_ids(error: Error, plan: &Plan, identity: &Identity) -> Error {
    let unmapped = error.errno() == Some(libc::EINVAL) && !matches!(plan.namespaces.user, Slot::Host);
    if !unmapped {
        return error;
    }
    let Identity { uid, gid, .. } = identity;
    Error::refused(NAME, format!("become user {uid}, group {gid}"), "the container's id map does not have them")
        .with_hint("without root's help a container has only id 0; as root, --map gives it more")
}

/// The plan's environment, with HOME from the container's files unless the plan has one.
fn environment(plan: &Plan, identity: &Identity) -> Vec<CString> {
    let mut environment = plan.process.environment.clone();
    if !environment.iter().any(|entry| entry.to_bytes().starts_with(b"HOME=")) {
        environment.extend(CString::new(format!("HOME={}", identity.home)).ok());
    }
    environment
}

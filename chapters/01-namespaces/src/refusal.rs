//! Why this host refuses user namespaces, in a sentence with the fix instead of a bare EPERM.

use std::fs;

use conex_kernel::Error;

use crate::Facts;

/// The host's switches, as far as they can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Switches {
    /// The first of user.max_…_namespaces that is 0.
    none_left: Option<&'static str>,
    /// kernel.unprivileged_userns_clone, which Debian had.
    debian: Option<u64>,
    /// kernel.apparmor_restrict_unprivileged_userns, which Ubuntu has.
    apparmor: Option<u64>,
    /// Whether a seccomp filter watches us: we are in a container ourselves.
    filtered: bool,
    /// Whether something is mounted over a part of our own /proc or /sys, as in a container.
    covered: bool,
    /// Whether our root is no mount.
    chrooted: bool,
}

impl Switches {
    fn read() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Self {
            none_left: LIMITS.into_iter().find(|limit| number(&format!("/proc/sys/user/{limit}")) == Some(0)),
            debian: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            filtered: status.lines().any(|line| line.starts_with("Seccomp:\t2")),
            covered: covered(&mountinfo),
            chrooted: chrooted(&mountinfo),
        }
    }
}

/// See namespaces(7).
const LIMITS: [&str; 8] = [
    "max_user_namespaces",
    "max_mnt_namespaces",
    "max_pid_namespaces",
    "max_net_namespaces",
    "max_uts_namespaces",
    "max_ipc_namespaces",
    "max_cgroup_namespaces",
    "max_time_namespaces",
];

/// Mounts there that hide nothing: their mount points are always empty.
const HARMLESS: [&str; 8] = [
    "/proc/sys/fs/binfmt_misc",
    "/proc/fs/nfsd",
    "/sys/fs/",
    "/sys/kernel/config",
    "/sys/kernel/debug",
    "/sys/kernel/security",
    "/sys/kernel/tracing",
    "/sys/firmware/efi/efivars",
];

/// From mountinfo's lines, whose fifth word is the mount point. See proc_pid_mountinfo(5).
fn covered(mountinfo: &str) -> bool {
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    let mut inside = points.filter(|point| point.starts_with("/proc/") || point.starts_with("/sys/"));
    inside.any(|point| !HARMLESS.iter().any(|harmless| point.starts_with(harmless)))
}

/// Whether our root is no mount, so that nothing is mounted on `/`: `chroot DIR` makes such a root of a plain directory.
fn chrooted(mountinfo: &str) -> bool {
    !mountinfo.is_empty() && !mountinfo.lines().any(|line| line.split(' ').nth(4) == Some("/"))
}

/// A user namespace can't be made in a chroot (EPERM, see clone(2)), and its `/` has no propagation to change (EINVAL).
fn needs_a_mounted_root(error: &Error) -> bool {
    makes_namespaces(error) || changes_propagation(error)
}

/// Adds the reason and the fix to an error that the host's switches explain.
pub(crate) fn explain(error: Error, facts: &Facts) -> Error {
    match error.errno() {
        // Of a file system, not of namespaces.
        Some(libc::ENOSPC | libc::EUSERS) if !makes_namespaces(&error) => error,
        Some(libc::EINVAL) if !changes_propagation(&error) => error,
        Some(libc::EPERM | libc::EACCES | libc::EINVAL | libc::ENOSPC | libc::EUSERS | libc::ENOSYS)
            if error.hint.is_none() =>
        {
            let switches = Switches::read();
            let shows_kernel = ["mount proc ", "mount sysfs "].iter().any(|start| error.operation.starts_with(start));
            match advice(switches, facts.is_privileged(), error.errno()) {
                _ if needs_a_mounted_root(&error) && switches.chrooted => error.with_hint(
                    "we are in a chroot, whose root is no mount; enter that directory as a container or with pivot_root instead",
                ),
                _ if shows_kernel && switches.covered => error.with_hint(
                    "parts of our own /proc or /sys are covered, as inside a container, and a new one would show them; start that container with --security-opt systempaths=unconfined",
                ),
                Some(hint) => error.with_hint(hint),
                None => error,
            }
        }
        _ => error,
    }
}

fn makes_namespaces(error: &Error) -> bool {
    ["clone3", "unshare"].iter().any(|start| error.operation.starts_with(start))
}

fn changes_propagation(error: &Error) -> bool {
    error.operation.starts_with("make every mount private")
}

/// Adds the reason to an id map that the kernel refused.
pub(crate) fn explain_map(error: Error, facts: &Facts) -> Error {
    match error.errno() {
        Some(libc::EPERM) if !facts.is_privileged() => {
            error.with_hint("an ordinary user may give a container only his own id, as root's; for more, be root")
        }
        Some(libc::EINVAL) => error.with_hint("ranges may not overlap, and there may be 340 at most"),
        _ => explain(error, facts),
    }
}

fn advice(switches: Switches, privileged: bool, errno: Option<i32>) -> Option<String> {
    let Switches { none_left, debian, apparmor, filtered, .. } = switches;
    if none_left.is_some() || errno == Some(libc::ENOSPC) {
        let limit = none_left.unwrap_or(LIMITS[0]);
        return Some(format!("this host allows no more of these namespaces; as root: sysctl -w user.{limit}=15000"));
    }
    advice_on_rights(privileged, debian, apparmor, filtered).map(str::to_owned)
}

fn advice_on_rights(
    privileged: bool,
    debian: Option<u64>,
    apparmor: Option<u64>,
    filtered: bool,
) -> Option<&'static str> {
    if !privileged && debian == Some(0) {
        return Some(
            "this host lets only root make user namespaces; as root: sysctl -w kernel.unprivileged_userns_clone=1",
        );
    }
    if !privileged && apparmor == Some(1) {
        return Some(
            "AppArmor takes the rights of an ordinary user's user namespace; as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give this program a profile with `userns,`",
        );
    }
    if filtered {
        return Some(
            "a seccomp filter watches this process, as inside a docker container: start that container with --privileged, or with --security-opt seccomp=unconfined",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(switches: Switches, privileged: bool) -> String {
        advice(switches, privileged, Some(libc::EPERM)).unwrap_or("nothing".into())
    }

    #[test]
    fn each_switch_has_its_fix() {
        let off = Switches { none_left: Some("max_net_namespaces"), ..Switches::default() };
        assert!(told(off, true).contains("user.max_net_namespaces=15000"));
        let debian = Switches { debian: Some(0), ..Switches::default() };
        assert!(told(debian, false).contains("kernel.unprivileged_userns_clone"));
        let ubuntu = Switches { apparmor: Some(1), ..Switches::default() };
        assert!(told(ubuntu, false).contains("AppArmor"));
        let docker = Switches { filtered: true, ..Switches::default() };
        assert!(told(docker, true).contains("seccomp"));
    }

    #[test]
    fn switches_that_bind_only_users_explain_nothing_to_root() {
        let users = Switches { debian: Some(0), apparmor: Some(1), ..Switches::default() };
        assert_eq!(told(users, true), "nothing");
    }

    #[test]
    fn a_covered_proc_is_told_from_mounts_that_hide_nothing() {
        let line = |point: &str| format!("26 1 0:5 / {point} rw - proc proc rw\n");
        assert!(covered(&line("/proc/kcore")) && covered(&line("/sys/firmware")));
        for harmless in ["/proc", "/sys", "/sys/fs/cgroup/memory", "/proc/sys/fs/binfmt_misc", "/srv/proc/x"] {
            assert!(!covered(&line(harmless)), "{harmless}");
        }
    }

    #[test]
    fn a_chroot_has_no_mount_on_its_root() {
        let line = |point: &str| format!("26 1 0:5 / {point} rw - proc proc rw\n");
        assert!(chrooted(&line("/proc")));
        assert!(!chrooted(&(line("/proc") + &line("/"))) && !chrooted(""));
    }

    #[test]
    fn too_many_namespaces_are_told_by_the_errno_alone() {
        assert!(
            advice(Switches::default(), true, Some(libc::ENOSPC))
                .is_some_and(|hint| hint.contains("max_user_namespaces"))
        );
    }
}

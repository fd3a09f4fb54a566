//! New namespaces and joined ones. See namespaces(7), clone(2), setns(2), time_namespaces(7).

use std::{
    any::Any,
    cell::Cell,
    fmt, fs, io,
    os::fd::{BorrowedFd, OwnedFd},
    path::Path,
};

use nix::sched::CloneFlags;
use rustix::{
    system::{setdomainname, sethostname},
    thread::{ThreadNameSpaceType, move_into_thread_name_spaces},
};

use super::tree::pretended;
use crate::{Equivalent, Operation, quoted, sys};

/// The namespaces that clone flags ask for, by unshare(1)'s names.
fn names(flags: u64) -> Vec<&'static str> {
    let all = [
        (libc::CLONE_NEWUSER, "user"),
        (libc::CLONE_NEWNS, "mount"),
        (libc::CLONE_NEWPID, "pid"),
        (libc::CLONE_NEWNET, "net"),
        (libc::CLONE_NEWUTS, "uts"),
        (libc::CLONE_NEWIPC, "ipc"),
        (libc::CLONE_NEWCGROUP, "cgroup"),
        (libc::CLONE_NEWTIME, "time"),
    ];
    all.into_iter().filter(|(flag, _)| flags & *flag as u64 != 0).map(|(_, name)| name).collect()
}

fn options(flags: u64) -> String {
    names(flags).iter().map(|name| format!(" --{name}")).collect()
}

/// A process that was cloned: its pid, and a descriptor that stays its own even if the pid is used again.
pub struct Cloned {
    /// By the cloner's count.
    pub pid: i32,
    /// See pidfd_open(2).
    pub pidfd: OwnedFd,
}

/// Runs in the new process and gives its exit status, or turns a panic's payload into one.
pub type ChildMain<'a> = Box<dyn FnOnce() -> u8 + 'a>;
/// See [`ChildMain`].
pub type ChildPanic<'a> = Box<dyn FnOnce(Box<dyn Any + Send>) -> u8 + 'a>;

/// Clones this process into new namespaces; the child runs `main` and nothing else.
pub struct Clone<'a> {
    /// `CLONE_NEW*`, and `CLONE_PARENT` for an usher's child.
    pub flags: u64,
    /// `CLONE_NEW*` that the child will unshare by itself, for words: a script's unshare(1) makes them at once.
    pub late: u64,
    /// A cgroup v2 directory to be born in: open, and its path for words.
    pub cgroup: Option<(BorrowedFd<'a>, &'a Path)>,
    /// What the child runs; taken by the first run.
    pub main: Cell<Option<(ChildMain<'a>, ChildPanic<'a>)>>,
}

impl fmt::Display for Clone<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "clone3{}{}", if names(self.flags).is_empty() { "" } else { " " }, names(self.flags).join(","))
    }
}

impl Operation for Clone<'_> {
    type Output = Cloned;

    fn run(&self) -> io::Result<Cloned> {
        let (main, panicked) = self.main.take().ok_or_else(|| io::Error::other("a clone runs once"))?;
        let args = sys::CloneArgs { flags: self.flags, cgroup: self.cgroup.map(|(directory, _)| directory) };
        sys::clone_process(args, main, panicked).map(|(pid, pidfd)| Cloned { pid, pidfd })
    }

    fn pretend(&self) -> io::Result<Cloned> {
        Ok(Cloned { pid: 0, pidfd: pretended()? })
    }

    fn command(&self) -> Equivalent {
        // --keep-caps: until its id map is written, an exec would take the child's capabilities away.
        let keep = if self.flags & libc::CLONE_NEWUSER as u64 == 0 { "" } else { " --keep-caps" };
        let kill = if self.flags & libc::CLONE_NEWPID as u64 == 0 { "" } else { " --kill-child" };
        let mounts = if self.flags & libc::CLONE_NEWNS as u64 == 0 { "" } else { " --propagation unchanged" };
        let unshare = format!("unshare --fork{kill}{}{keep}{mounts}", options(self.flags | self.late));
        let unshare = self.cgroup.map_or(unshare.clone(), |(_, directory)| {
            // In a shell of its own, which moves itself and then becomes unshare.
            let procs = directory.join("cgroup.procs");
            format!("sh -c 'echo 0 > \"$0\"; exec {unshare} \"$@\"' {}", quoted(&procs.to_string_lossy()))
        });
        Equivalent::approximate(format!(r#"{unshare} sh -eu "$work/container" <&0 & pid=$!"#))
    }
}

/// Moves this process into namespaces of another, all in one call; the kernel takes the user namespace first.
pub struct Join<'a> {
    /// The process whose namespaces they are.
    pub pidfd: BorrowedFd<'a>,
    /// Its pid, for words.
    pub pid: i32,
    /// `CLONE_NEW*`.
    pub flags: u64,
}

impl fmt::Display for Join<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setns to {} of pid {}", names(self.flags).join(","), self.pid)
    }
}

impl Operation for Join<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let flags = u32::try_from(self.flags).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        Ok(move_into_thread_name_spaces(self.pidfd, ThreadNameSpaceType::from_bits_retain(flags))?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate(format!("nsenter --target {}{} sh", self.pid, options(self.flags)))
    }
}

/// Gives this process (for time: its children) a new namespace after it was born.
pub struct Unshare {
    /// One of `CLONE_NEW*`.
    pub flags: u64,
}

impl fmt::Display for Unshare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unshare {}", names(self.flags).join(","))
    }
}

impl Operation for Unshare {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        nix::sched::unshare(CloneFlags::from_bits_retain(self.flags as i32))?;
        Ok(())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate(format!("unshare{} sh", options(self.flags)))
    }
}

/// Sets the clocks of a new time namespace and enters it: afterwards they can't be set any more.
pub struct WriteTimeOffsets {
    /// Seconds to add to CLOCK_MONOTONIC.
    pub monotonic_secs: i64,
    /// Seconds to add to CLOCK_BOOTTIME, which uptime(1) shows.
    pub boottime_secs: i64,
}

impl fmt::Display for WriteTimeOffsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write timens_offsets monotonic {}, boottime {}, and enter", self.monotonic_secs, self.boottime_secs)
    }
}

impl Operation for WriteTimeOffsets {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let lines = format!("monotonic {} 0\nboottime {} 0\n", self.monotonic_secs, self.boottime_secs);
        fs::write("/proc/self/timens_offsets", lines)?;
        let namespace = fs::File::open("/proc/self/ns/time_for_children")?;
        nix::sched::setns(namespace, CloneFlags::from_bits_retain(libc::CLONE_NEWTIME))?;
        Ok(())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let (monotonic, boottime) = (self.monotonic_secs, self.boottime_secs);
        Equivalent::approximate(format!("unshare --fork --time --monotonic {monotonic} --boottime {boottime} sh"))
    }
}

/// Sets the host name, or the NIS domain name, of a UTS namespace.
pub struct SetHostname<'a> {
    /// The host's own name.
    pub hostname: Option<&'a str>,
    /// The NIS domain.
    pub domainname: Option<&'a str>,
}

impl fmt::Display for SetHostname<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self
            .hostname
            .map(|name| format!("sethostname {name}"))
            .into_iter()
            .chain(self.domainname.map(|name| format!("setdomainname {name}")))
            .collect();
        f.write_str(&names.join(", "))
    }
}

impl Operation for SetHostname<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        if let Some(name) = self.hostname {
            sethostname(name.as_bytes())?;
        }
        if let Some(name) = self.domainname {
            setdomainname(name.as_bytes())?;
        }
        Ok(())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let hostname = self.hostname.map(|name| format!("hostname {}", quoted(name)));
        let domainname = self.domainname.map(|name| format!("domainname {}", quoted(name)));
        let names: Vec<String> = hostname.into_iter().chain(domainname).collect();
        Equivalent::exact(names.join(" && "))
    }
}

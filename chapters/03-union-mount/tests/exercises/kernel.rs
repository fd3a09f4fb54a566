//! What the checks share: overlays of the running kernel, made in a user namespace, and files in them.

use std::{
    cell::Cell,
    fs::{self, File},
    io::{Read, Write},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use conex_kernel::{
    Kernel,
    operations::{BecomeRoot, ChildMain, ChildPanic, Clone, Filesystem, Kill, LayersBy, MakeOverlay, MakePrivate},
};
use conex_namespaces::Facts;
use nix::sched::CloneFlags;
use rustix::{
    fs::{XattrFlags, lsetxattr},
    mount::MountAttrFlags,
    pipe::{PipeFlags, pipe_with},
};

/// The exit status of a process that panicked; the text is on standard error.
const PANICKED: i32 = 101;

/// Runs `inside` as root of a new user and mount namespace, where a user may make overlays.
pub(crate) fn as_root(inside: impl Fn()) {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let theirs = write.try_clone().expect("a descriptor");
    let main: ChildMain<'_> = Box::new(|| {
        drop(theirs);
        File::from(read).read_exact(&mut [0]).expect("the maps are written");
        let kernel = Kernel::quiet();
        kernel.perform("test", BecomeRoot).expect("root inside");
        kernel.perform("test", MakePrivate).expect("private");
        inside();
        0
    });
    let panicked: ChildPanic<'_> = Box::new(|_| PANICKED as u8);
    let flags = (CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).bits() as u64;
    let main = Cell::new(Some((main, panicked)));
    let child = Kernel::quiet().perform("test", Clone { flags, late: 0, cgroup: None, main }).expect("a clone");
    let map = |kind: &str, id: u32| fs::write(format!("/proc/{}/{kind}_map", child.pid), format!("0 {id} 1"));
    fs::write(format!("/proc/{}/setgroups", child.pid), "deny").expect("written");
    map("uid", rustix::process::getuid().as_raw()).expect("written");
    map("gid", rustix::process::getgid().as_raw()).expect("written");
    File::from(write).write_all(b"!").expect("said");
    let status = nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(child.pid), None).expect("a child");
    match status {
        nix::sys::wait::WaitStatus::Exited(_, 0) => {}
        nix::sys::wait::WaitStatus::Exited(_, PANICKED) => std::panic::resume_unwind(Box::new(())),
        other => {
            let _ = Kernel::quiet().perform("test", Kill { pidfd: child.pidfd.as_fd(), pid: child.pid });
            panic!("it ended with {other:?}")
        }
    }
}

/// An overlay with these options, and its path while it lives.
pub(crate) fn overlay(options: Vec<String>) -> Result<(OwnedFd, PathBuf), String> {
    let kernel = Facts::probe().expect("facts").kernel;
    let filesystem =
        Filesystem { kind: "overlay".into(), source: "test".into(), options, attributes: MountAttrFlags::empty() };
    let by = LayersBy::of(kernel);
    let made = Kernel::quiet().perform("test", MakeOverlay { filesystem: &filesystem, by, seen_by: None });
    let made = made.map_err(|error| error.cause.to_string())?;
    let path = Path::new("/proc/self/fd").join(made.as_raw_fd().to_string()).join(".");
    Ok((made, path))
}

/// Lower directories, the topmost first, below a directory that is written to: for checks of what it then holds.
pub(crate) fn written_to(lower: &[&Path], own: &Path) -> (OwnedFd, PathBuf) {
    let (upper, work) = (own.join("upper"), own.join("work"));
    fs::create_dir_all(&upper).and_then(|()| fs::create_dir_all(&work)).expect("directories");
    let mut all: Vec<String> = lower.iter().map(|path| format!("lowerdir+={}", path.display())).collect();
    all.extend([format!("upperdir={}", upper.display()), format!("workdir={}", work.display()), "userxattr".into()]);
    overlay(all).expect("an overlay")
}

/// Files in a new directory: name and content; a name that ends with a slash is a directory.
pub(crate) fn files(directory: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        if name.ends_with('/') { fs::create_dir_all(path) } else { fs::write(path, content) }.expect("made");
    }
}

/// Sets an attribute; whether this file system takes it: a tmpfs does from Linux 6.6 on.
pub(crate) fn mark(path: &Path, key: &str, value: &str) -> bool {
    let set = lsetxattr(path, key, value.as_bytes(), XattrFlags::empty());
    let taken = set != Err(rustix::io::Errno::OPNOTSUPP);
    if taken {
        set.expect("set");
    } else {
        testkit::saw("skipped: the file system here takes no attributes of users");
    }
    taken
}

/// What the kernel itself leaves where something was removed.
pub(crate) fn whiteout(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0).expect("anybody may make one");
}

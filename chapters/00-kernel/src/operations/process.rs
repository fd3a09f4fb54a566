//! What a process does to itself before it becomes the user's, and what ends it. See execve(2), prctl(2).

use std::{
    ffi::{CStr, CString, OsStr},
    fmt, io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use rustix::{
    fs::{CWD, OFlags},
    process::{Signal, fchdir, getcwd, pidfd_send_signal, set_parent_process_death_signal},
};

use crate::{Equivalent, Kind, Links, Operation, inside, quoted, sys};

/// One instruction of a classic BPF program, as seccomp(2) takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BpfInstruction {
    /// Opcode.
    pub code: u16,
    /// How many instructions to skip if the comparison holds.
    pub jump_true: u8,
    /// How many to skip if it does not.
    pub jump_false: u8,
    /// Constant or offset.
    pub operand: u32,
}

/// Loads a seccomp filter.
pub struct LoadSeccomp<'a> {
    /// The program.
    pub filter: &'a [BpfInstruction],
}

impl fmt::Display for LoadSeccomp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seccomp filter of {} instructions", self.filter.len())
    }
}

impl Operation for LoadSeccomp<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        sys::load_seccomp(self.filter)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::None("no command loads a seccomp filter for itself")
    }
}

/// Asks the kernel to kill this process when its parent dies. A change of uid clears it, so it comes after the last.
pub struct ParentDeathSignal;

impl fmt::Display for ParentDeathSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("prctl PR_SET_PDEATHSIG SIGKILL")
    }
}

impl Operation for ParentDeathSignal {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        Ok(set_parent_process_death_signal(Some(Signal::KILL))?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate("setpriv --pdeathsig KILL sh")
    }
}

/// Enters the working directory, made (as root, 0755) where it is missing. Magic links are refused: an image whose
/// directory is /proc/self/fd/7 would otherwise start in whatever this process has open.
pub struct ChangeDirectory<'a> {
    /// An absolute path.
    pub path: &'a Path,
}

impl fmt::Display for ChangeDirectory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chdir {}", self.path.display())
    }
}

impl Operation for ChangeDirectory<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let root = rustix::fs::openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, rustix::fs::Mode::empty())?;
        let found = inside::mount_point(root.as_fd(), self.path, Kind::Directory, Links::FollowInside);
        let directory = found.map_err(|error| match error.raw_os_error() {
            Some(libc::ELOOP) => io::Error::other("its path goes in circles, or through a magic link of /proc"),
            _ => error,
        })?;
        fchdir(&directory)?;
        match getcwd(Vec::new())?.as_bytes() {
            [b'/', ..] => Ok(()),
            _ => Err(io::Error::other("it lies outside the container's root")),
        }
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let path = quoted(&self.path.to_string_lossy());
        Equivalent::exact(format!("mkdir -p {path} && cd {path}"))
    }
}

/// Marks every descriptor but the standard three to be closed at exec.
pub struct CloseDescriptors;

impl fmt::Display for CloseDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("close_range from 3, at exec")
    }
}

impl Operation for CloseDescriptors {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        sys::close_on_exec_from(3)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::None("a shell hands on only the descriptors that a command line names")
    }
}

/// Becomes the user's program, found along the container's own PATH. Comes back only if that fails.
pub struct Execute<'a> {
    /// The program and its arguments; at least one.
    pub arguments: &'a [CString],
    /// `KEY=value`, the whole environment. Never printed.
    pub environment: &'a [CString],
}

impl fmt::Display for Execute<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.arguments.first().map_or("".into(), |program| program.to_string_lossy());
        write!(f, "exec {}", quoted(&program))
    }
}

impl Execute<'_> {
    fn candidates(&self, program: &CStr) -> Vec<CString> {
        if program.to_bytes().contains(&b'/') {
            return vec![program.to_owned()];
        }
        let path = self.environment.iter().find_map(|entry| entry.to_bytes().strip_prefix(b"PATH="));
        let directories = path.unwrap_or(b"").split(|byte| *byte == b':').filter(|directory| !directory.is_empty());
        directories
            .filter_map(|d| {
                CString::new(
                    Path::new(OsStr::from_bytes(d)).join(OsStr::from_bytes(program.to_bytes())).as_os_str().as_bytes(),
                )
                .ok()
            })
            .collect()
    }
}

impl Operation for Execute<'_> {
    type Output = ();

    const RETURNS: bool = false;

    fn run(&self) -> io::Result<()> {
        let Some(program) = self.arguments.first().filter(|program| !program.is_empty()) else {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        };
        let mut refused = nix::Error::ENOENT;
        for candidate in self.candidates(program) {
            let Err(errno) = nix::unistd::execve(&candidate, self.arguments, self.environment);
            match errno {
                nix::Error::ENOENT | nix::Error::ENOTDIR => {}
                // Like execvp(3): a file that may not be run is remembered, a later one may still do.
                nix::Error::EACCES => refused = errno,
                other => return Err(other.into()),
            }
        }
        Err(refused.into())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let words: Vec<String> = self.arguments.iter().map(|word| quoted(&word.to_string_lossy())).collect();
        Equivalent::approximate(format!("exec {}", words.join(" ")))
    }
}

/// Sends SIGKILL to a process by its descriptor: never to another that got its pid.
pub struct Kill<'a> {
    /// The process.
    pub pidfd: BorrowedFd<'a>,
    /// Its pid, for words.
    pub pid: i32,
}

impl fmt::Display for Kill<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kill pid {}", self.pid)
    }
}

impl Operation for Kill<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        match pidfd_send_signal(self.pidfd, Signal::KILL) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            done => Ok(done?),
        }
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact("kill -KILL $pid")
    }
}

//! Control groups: a directory is a group, a line in one of its files a limit. See cgroups(7), bpf(2).

use std::{
    fmt, fs,
    fs::OpenOptions,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};

use crate::{Equivalent, Operation, quoted, sys};

/// Makes a cgroup, unless it is there.
pub struct MakeCgroup<'a> {
    /// Its directory.
    pub directory: &'a Path,
}

impl fmt::Display for MakeCgroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "make cgroup {}", self.directory.display())
    }
}

impl Operation for MakeCgroup<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        match fs::create_dir(self.directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact(format!("mkdir -p {}", quoted(&self.directory.to_string_lossy())))
    }
}

/// Writes one line to one file of a cgroup.
pub struct SetCgroup<'a> {
    /// Its directory.
    pub directory: &'a Path,
    /// The file's name: `memory.max`.
    pub file: &'a str,
    /// As the kernel takes it.
    pub value: &'a str,
}

impl fmt::Display for SetCgroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {:?} to {}", self.value, self.directory.join(self.file).display())
    }
}

impl Operation for SetCgroup<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        // One write call, without making the file: on a tmpfs in a cgroup's place nothing would be limited.
        let mut file = OpenOptions::new().write(true).open(self.directory.join(self.file))?;
        file.write_all(self.value.as_bytes())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let path = self.directory.join(self.file);
        Equivalent::exact(format!("echo {} > {}", quoted(self.value), quoted(&path.to_string_lossy())))
    }
}

/// Moves this process into a cgroup, by a file that was opened before: the process need not be able to see it.
pub struct JoinCgroup<'a> {
    /// Its `tasks` or `cgroup.procs`, open for writing.
    pub tasks: BorrowedFd<'a>,
    /// That file's path, for words.
    pub path: &'a Path,
}

impl fmt::Display for JoinCgroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "join cgroup {}", self.path.parent().unwrap_or(self.path).display())
    }
}

impl Operation for JoinCgroup<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        // 0 is whoever writes; for one thread that moves itself the kernel need not wait for all others.
        rustix::io::write(self.tasks, b"0")?;
        Ok(())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact(format!("echo 0 > {}", quoted(&self.path.to_string_lossy())))
    }
}

/// Removes a cgroup that is to have no process any more; waits a moment for those that are still ending.
pub struct RemoveCgroup<'a> {
    /// Its directory.
    pub directory: &'a Path,
}

/// A killed process leaves its cgroup only when its memory is given back.
const PATIENCE: Duration = Duration::from_secs(5);

impl fmt::Display for RemoveCgroup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "remove cgroup {}", self.directory.display())
    }
}

impl Operation for RemoveCgroup<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_micros(100);
        loop {
            match unlinkat(CWD, self.directory, AtFlags::REMOVEDIR) {
                Err(rustix::io::Errno::NOENT) => return Ok(()),
                Err(rustix::io::Errno::BUSY) if Instant::now() < deadline => {}
                removed => return Ok(removed?),
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::exact(format!("rmdir {}", quoted(&self.directory.to_string_lossy())))
    }
}

/// One instruction of an eBPF program, as the kernel reads it. See Documentation/bpf/standardization/instruction-set.rst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EbpfInstruction {
    /// What is done.
    pub code: u8,
    /// The register that is changed or compared, 0 to 10.
    pub destination: u8,
    /// The register that is read, 0 to 10.
    pub source: u8,
    /// Instructions to jump over, or bytes from a register.
    pub offset: i16,
    /// A number.
    pub immediate: i32,
}

/// Gives a v2 cgroup a program that is asked before each device is opened or made.
pub struct AttachDeviceProgram<'a> {
    /// The cgroup's directory.
    pub directory: &'a Path,
    /// The program: gets the kind, the access and the numbers, gives 1 for yes.
    pub program: &'a [EbpfInstruction],
}

impl fmt::Display for AttachDeviceProgram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.program.len();
        write!(f, "attach a device program of {count} instructions to {}", self.directory.display())
    }
}

impl Operation for AttachDeviceProgram<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let directory = openat(CWD, self.directory, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let program = sys::load_device_program(self.program)?;
        // The cgroup keeps the program until it is removed.
        sys::attach_device_program(directory.as_fd(), program.as_fd())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::None("bpftool attaches programs that a compiler made; this one is made of the device rules")
    }
}

//! What a container's /dev holds: nodes, links, and the console's pseudo-terminal. See mknod(2), pts(4).

use std::{
    ffi::OsStr,
    fmt, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{AtFlags, Dev, FileType, Gid, Mode, OFlags, Uid, chmodat, fchown, fstatfs, makedev, mknodat, symlinkat},
    mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree},
    process::ioctl_tiocsctty,
    pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
    termios::{Winsize, tcsetwinsize},
};

use super::tree::pretended;
use crate::{Equivalent, Kind, Links, Operation, Root, inside, open_inside, quoted};

/// Makes a character device node.
pub struct MakeDevice<'a> {
    /// The container's root.
    pub root: Root<'a>,
    /// Where inside the root.
    pub path: &'a Path,
    /// Major and minor number.
    pub number: (u32, u32),
    /// Permission bits.
    pub mode: u32,
}

impl fmt::Display for MakeDevice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mknod {} c {} {}", self.path.display(), self.number.0, self.number.1)
    }
}

impl Operation for MakeDevice<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let (parent, name) = parent_and_name(self.root, self.path)?;
        let mode = Mode::from_raw_mode(self.mode);
        let number: Dev = makedev(self.number.0, self.number.1);
        mknodat(&parent, name, FileType::CharacterDevice, mode, number)?;
        // mknod's mode is cut by the umask.
        Ok(chmodat(&parent, name, mode, AtFlags::empty())?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let path = self.root.said(self.path);
        let (major, minor) = self.number;
        Equivalent::exact(format!("mknod -m {:o} {} c {major} {minor}", self.mode, quoted(&path.to_string_lossy())))
    }
}

fn parent_and_name<'a>(root: Root<'_>, path: &'a Path) -> io::Result<(OwnedFd, &'a OsStr)> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    };
    Ok((open_inside(root.fd, parent, OFlags::PATH | OFlags::DIRECTORY, Links::Refuse)?, name))
}

/// Makes a symbolic link.
pub struct MakeLink<'a> {
    /// The container's root.
    pub root: Root<'a>,
    /// Where inside the root.
    pub path: &'a Path,
    /// What it points to.
    pub to: &'a Path,
}

impl fmt::Display for MakeLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "symlink {} to {}", self.path.display(), self.to.display())
    }
}

impl Operation for MakeLink<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        let (parent, name) = parent_and_name(self.root, self.path)?;
        Ok(symlinkat(self.to, &parent, name)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let path = self.root.said(self.path);
        Equivalent::exact(format!("ln -s {} {}", quoted(&self.to.to_string_lossy()), quoted(&path.to_string_lossy())))
    }
}

/// The two ends of a pseudo-terminal.
pub struct Terminal {
    /// The end that a terminal emulator, or whoever relays to one, holds.
    pub master: OwnedFd,
    /// The end that programs see.
    pub slave: OwnedFd,
}

/// Opens a pseudo-terminal in the container's own devpts.
pub struct OpenConsole<'a> {
    /// The container's root.
    pub root: Root<'a>,
    /// Rows and columns at the start, if known.
    pub size: Option<(u16, u16)>,
    /// Where inside the root to bind it, for a container that is being made.
    pub bind: Option<&'a Path>,
}

impl fmt::Display for OpenConsole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("open a pseudo-terminal in /dev/pts")
    }
}

const DEVPTS_MAGIC: u64 = 0x1cd1;

impl Operation for OpenConsole<'_> {
    type Output = Terminal;

    fn run(&self) -> io::Result<Terminal> {
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let master = open_inside(self.root.fd, Path::new("/dev/pts/ptmx"), flags, Links::Refuse)?;
        if fstatfs(&master)?.f_type as u64 != DEVPTS_MAGIC {
            return Err(io::Error::other("/dev/pts/ptmx is not on a devpts file system"));
        }
        unlockpt(&master)?;
        // TIOCGPTPEER gives the very peer of this master; a path in /dev/pts could have been swapped meanwhile.
        let slave = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        if let Some((ws_row, ws_col)) = self.size {
            tcsetwinsize(&master, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 })?;
        }
        if let Some(path) = self.bind {
            bind_terminal(self.root, path, &slave)?;
        }
        Ok(Terminal { master, slave })
    }

    fn pretend(&self) -> io::Result<Terminal> {
        Ok(Terminal { master: pretended()?, slave: pretended()? })
    }

    fn command(&self) -> Equivalent {
        Equivalent::None(
            "no command opens a pseudo-terminal and hands its master end on; script(1) keeps it for itself",
        )
    }
}

fn bind_terminal(root: Root<'_>, path: &Path, slave: &OwnedFd) -> io::Result<()> {
    let point = inside::mount_point(root.fd, path, Kind::File, Links::Refuse)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(slave, "", flags)?;
    let by_descriptor = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(tree.as_fd(), "", point.as_fd(), "", by_descriptor)?)
}

/// Makes a terminal this session's controlling terminal and standard input, output and error, owned by the user.
pub struct UseTerminal<'a> {
    /// The programs' end.
    pub slave: BorrowedFd<'a>,
    /// Who will use it: uid.
    pub owner: u32,
}

impl fmt::Display for UseTerminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("make the console the controlling terminal")
    }
}

impl Operation for UseTerminal<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        ioctl_tiocsctty(self.slave)?;
        fchown(self.slave, Some(Uid::from_raw(self.owner)), None::<Gid>)?;
        dup2_stdin(self.slave)?;
        dup2_stdout(self.slave)?;
        Ok(dup2_stderr(self.slave)?)
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        Equivalent::approximate("setsid --ctty sh < /dev/console > /dev/console 2>&1")
    }
}

//! The control socket of a running container: its shim listens, and any process of the same user may come, hear what the
//! container writes, type into it, and wait for its end. See unix(7).

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
};

use rustix::{
    fs::{CWD, Mode, OFlags, openat},
    io::Errno,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect as connect_to,
        listen as listen_at, socket_with,
    },
};

use crate::{namespaces::ContainerId, paths::Paths, stream::Stream};

/// So many may knock at once.
const BACKLOG: i32 = 16;

/// Makes the socket of a container, for its shim.
pub(crate) fn listen(paths: &Paths, id: &ContainerId) -> io::Result<OwnedFd> {
    let socket = socket()?;
    let (_directory, path) = short(paths, id)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen_at(&socket, BACKLOG)?;
    Ok(socket)
}

/// Whoever knocks next; `None` if nobody does.
pub(crate) fn accept(listener: &OwnedFd) -> Option<Stream> {
    accept_with(listener, SocketFlags::CLOEXEC).ok().map(Stream::of)
}

/// Goes to a container's shim; `None` if there is none.
pub(crate) fn connect(paths: &Paths, id: &ContainerId) -> io::Result<Option<Stream>> {
    let socket = socket()?;
    let connected =
        short(paths, id).and_then(|(_directory, path)| Ok(connect_to(&socket, &SocketAddrUnix::new(path)?)?));
    match connected {
        Ok(()) => Ok(Some(Stream::of(socket))),
        Err(error) if [Errno::NOENT, Errno::CONNREFUSED].iter().any(|none| is(&error, *none)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

fn socket() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// A path to it that is short whatever the run root is: an address has room for 107 bytes.
fn short(paths: &Paths, id: &ContainerId) -> io::Result<(OwnedFd, PathBuf)> {
    let control = paths.control(id);
    let (Some(directory), Some(name)) = (control.parent(), control.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let directory = openat(CWD, directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
    Ok((directory, path))
}

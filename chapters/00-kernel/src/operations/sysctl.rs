//! Settings of the kernel that belong to a namespace. See sysctl(8), proc_sys(5).

use std::{fmt, fs::File, io, io::Write, path::PathBuf};

use rustix::fs::OFlags;

use crate::{Equivalent, Links, Operation, Root, open_inside, quoted};

/// Writes one setting, through the container's own /proc, so that it is the container's namespaces that change.
pub struct WriteSysctl<'a> {
    /// The container's root, with /proc mounted.
    pub root: Root<'a>,
    /// With dots: `net.ipv4.ip_unprivileged_port_start`.
    pub key: &'a str,
    /// As the kernel takes it.
    pub value: &'a str,
}

impl WriteSysctl<'_> {
    fn path(&self) -> PathBuf {
        PathBuf::from("/proc/sys").join(self.key.replace('.', "/"))
    }
}

impl fmt::Display for WriteSysctl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "set {} to {}", self.key, self.value)
    }
}

impl Operation for WriteSysctl<'_> {
    type Output = ();

    fn run(&self) -> io::Result<()> {
        // One write call: the kernel takes a value whole.
        let file = open_inside(self.root.fd, &self.path(), OFlags::WRONLY, Links::Refuse)?;
        File::from(file).write_all(self.value.as_bytes())
    }

    fn pretend(&self) -> io::Result<()> {
        Ok(())
    }

    fn command(&self) -> Equivalent {
        let path = self.root.said(&self.path());
        Equivalent::exact(format!("printf %s {} > {}", quoted(self.value), quoted(&path.to_string_lossy())))
    }
}

//! The cgroups that the container's process is in from its first moment: a part makes them, the spine puts the process
//! in. What it allocates and forks before exec counts already. See cgroups(7).

use std::{
    fs::{File, OpenOptions},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use conex_kernel::{Error, Kernel, Result, operations::JoinCgroup};

/// Where the process shall be; none of it is made here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupPlan {
    /// The part that asked for it.
    pub part: &'static str,
    /// A v2 cgroup, which the process is born in.
    pub born_in: Option<PathBuf>,
    /// v1 cgroups, which the process joins itself: the kernel makes everybody else wait for 7 to 15 ms.
    pub joined: Vec<PathBuf>,
}

/// The cgroups, opened on the host's side: the child can't see them.
#[derive(Default)]
pub(crate) struct Cgroups<'a> {
    part: &'static str,
    born_in: Option<(OwnedFd, &'a Path)>,
    /// Each with its `tasks`.
    joined: Vec<(OwnedFd, PathBuf)>,
}

impl<'a> Cgroups<'a> {
    /// Opens all that a plan names.
    pub(crate) fn open(kernel: &Kernel, plan: Option<&'a CgroupPlan>) -> Result<Self> {
        let Some(plan) = plan else { return Ok(Self::default()) };
        let open = |options: &mut OpenOptions, path: &Path| {
            // In a dry run nothing was made, and nothing will be written.
            let opened = if kernel.is_dry() { File::open("/dev/null") } else { options.open(path) };
            opened.map(OwnedFd::from).map_err(|error| Error::new(plan.part, format!("open {}", path.display()), &error))
        };
        let directory = |path: &'a Path| Ok((open(OpenOptions::new().read(true), path)?, path));
        let tasks = |path: PathBuf| Ok((open(OpenOptions::new().write(true), &path)?, path));
        let born_in = plan.born_in.as_deref().map(directory).transpose()?;
        let joined = plan.joined.iter().map(|path| tasks(path.join("tasks"))).collect::<Result<_>>()?;
        Ok(Self { part: plan.part, born_in, joined })
    }

    /// For the clone.
    pub(crate) fn birthplace(&self) -> Option<(BorrowedFd<'_>, &'a Path)> {
        self.born_in.as_ref().map(|(directory, path)| (directory.as_fd(), *path))
    }

    /// Moves this process into the v1 ones.
    pub(crate) fn join(&self, kernel: &Kernel) -> Result<()> {
        let join =
            |(tasks, path): &(OwnedFd, PathBuf)| kernel.perform(self.part, JoinCgroup { tasks: tasks.as_fd(), path });
        self.joined.iter().try_for_each(join)
    }
}

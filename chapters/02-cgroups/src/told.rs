//! What a container's cgroups tell: who is in them, and what was used. See cgroups(7).

use std::path::PathBuf;

use conex_namespaces::ContainerId;

use crate::{Cgroup, Usage, group::Group, kill, usage};

impl Cgroup {
    /// What its processes have used so far.
    pub fn usage(&self, id: &ContainerId) -> Usage {
        let mut usage = Usage::default();
        self.groups(id).iter().for_each(|group| usage::add(&mut usage, &group.directory, group.tree.version));
        usage
    }

    /// Whether the kernel has killed a process of it because memory was short. One file, unlike [`Self::usage`].
    pub fn is_out_of_memory(&self, id: &ContainerId) -> bool {
        let counts = |group: &Group<'_>| usage::oom_kills(&group.directory, group.tree.version);
        self.groups(id).iter().filter(|group| group.tree.has("memory")).filter_map(counts).any(|kills| kills > 0)
    }

    /// Its directories, one of each tree that it takes.
    pub fn directories(&self, id: &ContainerId) -> Vec<PathBuf> {
        self.groups(id).into_iter().map(|group| group.directory).collect()
    }

    /// Its processes, by our count.
    pub fn processes(&self, id: &ContainerId) -> Vec<i32> {
        self.handle(id).map(|group| kill::members(&group.directory)).unwrap_or_default()
    }
}

//! The part: a container's cgroups in all trees that it needs, made before its process is born and removed after.

use std::{
    fs,
    path::{Component, Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use conex_kernel::{
    Error, Kernel, Result,
    operations::{AttachDeviceProgram, SetCgroup},
};
use conex_namespaces::{CgroupPlan, ContainerId, Facts, Host, Part, Plan};

use crate::{
    DeviceRule, Limits, NAME, Tree, Version, World, devices,
    group::{self, Group},
    kill, program,
    setting::Setting,
};

/// What a container may use.
#[derive(Clone, Debug)]
pub struct Cgroup {
    world: World,
    /// Below the tree's base; `None` if it is not known any more.
    parent: Option<PathBuf>,
    limits: Limits,
    /// What it may open; `None` is everything.
    devices: Option<Vec<DeviceRule>>,
}

/// Where containers' cgroups lie unless somebody says otherwise.
const PARENT: &str = "conex";

/// Counted for every container, whether it is limited or not.
const COUNTED: [&str; 6] = ["cpu", "cpuacct", "io", "memory", "pids", "devices"];

/// EBUSY.
const BUSY: i32 = rustix::io::Errno::BUSY.raw_os_error();

/// How long freezing may take before it is called impossible.
const PATIENCE: Duration = Duration::from_secs(10);

impl Cgroup {
    /// With these limits, and docker's list of devices.
    pub fn new(world: World, limits: Limits) -> Self {
        Self { world, parent: Some(PARENT.into()), limits, devices: Some(DeviceRule::usual()) }
    }

    /// For cleaning up after a container of which nothing is known but its id.
    pub fn cleaner(world: World) -> Self {
        Self { parent: None, devices: None, ..Self::new(world, Limits::default()) }
    }

    /// With these devices; `None` is all.
    #[must_use]
    pub fn with_devices(self, devices: Option<Vec<DeviceRule>>) -> Self {
        Self { devices, ..self }
    }

    /// Below another cgroup, a path from the tree's top.
    pub fn below(self, parent: &str) -> Result<Self> {
        let path = Path::new(parent.trim_start_matches('/'));
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if path.as_os_str().is_empty() || !plain || parent.contains(['\n', '\0']) {
            return Err(Error::refused(
                NAME,
                format!("use {parent:?} as the parent cgroup"),
                "it is no path of plain names",
            )
            .with_hint("such as --cgroup-parent /workshop"));
        }
        Ok(Self { parent: Some(path.to_owned()), ..self })
    }

    /// Whether it can keep processes from devices.
    pub fn guards_devices(&self) -> bool {
        self.devices.is_some() && (self.world.with("devices").is_some() || self.world.unified().is_some())
    }

    /// Refuses what contradicts itself or this host.
    pub fn check(&self) -> Result<()> {
        self.limits.check(&self.world)
    }

    /// Puts one more process where the container's are: what a plan that joins the container needs beside it.
    pub fn adopt(&self, id: &ContainerId, plan: &mut Plan) {
        let groups = self.groups(id);
        let of = |version| groups.iter().filter(move |group| group.tree.version == version);
        let directory = |group: &Group<'_>| group.directory.clone();
        if !groups.is_empty() {
            let (born_in, joined) = (of(Version::V2).map(directory).next(), of(Version::V1).map(directory).collect());
            plan.cgroup = Some(CgroupPlan { part: NAME, born_in, joined });
        }
    }

    /// The same for the container that a process is in, which its cgroup's name tells; nothing if that is none of ours.
    pub fn adopt_beside(&self, pid: i32, plan: &mut Plan) {
        let table = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        for path in table.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
            let mut parts = Path::new(path).iter().skip_while(|part| *part == "/");
            // What is above the id, and the id: what the container made below that is its own business.
            let mut above = PathBuf::new();
            let id = parts.find_map(|part| {
                let id = ContainerId::parse(&part.to_string_lossy()).ok();
                if id.is_none() {
                    above.push(part);
                }
                id
            });
            let Some(id) = id else { continue };
            let part = Self { parent: above.file_name().map(PathBuf::from), ..self.clone() };
            let whole = Self { parent: Some(above), ..self.clone() };
            if let Some(its) = [whole, part].iter().find(|its| !its.found(&id).is_empty()) {
                return its.adopt(&id, plan);
            }
        }
    }

    /// Kills them all.
    pub fn kill(&self, kernel: &Kernel, id: &ContainerId) -> Result<()> {
        match self.handle(id).filter(|group| group.directory.is_dir()) {
            Some(group) => kill::kill(kernel, &group.directory, group.tree.version),
            None => Ok(()),
        }
    }

    /// Stops them all where they are; comes back when they have stopped.
    pub fn freeze(&self, kernel: &Kernel, id: &ContainerId) -> Result<()> {
        self.set_frozen(kernel, id, true)
    }

    /// Lets them go on.
    pub fn thaw(&self, kernel: &Kernel, id: &ContainerId) -> Result<()> {
        self.set_frozen(kernel, id, false)
    }

    fn set_frozen(&self, kernel: &Kernel, id: &ContainerId, frozen: bool) -> Result<()> {
        let word = if frozen { "freeze" } else { "thaw" };
        let none = || self.world.refusal(format!("{word} the container"));
        let group = self.handle(id).ok_or_else(none)?;
        let (file, value, asked, sign) = match (group.tree.version, frozen) {
            (Version::V1, true) => ("freezer.state", "FROZEN", "freezer.state", "FROZEN"),
            (Version::V1, false) => ("freezer.state", "THAWED", "freezer.state", "THAWED"),
            (Version::V2, true) => ("cgroup.freeze", "1", "cgroup.events", "frozen 1"),
            (Version::V2, false) => ("cgroup.freeze", "0", "cgroup.events", "frozen 0"),
        };
        kernel.perform(NAME, SetCgroup { directory: &group.directory, file, value })?;
        let deadline = Instant::now() + PATIENCE;
        let done = || fs::read_to_string(group.directory.join(asked)).is_ok_and(|text| text.contains(sign));
        while !kernel.is_dry() && !done() {
            if Instant::now() > deadline {
                return Err(Error::refused(NAME, format!("{word} the container"), "its processes don't stop"));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The cgroup that is the handle on all processes: v2's, or else the freezer's.
    pub(crate) fn handle(&self, id: &ContainerId) -> Option<Group<'_>> {
        let tree = self.world.unified().or_else(|| self.world.with("freezer")).or_else(|| self.world.trees().first());
        tree.map(|tree| self.group(tree, id))
    }

    fn group<'a>(&self, tree: &'a Tree, id: &ContainerId) -> Group<'a> {
        Group::new(tree, self.parent.as_deref().unwrap_or(Path::new(PARENT)), id.as_str())
    }

    /// The v2 cgroup, and of v1 those that count, limit or hold the container: each costs a little time.
    pub(crate) fn groups(&self, id: &ContainerId) -> Vec<Group<'_>> {
        let wanted = self.controllers(Version::V1);
        let needed = |tree: &&Tree| match tree.version {
            Version::V2 => true,
            Version::V1 => tree.controllers.iter().any(|name| wanted.contains(&name.as_str())),
        };
        self.world.trees().iter().filter(needed).map(|tree| self.group(tree, id)).collect()
    }

    /// The controllers that it takes.
    fn controllers(&self, version: Version) -> Vec<&'static str> {
        let mut controllers = COUNTED.to_vec();
        controllers.extend(self.limits.settings(version).iter().map(Setting::controller));
        if self.world.unified().is_none() {
            controllers.push("freezer");
        }
        controllers.sort_unstable();
        controllers.dedup();
        controllers
    }

    fn limit(&self, host: &Host, group: &Group<'_>) -> Result<()> {
        let kernel = &host.kernel;
        let has = |setting: &Setting| group.tree.has(setting.controller());
        let settings = self.limits.settings(group.tree.version);
        group.set(kernel, &settings.into_iter().filter(has).collect::<Vec<_>>())?;
        let Some(rules) = &self.devices else { return Ok(()) };
        if group.tree.has("devices") {
            return group.set(kernel, &devices::settings(rules));
        }
        // Whoever is root in a user namespace alone may attach no program, and needs none: no node opens in there.
        let guards = host.facts.owns_the_machine() && self.world.with("devices").is_none();
        if group.tree.version == Version::V2 && guards {
            let program = program::compile(rules);
            let attach = AttachDeviceProgram { directory: &group.directory, program: &program };
            return kernel.perform(NAME, attach);
        }
        Ok(())
    }

    /// All that bear the container's id, wherever they are.
    fn found(&self, id: &ContainerId) -> Vec<PathBuf> {
        let Some(parent) = &self.parent else {
            // From the top: a user's may lie in a cgroup that was delegated to another session of his.
            return self.world.tops().iter().flat_map(|top| find(top, id.as_str())).collect();
        };
        let named = |tree: &Tree| tree.base.join(parent).join(id.as_str());
        self.world.trees().iter().map(named).filter(|path| path.is_dir()).collect()
    }
}

/// Adds what to do about a v2 cgroup that has processes of its own and so gives no controllers on.
fn full_of_processes(error: Error, base: &Path) -> Error {
    let base = base.display();
    error.with_hint(format!(
        "{base} has processes of its own, as a container's root has; move them down first: \
         mkdir {base}/init; for pid in $(cat {base}/cgroup.procs); do echo $pid > {base}/init/cgroup.procs; done"
    ))
}

/// Cgroups of this name, at any depth.
fn find(directory: &Path, name: &str) -> Vec<PathBuf> {
    let below = group::below(directory).into_iter();
    below.flat_map(|path| if path.ends_with(name) { vec![path] } else { find(&path, name) }).collect()
}

// ANCHOR: part
impl Part for Cgroup {
    fn name(&self) -> &'static str {
        NAME
    }

    fn plan(&self, _facts: &Facts, id: &ContainerId, plan: &mut Plan) {
        self.adopt(id, plan);
    }

    fn prepare(&self, host: &Host, id: &ContainerId) -> Result<()> {
        self.check()?;
        for group in self.groups(id) {
            match group.make(&host.kernel, &self.controllers(group.tree.version)) {
                // A v2 cgroup that has processes itself, as a container's root has, gives no controllers on. Whoever asked
                // for no limit needs none.
                Err(error) if error.errno() == Some(BUSY) && self.limits == Limits::default() => {}
                Err(error) if error.errno() == Some(BUSY) => return Err(full_of_processes(error, &group.tree.base)),
                made => made?,
            }
            self.limit(host, &group)?;
        }
        Ok(())
    }

    /// Whoever is still in there ends first: with the host's process ids the container's first process does not take
    /// the others along.
    fn cleanup(&self, host: &Host, id: &ContainerId) -> Result<()> {
        let found = self.found(id);
        // All of them: where a parent is not known, somebody else may have made one of the same name.
        let with = |file: &str| found.iter().filter(|path| path.join(file).exists()).collect::<Vec<_>>();
        let (v2, v1) = (with("cgroup.kill"), with("freezer.state"));
        let first = found.first().into_iter().collect();
        let (handles, version) = match (v2.is_empty(), v1.is_empty()) {
            (false, _) => (v2, Version::V2),
            (true, false) => (v1, Version::V1),
            (true, true) => (first, Version::V1),
        };
        handles.iter().try_for_each(|directory| kill::kill(&host.kernel, directory, version))?;
        found.iter().try_for_each(|directory| group::remove(&host.kernel, directory))
    }
}
// ANCHOR_END: part

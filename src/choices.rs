//! What was asked for: `container.json`. Choices only, never facts, and no handles: any process can read it at any time
//! and knows the whole container.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    cgroups::{DeviceRule, Limits},
    driver::Driver,
    environment::PATH,
    failure::{Failure, Result},
    files,
    log::Log,
    namespaces::ContainerId,
    paths::Paths,
    state::now_unix_ms,
};

/// One container, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Unique among containers.
    pub name: String,
    /// Milliseconds since 1970.
    pub created_unix_ms: u64,
    /// The image that its layers come from, as the user called it.
    pub image: Option<String>,
    /// The image's id: its name may be another's by now.
    pub image_id: Option<String>,
    /// A directory of the host that is the root itself; without one, the root is made of layers.
    pub rootfs: Option<PathBuf>,
    /// Directories of the host, the lowest first; what the container writes goes into one of its own.
    pub layers: Vec<PathBuf>,
    /// How a root is made of layers.
    #[serde(default)]
    pub driver: Driver,
    /// Whether the root can't be written.
    pub read_only: bool,
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// How many of them, from the first, are its entry point.
    #[serde(default)]
    pub entrypoint_words: usize,
    /// `KEY=value`, in docker's order, without HOME.
    pub environment: Vec<String>,
    /// Absolute.
    pub directory: PathBuf,
    /// `USER[:GROUP]`.
    pub user: String,
    /// More groups, by name or number.
    pub groups: Vec<String>,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// Whether its standard input is open.
    pub stdin: bool,
    /// Whether pid 1 is an init of ours.
    pub init: bool,
    /// Its host name; with the host's UTS namespace, none of its own.
    pub hostname: Option<String>,
    /// Its NIS domain name.
    pub domainname: Option<String>,
    /// Its network.
    pub network: Network,
    /// Its process ids.
    pub pid: Shared,
    /// Its System V IPC, message queues and shared memory.
    pub ipc: Shared,
    /// Whether it has the host's UTS namespace.
    pub host_uts: bool,
    /// Temporary file systems.
    pub tmpfs: Vec<Tmpfs>,
    /// Size of /dev/shm.
    pub shm_bytes: u64,
    /// Capabilities beyond the usual, by name without CAP_; ALL is every one.
    pub cap_add: Vec<String>,
    /// Capabilities less than the usual.
    pub cap_drop: Vec<String>,
    /// Whether nothing is hidden from it and no right withheld.
    pub privileged: bool,
    /// Whether exec gives no more privileges than the process has.
    pub no_new_privileges: bool,
    /// Resource limits of each process.
    pub ulimits: Vec<Ulimit>,
    /// Limits of all its processes together.
    #[serde(default)]
    pub limits: Limits,
    /// How gladly the kernel kills it when memory is short.
    #[serde(default)]
    pub oom_score_adj: Option<i32>,
    /// Devices of the host that it has.
    #[serde(default)]
    pub devices: Vec<Device>,
    /// What it may do with devices beyond the usual.
    #[serde(default)]
    pub device_rules: Vec<DeviceRule>,
    /// The cgroup that its own lies in, if not the usual one.
    #[serde(default)]
    pub cgroup_parent: Option<String>,
    /// Whether it sees the host's cgroups.
    #[serde(default)]
    pub host_cgroups: bool,
    /// Settings of its own namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// The signal that asks it to stop, if not SIGTERM.
    pub stop_signal: Option<String>,
    /// How long it has to stop, in seconds; `None` for ten, less than 0 for ever.
    #[serde(default)]
    pub stop_timeout_secs: Option<i64>,
    /// Its log.
    #[serde(default)]
    pub log: Log,
    /// Data of the user's.
    pub labels: BTreeMap<String, String>,
    /// Data for other tools.
    pub annotations: BTreeMap<String, String>,
    /// Whether it is removed once it has ended.
    pub remove: bool,
}

/// Which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Its own, with the loopback link alone.
    None,
    /// The host's.
    Host,
}

/// A namespace that can be shared; written as docker writes it: `private`, `host`, `container:ID`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Shared {
    /// Its own.
    Private,
    /// The host's.
    Host,
    /// Another container's.
    Container(ContainerId),
}

impl TryFrom<String> for Shared {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self> {
        match text.as_str() {
            "private" => Ok(Self::Private),
            "host" => Ok(Self::Host),
            other => Ok(Self::Container(ContainerId::parse(other.trim_start_matches("container:"))?)),
        }
    }
}

impl From<Shared> for String {
    fn from(shared: Shared) -> Self {
        shared.to_string()
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("private"),
            Self::Host => f.write_str("host"),
            Self::Container(id) => write!(f, "container:{id}"),
        }
    }
}

/// A temporary file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// Where.
    pub target: PathBuf,
    /// As mount(8) takes them after `-o`.
    pub options: Vec<String>,
}

/// A resource limit; `None` is unlimited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// `nofile` and the like.
    pub name: String,
    /// Enforced.
    pub soft: Option<u64>,
    /// How far the soft one can be raised.
    pub hard: Option<u64>,
}

/// A device of the host in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The host's node.
    pub path: PathBuf,
    /// Where the container has it.
    pub target: PathBuf,
    /// What may be done with it.
    pub rule: DeviceRule,
}

/// Docker's size of /dev/shm.
pub(crate) const SHM_BYTES: u64 = 64 << 20;

impl Choices {
    /// A new container of this root that runs this command, with nothing else asked for: its own namespaces, no network.
    pub fn of_root(rootfs: PathBuf, arguments: Vec<String>) -> Result<Self> {
        Ok(Self { rootfs: Some(rootfs), ..Self::of_layers(Vec::new(), arguments)? })
    }

    /// The same on a root of layers.
    pub fn of_layers(layers: Vec<PathBuf>, arguments: Vec<String>) -> Result<Self> {
        let id = ContainerId::random()?;
        let hostname = id.short().to_owned();
        Ok(Self {
            name: String::new(),
            created_unix_ms: now_unix_ms(),
            image: None,
            image_id: None,
            rootfs: None,
            layers,
            driver: Driver::default(),
            read_only: false,
            arguments,
            entrypoint_words: 0,
            environment: vec![PATH.to_owned(), format!("HOSTNAME={hostname}")],
            directory: "/".into(),
            user: "0".to_owned(),
            groups: Vec::new(),
            terminal: false,
            stdin: false,
            init: false,
            hostname: Some(hostname),
            domainname: None,
            network: Network::None,
            pid: Shared::Private,
            ipc: Shared::Private,
            host_uts: false,
            tmpfs: Vec::new(),
            shm_bytes: SHM_BYTES,
            cap_add: Vec::new(),
            cap_drop: Vec::new(),
            privileged: false,
            no_new_privileges: false,
            ulimits: Vec::new(),
            limits: Limits::default(),
            oom_score_adj: None,
            devices: Vec::new(),
            device_rules: Vec::new(),
            cgroup_parent: None,
            host_cgroups: false,
            sysctls: BTreeMap::new(),
            stop_signal: None,
            stop_timeout_secs: None,
            log: Log::default(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            remove: false,
            id: id.as_str().to_owned(),
        })
    }

    /// Its id, proved.
    pub fn id(&self) -> Result<ContainerId> {
        Ok(ContainerId::parse(&self.id)?)
    }

    /// The choices of a container; an error if there are none or they can't be read.
    pub(crate) fn read(paths: &Paths, id: &ContainerId) -> Result<Self> {
        files::read_json(&paths.choices(id))?
            .ok_or_else(|| Failure::new(format!("there is no container {}", id.short())))
    }

    pub(crate) fn write(&self, paths: &Paths, id: &ContainerId) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| Failure::new(format!("write choices: {error}")))?;
        files::write(&paths.choices(id), &bytes, 0o600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_namespace_is_written_as_docker_writes_it() {
        let id = "ab".repeat(32);
        for text in ["private", "host", &format!("container:{id}")] {
            let shared = Shared::try_from(text.to_owned()).expect("known");
            assert_eq!(String::from(shared), text);
        }
        assert!(Shared::try_from("container:../x".to_owned()).is_err());
    }
}

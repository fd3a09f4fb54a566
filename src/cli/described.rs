//! All that is known of a container, in docker's keys and forms, as scripts ask for it. What conex has not is there with
//! the value that says so. See moby's api/types/container.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ps::network, room::Room};
use crate::{
    Choices, Engine, LogDriver, Result, Shared, State, Status,
    cgroups::{Limits, Swap},
    environment::is_own_variable,
    namespaces::ContainerId,
};

/// A container, with its sizes if they are wanted.
pub(super) fn container(engine: &Engine, id: &ContainerId, sizes: bool) -> Result<Value> {
    let paths = engine.paths();
    let (choices, state) = (Choices::read(paths, id)?, State::read(paths, id)?);
    let (path, arguments) = choices.arguments.split_first().map_or(("", &[][..]), |(path, rest)| (path, rest));
    let name = engine.name(id).map_or_else(String::new, |name| name.as_str().to_owned());
    let logs = choices.log.driver != LogDriver::None;
    let mut described = json!({
        "Id": id.as_str(),
        "Created": time(Some(choices.created_unix_ms)),
        "Path": path,
        "Args": arguments,
        "State": of_state(&state),
        "Image": choices.image_id.clone().unwrap_or_default(),
        "ResolvConfPath": paths.generated(id, "resolv.conf"),
        "HostnamePath": paths.generated(id, "hostname"),
        "HostsPath": paths.generated(id, "hosts"),
        "LogPath": if logs { paths.log(id) } else { PathBuf::new() },
        "Name": format!("/{}", name),
        "RestartCount": 0,
        "Driver": choices.driver.name(),
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": Value::Null,
        "HostConfig": of_host(&choices),
        "GraphDriver": {"Name": choices.driver.name(), "Data": {
            "LowerDir": choices.layers.iter().rev().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":"),
            "UpperDir": paths.upper(id),
            "WorkDir": paths.work(id),
        }},
        "Mounts": [],
        "Config": of_config(&choices),
        "NetworkSettings": of_network(&choices),
    });
    if sizes && let Some(fields) = described.as_object_mut() {
        let room = Room::of(paths, &choices)?;
        let sizes = [("SizeRw", room.own_bytes), ("SizeRootFs", room.whole_bytes)];
        fields.extend(sizes.map(|(key, bytes)| (key.to_owned(), bytes.into())));
    }
    Ok(described)
}

fn of_state(state: &State) -> Value {
    json!({
        "Status": state.word(),
        "Running": state.status == Status::Running,
        "Paused": state.paused,
        "Restarting": false,
        "OOMKilled": state.oom_killed,
        "Dead": false,
        "Pid": state.process.as_ref().map_or(0, |process| process.pid),
        "ExitCode": state.exit_code.unwrap_or_default(),
        "Error": state.error.clone().unwrap_or_default(),
        "StartedAt": time(state.started_unix_ms),
        "FinishedAt": time(state.finished_unix_ms),
    })
}

fn of_config(choices: &Choices) -> Value {
    let some = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    let (entrypoint, command) = choices.arguments.split_at(choices.entrypoint_words.min(choices.arguments.len()));
    json!({
        "Hostname": choices.hostname.clone().unwrap_or_default(),
        "Domainname": choices.domainname.clone().unwrap_or_default(),
        "User": if choices.user == "0" { "" } else { &choices.user },
        "AttachStdin": choices.stdin,
        "AttachStdout": true,
        "AttachStderr": true,
        "Tty": choices.terminal,
        "OpenStdin": choices.stdin,
        "StdinOnce": choices.stdin,
        "Env": choices.environment.iter().filter(|entry| !is_own_variable(entry)).collect::<Vec<_>>(),
        "Cmd": some(command),
        "Image": choices.image.clone().unwrap_or_default(),
        "Volumes": Value::Null,
        "WorkingDir": if choices.directory == Path::new("/") { Path::new("") } else { &choices.directory },
        "Entrypoint": some(entrypoint),
        "OnBuild": Value::Null,
        "Labels": choices.labels,
        "StopSignal": choices.stop_signal.clone().unwrap_or_default(),
        "StopTimeout": choices.stop_timeout_secs,
    })
}

fn of_host(choices: &Choices) -> Value {
    let limits = of_limits(&choices.limits);
    let mut described = json!({
        "Binds": Value::Null,
        "ContainerIDFile": "",
        "LogConfig": {
            "Type": choices.log.driver.name(),
            "Config": {"max-file": choices.log.max_files.to_string(), "max-size": choices.log.max_bytes.to_string()},
        },
        "NetworkMode": network(choices),
        "PortBindings": {},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": choices.remove,
        "CapAdd": choices.cap_add,
        "CapDrop": choices.cap_drop,
        "GroupAdd": choices.groups,
        "IpcMode": choices.ipc.to_string(),
        "PidMode": if choices.pid == Shared::Private { String::new() } else { choices.pid.to_string() },
        "UTSMode": if choices.host_uts { "host" } else { "" },
        "CgroupnsMode": if choices.host_cgroups { "host" } else { "private" },
        "CgroupParent": choices.cgroup_parent.clone().unwrap_or_default(),
        "OomScoreAdj": choices.oom_score_adj.unwrap_or(0),
        "Privileged": choices.privileged,
        "ReadonlyRootfs": choices.read_only,
        "SecurityOpt": choices.no_new_privileges.then(|| vec!["no-new-privileges"]),
        "ShmSize": choices.shm_bytes,
        "Sysctls": choices.sysctls,
        "Tmpfs": choices.tmpfs.iter().map(|it| (it.target.display().to_string(), it.options.join(",").into()))
            .collect::<serde_json::Map<_, _>>(),
        "Ulimits": choices.ulimits.iter().map(|it| {
            let number = |limit: Option<u64>| limit.map_or(-1, u64::cast_signed);
            json!({"Name": it.name, "Soft": number(it.soft), "Hard": number(it.hard)})
        }).collect::<Vec<_>>(),
        "Devices": choices.devices.iter().map(|it| {
            json!({"PathOnHost": it.path, "PathInContainer": it.target, "CgroupPermissions": it.rule.to_string().rsplit(' ').next()})
        }).collect::<Vec<_>>(),
        "Init": choices.init,
        "Annotations": choices.annotations,
    });
    if let (Some(fields), Value::Object(limits)) = (described.as_object_mut(), limits) {
        fields.extend(limits);
    }
    described
}

fn of_limits(limits: &Limits) -> Value {
    let swap = match limits.memory_swap {
        None => limits.memory_bytes.map_or(0, |bytes| bytes.saturating_mul(2).cast_signed()),
        Some(Swap::Unlimited) => -1,
        Some(Swap::Bytes(bytes)) => bytes.cast_signed(),
    };
    json!({
        "Memory": limits.memory_bytes.unwrap_or(0),
        "MemorySwap": swap,
        "MemoryReservation": limits.memory_reservation_bytes.unwrap_or(0),
        "MemorySwappiness": limits.memory_swappiness,
        "OomKillDisable": limits.oom_kill_disable,
        "NanoCpus": nano_cpus(limits),
        "CpuPeriod": limits.cpu_period_us.unwrap_or(0),
        "CpuQuota": limits.cpu_quota_us.unwrap_or(0),
        "CpuShares": limits.cpu_shares.unwrap_or(0),
        "CpusetCpus": limits.cpuset_cpus.clone().unwrap_or_default(),
        "CpusetMems": limits.cpuset_mems.clone().unwrap_or_default(),
        "BlkioWeight": limits.blkio_weight.unwrap_or(0),
        "PidsLimit": limits.pids,
    })
}

/// What `--cpus` became: a quota of the usual period.
fn nano_cpus(limits: &Limits) -> u64 {
    match (limits.cpu_period_us, limits.cpu_quota_us) {
        (None, Some(quota)) => quota.saturating_mul(10_000),
        _ => 0,
    }
}

fn of_network(choices: &Choices) -> Value {
    let none = json!({"IPAddress": "", "Gateway": "", "MacAddress": "", "IPPrefixLen": 0, "Aliases": Value::Null});
    json!({
        "Ports": {},
        "IPAddress": "",
        "IPPrefixLen": 0,
        "Gateway": "",
        "MacAddress": "",
        "Networks": {network(choices): none},
    })
}

/// As Go writes it; never is the year 1.
fn time(unix_ms: Option<u64>) -> String {
    let then = unix_ms.and_then(|ms| i64::try_from(ms).ok()).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    then.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |then| then.to_string())
}

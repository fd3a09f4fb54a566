//! Docker's flags for limits and devices, and what they mean: the floor's units.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use clap::{ArgAction, Args};
use rustix::fs::{major, minor};

use super::request::bytes;
use crate::{
    Device, Failure, Result,
    cgroups::{DeviceKind, DeviceRule, Limits, Swap, Throttle, ThrottleKind, quota_us},
};

/// Limits of all processes of a container together, and devices.
#[derive(Args, Debug, Default)]
pub(super) struct LimitFlags {
    /// Memory: bytes, or with k, m or g
    #[arg(short, long, value_name = "BYTES", allow_hyphen_values = true)]
    memory: Option<String>,
    /// Memory and swap together; -1 is as much swap as there is
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    memory_swap: Option<String>,
    /// What is left to it when memory is short
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    memory_reservation: Option<String>,
    /// How gladly its memory goes to swap: 0 to 100 (cgroup v1)
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true)]
    memory_swappiness: Option<i64>,
    /// Wait at the memory limit instead of losing a process (cgroup v1)
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false",
          action = ArgAction::Set, hide_default_value = true, value_parser = super::run_flags::switch, value_name = "BOOL")]
    oom_kill_disable: bool,
    /// How gladly the kernel kills it when the host is short of memory: -1000 to 1000
    #[arg(long, value_name = "SCORE", allow_hyphen_values = true)]
    pub(super) oom_score_adj: Option<i32>,
    /// Processors: 1.5 is one and a half
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    cpus: Option<String>,
    /// Its part when processors are short; 1024 is the usual
    #[arg(short = 'c', long, value_name = "SHARES", allow_hyphen_values = true)]
    cpu_shares: Option<i64>,
    /// The period of the quota, in microseconds
    #[arg(long, value_name = "US", allow_hyphen_values = true)]
    cpu_period: Option<i64>,
    /// Processor time in each period, in microseconds
    #[arg(long, value_name = "US", allow_hyphen_values = true)]
    cpu_quota: Option<i64>,
    /// Processors that it may use: 0-3,7
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    cpuset_cpus: Option<String>,
    /// Memory banks that it may use
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    cpuset_mems: Option<String>,
    /// Processes and threads; -1 is no limit
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pids_limit: Option<i64>,
    /// Its part of block devices: 10 to 1000
    #[arg(long, value_name = "WEIGHT", allow_hyphen_values = true)]
    blkio_weight: Option<u16>,
    /// Bytes that it may read from a device in a second: PATH:BYTES
    #[arg(long, value_name = "RATE")]
    device_read_bps: Vec<String>,
    /// Bytes that it may write to a device in a second: PATH:BYTES
    #[arg(long, value_name = "RATE")]
    device_write_bps: Vec<String>,
    /// Reads of a device in a second: PATH:NUMBER
    #[arg(long, value_name = "RATE")]
    device_read_iops: Vec<String>,
    /// Writes to a device in a second: PATH:NUMBER
    #[arg(long, value_name = "RATE")]
    device_write_iops: Vec<String>,
    /// A device of the host: PATH[:TARGET][:ACCESS], access any of r, w and m
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,
    /// What it may do with devices: "KIND MAJOR:MINOR ACCESS"
    #[arg(long, value_name = "RULE")]
    device_cgroup_rule: Vec<String>,
    /// The cgroup that its own lies in
    #[arg(long, value_name = "PATH")]
    cgroup_parent: Option<String>,
    /// private or host
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<String>,
}

impl LimitFlags {
    /// In the floor's units; what contradicts itself in them is the floor's to refuse.
    pub(super) fn limits(&self) -> Result<Limits> {
        let size = |text: &Option<String>| given(text).map(bytes).transpose();
        Ok(Limits {
            memory_bytes: size(&self.memory)?,
            memory_swap: match given(&self.memory_swap) {
                Some("-1") => Some(Swap::Unlimited),
                other => other.map(bytes).transpose()?.map(Swap::Bytes),
            },
            memory_reservation_bytes: size(&self.memory_reservation)?,
            memory_swappiness: self.memory_swappiness.filter(|percent| *percent != -1).map(percent).transpose()?,
            oom_kill_disable: self.oom_kill_disable,
            cpu_period_us: positive(self.cpu_period, "--cpu-period")?,
            cpu_quota_us: self.quota()?,
            cpu_shares: positive(self.cpu_shares, "--cpu-shares")?,
            cpuset_cpus: self.cpuset_cpus.clone().filter(|list| !list.is_empty()),
            cpuset_mems: self.cpuset_mems.clone().filter(|list| !list.is_empty()),
            pids: self.pids_limit.and_then(|count| u64::try_from(count).ok()).filter(|count| *count > 0),
            blkio_weight: self.blkio_weight.filter(|weight| *weight != 0),
            throttles: self.throttles()?,
        })
    }

    /// `--cpus` is a quota of the usual period.
    fn quota(&self) -> Result<Option<u64>> {
        let quota = positive(self.cpu_quota.filter(|quota| *quota != -1), "--cpu-quota")?;
        let Some(text) = given(&self.cpus) else { return Ok(quota) };
        if quota.is_some() || self.cpu_period.is_some() {
            return Err(Failure::new("--cpus and --cpu-quota or --cpu-period contradict each other"));
        }
        let cpus: Option<(f64, u64)> = text.parse().ok().and_then(|cpus| Some((cpus, quota_us(cpus)?)));
        let (cpus, quota) =
            cpus.ok_or_else(|| Failure::new(format!("--cpus takes a number, not {text:?}")).with_hint("--cpus 1.5"))?;
        let there = std::thread::available_parallelism().map_or(f64::MAX, |count| count.get() as f64);
        if cpus > there {
            return Err(Failure::new(format!("--cpus {text}: this host has {there} processors only")));
        }
        Ok(Some(quota).filter(|quota| *quota > 0))
    }

    fn throttles(&self) -> Result<Vec<Throttle>> {
        let lists = [
            (&self.device_read_bps, ThrottleKind::ReadBps),
            (&self.device_write_bps, ThrottleKind::WriteBps),
            (&self.device_read_iops, ThrottleKind::ReadIops),
            (&self.device_write_iops, ThrottleKind::WriteIops),
        ];
        let all = lists.into_iter().flat_map(|(list, kind)| list.iter().map(move |text| throttle(text, kind)));
        all.collect()
    }

    /// The devices that it has; of a directory, all that are in it.
    pub(super) fn devices(&self) -> Result<Vec<Device>> {
        let all = self.device.iter().map(|text| devices(text)).collect::<Result<Vec<_>>>()?;
        Ok(all.concat())
    }

    pub(super) fn device_rules(&self) -> Result<Vec<DeviceRule>> {
        Ok(self.device_cgroup_rule.iter().map(|text| DeviceRule::parse(text)).collect::<std::result::Result<_, _>>()?)
    }

    /// The flag's, or that of the environment, as tests and workshops set it.
    pub(super) fn cgroup_parent(&self) -> Option<String> {
        let parent = self.cgroup_parent.clone().or_else(|| std::env::var("CONEX_CGROUP_PARENT").ok());
        parent.filter(|parent| !parent.is_empty())
    }

    pub(super) fn host_cgroups(&self) -> Result<bool> {
        match self.cgroupns.as_deref() {
            None | Some("" | "private") => Ok(false),
            Some("host") => Ok(true),
            Some(other) => Err(Failure::new(format!("--cgroupns takes private or host, not {other:?}"))),
        }
    }

    pub(super) fn oom_score_adj(&self) -> Result<Option<i32>> {
        match self.oom_score_adj {
            Some(score) if !(-1000..=1000).contains(&score) => {
                Err(Failure::new(format!("--oom-score-adj is between -1000 and 1000, not {score}")))
            }
            score => Ok(score),
        }
    }
}

/// Scripts write `-m "$MEMORY"` with a variable that may be empty, and docker takes 0 for none.
fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty() && *text != "0")
}

fn percent(value: i64) -> Result<u8> {
    let percent = u8::try_from(value).ok().filter(|percent| *percent <= 100);
    percent.ok_or_else(|| Failure::new(format!("--memory-swappiness is between 0 and 100, not {value}")))
}

fn positive(value: Option<i64>, flag: &str) -> Result<Option<u64>> {
    let number =
        |value: i64| u64::try_from(value).map_err(|_| Failure::new(format!("{flag} takes no negative number")));
    Ok(value.map(number).transpose()?.filter(|value| *value != 0))
}

/// Kind and numbers of the device that a path leads to.
fn device_of(path: &Path) -> Result<(DeviceKind, u32, u32)> {
    let metadata = fs::metadata(path).map_err(|error| Failure::io(format!("look at {}", path.display()), &error))?;
    let kind = match metadata.file_type() {
        kind if kind.is_block_device() => DeviceKind::Block,
        kind if kind.is_char_device() => DeviceKind::Character,
        _ => return Err(Failure::new(format!("{} is no device", path.display()))),
    };
    Ok((kind, major(metadata.rdev()), minor(metadata.rdev())))
}

fn throttle(text: &str, kind: ThrottleKind) -> Result<Throttle> {
    let refuse =
        || Failure::new(format!("{text:?} is no rate of a device")).with_hint("PATH:RATE, such as /dev/sda:1m");
    let (path, rate) = text.rsplit_once(':').ok_or_else(refuse)?;
    let rate = match kind {
        ThrottleKind::ReadBps | ThrottleKind::WriteBps => bytes(rate)?,
        ThrottleKind::ReadIops | ThrottleKind::WriteIops => rate.parse().map_err(|_| refuse())?,
    };
    match device_of(Path::new(path))? {
        (DeviceKind::Block, major, minor) => Ok(Throttle { device: (major, minor), kind, rate }),
        _ => Err(Failure::new(format!("{path} is no block device"))),
    }
}

/// `PATH`, `PATH:TARGET`, `PATH:ACCESS` or `PATH:TARGET:ACCESS`.
fn devices(text: &str) -> Result<Vec<Device>> {
    let is_access = |word: &str| !word.is_empty() && word.chars().all(|letter| "rwm".contains(letter));
    let words: Vec<&str> = text.split(':').collect();
    let (path, target, access) = match words.as_slice() {
        [path] => (*path, *path, "rwm"),
        [path, access] if is_access(access) => (*path, *path, *access),
        [path, target] => (*path, *target, "rwm"),
        [path, target, access] if is_access(access) => (*path, *target, *access),
        _ => {
            return Err(Failure::new(format!("{text:?} is no device"))
                .with_hint("PATH[:TARGET][:ACCESS], such as /dev/fuse or /dev/sda:/dev/disk:r"));
        }
    };
    if !path.starts_with('/') || !target.starts_with('/') {
        return Err(Failure::new(format!("{text:?}: a device's path begins with /")));
    }
    let mut found = Vec::new();
    collect(Path::new(path), PathBuf::from(target), access, &mut found)?;
    Ok(found)
}

/// What every container has of its own in /dev.
const OWN: [&str; 7] = ["pts", "shm", "fd", "mqueue", "console", "ptmx", "tty"];

fn collect(path: &Path, target: PathBuf, access: &str, found: &mut Vec<Device>) -> Result<()> {
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(|error| Failure::io(format!("list {}", path.display()), &error))?;
        for entry in entries.flatten() {
            let is_device = |kind: fs::FileType| kind.is_char_device() || kind.is_block_device() || kind.is_dir();
            let is_own = OWN.iter().any(|name| entry.file_name() == *name);
            if entry.file_type().is_ok_and(is_device) && !is_own {
                collect(&entry.path(), target.join(entry.file_name()), access, found)?;
            }
        }
        return Ok(());
    }
    let (kind, major, minor) = device_of(path)?;
    let any = DeviceRule { kind, major: Some(major), minor: Some(minor), read: false, write: false, mknod: false };
    let rule = any.with_access(access).ok_or_else(|| Failure::new(format!("{access:?} is no access")))?;
    found.push(Device { path: path.to_owned(), target, rule });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_may_have_a_target_and_an_access() {
        let told = |text| devices(text).map(|all| (all[0].target.display().to_string(), all[0].rule.to_string()));
        assert_eq!(told("/dev/null").expect("a device"), ("/dev/null".into(), "c 1:3 rwm".into()));
        assert_eq!(told("/dev/null:r").expect("a device"), ("/dev/null".into(), "c 1:3 r".into()));
        assert_eq!(told("/dev/null:/dev/x").expect("a device"), ("/dev/x".into(), "c 1:3 rwm".into()));
        assert_eq!(told("/dev/null:/dev/x:rw").expect("a device"), ("/dev/x".into(), "c 1:3 rw".into()));
        for bad in ["", "null", "/dev/none", "/etc/passwd", "/dev/null:x:y", "/dev/null:/dev/x:rx"] {
            assert!(told(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn processors_are_a_quota() {
        let quota = |cpus: &str| LimitFlags { cpus: Some(cpus.into()), ..LimitFlags::default() }.quota();
        assert_eq!(quota("1.5").expect("a quota"), Some(150_000));
        assert_eq!(quota("0").expect("none"), None);
        for bad in ["-1", "x", "inf", "nan"] {
            assert!(quota(bad).is_err(), "{bad}");
        }
    }
}

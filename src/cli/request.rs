//! What the flags of `run` mean together: parsed once, here, into choices.

use std::{collections::BTreeMap, path::PathBuf};

use conex_image::config::Execution;

use super::{env_file, log_flags, run_flags::RunFlags};
use crate::{
    Choices, Engine, Failure, Network, Result, Shared, Signal, Tmpfs, Ulimit, environment::PATH,
    namespaces::ContainerId,
};

/// The choices that `flags`, what the image says, and the words after it make of those with a root alone.
pub(super) fn choices(
    flags: &RunFlags,
    plain: Choices,
    config: &Execution,
    words: &[String],
    engine: &Engine,
) -> Result<Choices> {
    let id = plain.id()?;
    let switches = &flags.switches;
    let network = network(flags.network.as_deref())?;
    let host_uts = host_uts(flags)?;
    let hostname = hostname(flags, network, host_uts, &id)?;
    let (arguments, entrypoint_words) = arguments(flags, config, words)?;
    Ok(Choices {
        read_only: switches.read_only,
        arguments,
        entrypoint_words,
        environment: environment(flags, config, hostname.as_deref())?,
        directory: given(flags.workdir.clone(), |path| path.as_os_str().is_empty())
            .or(given(Some(PathBuf::from(&config.working_dir)), |path| path.as_os_str().is_empty()))
            .unwrap_or(plain.directory),
        user: given(flags.user.clone(), String::is_empty)
            .or(given(Some(config.user.clone()), String::is_empty))
            .unwrap_or(plain.user),
        groups: flags.group_add.clone(),
        terminal: switches.tty,
        stdin: switches.interactive,
        init: switches.init,
        hostname,
        domainname: flags.domainname.clone(),
        network,
        pid: shared(flags.pid.as_deref(), "pid", engine)?,
        ipc: shared(flags.ipc.as_deref(), "ipc", engine)?,
        host_uts,
        tmpfs: flags.tmpfs.iter().map(|text| tmpfs(text)).collect::<Result<_>>()?,
        shm_bytes: flags.shm_size.as_deref().filter(|size| *size != "0").map_or(Ok(plain.shm_bytes), bytes)?,
        cap_add: flags.cap_add.clone(),
        cap_drop: flags.cap_drop.clone(),
        privileged: switches.privileged,
        no_new_privileges: no_new_privileges(&flags.security_opt)?,
        limits: flags.limits.limits()?,
        oom_score_adj: flags.limits.oom_score_adj()?,
        devices: flags.limits.devices()?,
        device_rules: flags.limits.device_rules()?,
        cgroup_parent: flags.limits.cgroup_parent(),
        host_cgroups: flags.limits.host_cgroups()?,
        ulimits: flags.ulimit.iter().map(|text| ulimit(text)).collect::<Result<_>>()?,
        sysctls: pairs(&flags.sysctl, "sysctl")?,
        log: log_flags::log(flags)?,
        stop_timeout_secs: flags.stop_timeout,
        stop_signal: flags.stop_signal.as_deref().map(signal).transpose()?.or_else(|| config.stop_signal.clone()),
        labels: labels(flags, config)?,
        annotations: pairs(&flags.annotation, "annotation")?,
        remove: switches.rm,
        ..plain
    })
}

/// Scripts write `-u "$USER"` with a variable that may be empty: an empty value is none.
fn given<T>(value: Option<T>, is_empty: impl Fn(&T) -> bool) -> Option<T> {
    value.filter(|value| !is_empty(value))
}

fn network(text: Option<&str>) -> Result<Network> {
    match text {
        None | Some("none") => Ok(Network::None),
        Some("host") => Ok(Network::Host),
        Some(other) => {
            let hint = "--network none and --network host work today; bridges come with chapter 6";
            Err(Failure::new(format!("there is no network {other} yet")).with_hint(hint))
        }
    }
}

fn host_uts(flags: &RunFlags) -> Result<bool> {
    match flags.uts.as_deref() {
        None | Some("") => Ok(false),
        Some("host") if flags.hostname.is_some() || flags.domainname.is_some() => {
            Err(Failure::new("--hostname and --uts host contradict each other"))
        }
        Some("host") => Ok(true),
        Some(other) => Err(Failure::new(format!("--uts takes host, not {other:?}"))),
    }
}

/// Docker's: the host's with the host's network, otherwise the short id.
fn hostname(flags: &RunFlags, network: Network, host_uts: bool, id: &ContainerId) -> Result<Option<String>> {
    if host_uts {
        return Ok(None);
    }
    match &given(flags.hostname.clone(), String::is_empty) {
        Some(name) if name.contains(|c: char| c.is_whitespace() || c == '/') => {
            Err(Failure::new(format!("{name:?} can't be a host name")))
        }
        Some(name) => Ok(Some(name.clone())),
        None if network == Network::Host => Ok(Some(rustix::system::uname().nodename().to_string_lossy().into_owned())),
        None => Ok(Some(id.short().to_owned())),
    }
}

/// The entry point and the command in one, and how many words the entry point has. One of the user's takes the image's
/// command away; an empty one takes only the image's entry point away.
fn arguments(flags: &RunFlags, config: &Execution, words: &[String]) -> Result<(Vec<String>, usize)> {
    let (entrypoint, command): (&[String], &[String]) = match flags.entrypoint.as_deref() {
        None => (config.entrypoint.as_deref().unwrap_or_default(), config.cmd.as_deref().unwrap_or_default()),
        Some("") => (&[], &[]),
        Some(program) => (&[program.to_owned()], &[]),
    };
    let command = if words.is_empty() { command } else { words };
    let arguments = [entrypoint, command].concat();
    if arguments.is_empty() {
        return Err(Failure::new("there is no command to run").with_hint("say it after the image or directory"));
    }
    Ok((arguments, entrypoint.len()))
}

/// In docker's order: PATH, HOSTNAME, TERM with a terminal, the image's, the user's; each key once, in its first place.
fn environment(flags: &RunFlags, config: &Execution, hostname: Option<&str>) -> Result<Vec<String>> {
    let caller = |key: &str| std::env::var(key).ok();
    let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut all = vec![PATH.to_owned(), format!("HOSTNAME={}", hostname.map_or_else(host, str::to_owned))];
    if flags.switches.tty {
        all.push("TERM=xterm".to_owned());
    }
    let mut add = |entry: String| {
        let key = |entry: &str| entry.split('=').next().map(str::to_owned);
        match all.iter_mut().find(|known| key(known) == key(&entry)) {
            Some(known) => *known = entry,
            None => all.push(entry),
        }
    };
    config.env.iter().cloned().for_each(&mut add);
    for path in &flags.env_file {
        env_file::read(path, caller)?.into_iter().for_each(&mut add);
    }
    for entry in &flags.env {
        match entry.split_once('=') {
            Some(("", _)) => return Err(Failure::new("a variable of --env has no name").with_hint("--env KEY=value")),
            Some(_) => add(entry.clone()),
            None if entry.is_empty() => {
                return Err(Failure::new("a variable of --env has no name").with_hint("--env KEY=value"));
            }
            None => caller(entry).into_iter().for_each(|value| add(format!("{entry}={value}"))),
        }
    }
    Ok(all)
}

fn shared(text: Option<&str>, flag: &str, engine: &Engine) -> Result<Shared> {
    match text {
        None | Some("" | "private") => Ok(Shared::Private),
        Some("host") => Ok(Shared::Host),
        Some(other) => match other.strip_prefix("container:") {
            Some(word) => Ok(Shared::Container(engine.find(word)?)),
            None => Err(Failure::new(format!("--{flag} takes host or container:NAME, not {other:?}"))),
        },
    }
}

fn tmpfs(text: &str) -> Result<Tmpfs> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    if !target.starts_with('/') || target == "/" {
        return Err(Failure::new(format!("a tmpfs needs an absolute path that is not /, not {target:?}")));
    }
    let options = options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
    Ok(Tmpfs { target: target.into(), options })
}

/// A size with docker's units: b, k, m, g, t, with or without a b behind, powers of 1024.
pub(super) fn bytes(text: &str) -> Result<u64> {
    let refuse = || Failure::new(format!("{text:?} is no size")).with_hint("a number and b, k, m or g: 64m");
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(digits);
    let shift = match unit.trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(refuse()),
    };
    let number: f64 = number.parse().map_err(|_| refuse())?;
    let bytes = number * (1_u64 << shift) as f64;
    if bytes >= 1.0 && bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(refuse()) }
}

fn ulimit(text: &str) -> Result<Ulimit> {
    let refuse = |why: &str| {
        Failure::new(format!("{text:?} is no limit: {why}"))
            .with_hint("NAME=SOFT[:HARD], -1 for no limit: nofile=1024:2048")
    };
    let (name, values) = text.split_once('=').ok_or_else(|| refuse("it has no ="))?;
    let number = |word: &str| match word {
        "-1" | "unlimited" => Ok(None),
        other => other.parse().map(Some).map_err(|_| refuse("a value is no number")),
    };
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard.is_some_and(|hard| soft.is_none_or(|soft| soft > hard)) {
        return Err(refuse("the soft one is more than the hard one"));
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

pub(super) fn pairs(entries: &[String], flag: &str) -> Result<BTreeMap<String, String>> {
    let pair = |entry: &String| match entry.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Failure::new(format!("--{flag} takes KEY=VALUE, not {entry:?}"))),
    };
    entries.iter().map(pair).collect()
}

fn labels(flags: &RunFlags, config: &Execution) -> Result<BTreeMap<String, String>> {
    let mut labels = config.labels.clone();
    let mut add = |entry: &str| {
        let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
        labels.insert(key.to_owned(), value.to_owned());
    };
    for path in &flags.label_file {
        env_file::read(path, |_| Some(String::new()))?.iter().for_each(|entry| add(entry));
    }
    flags.label.iter().for_each(|entry| add(entry));
    if labels.contains_key("") {
        return Err(Failure::new("a label has no key").with_hint("--label KEY=value"));
    }
    Ok(labels)
}

fn no_new_privileges(options: &[String]) -> Result<bool> {
    let mut on = false;
    for option in options {
        match option.replace(':', "=").as_str() {
            "no-new-privileges" | "no-new-privileges=true" => on = true,
            "no-new-privileges=false" => on = false,
            _ => {
                let hint = "--security-opt no-new-privileges works today; seccomp profiles come later";
                return Err(Failure::new(format!("there is no security option {option:?} yet")).with_hint(hint));
            }
        }
    }
    Ok(on)
}

/// As it was written, if there is such a signal.
fn signal(text: &str) -> Result<String> {
    Signal::parse(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_docker_s_units() {
        for (text, expected) in
            [("64m", 64 << 20), ("1", 1), ("1k", 1024), ("2KB", 2048), ("1.5g", 3 << 29), ("3MiB", 3 << 20)]
        {
            assert_eq!(bytes(text).expect("a size"), expected, "{text}");
        }
        for bad in ["", "m", "-1", "1x", "0", "1e99"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_a_pair() {
        let limit = ulimit("nofile=10:20").expect("a limit");
        assert_eq!((limit.name.as_str(), limit.soft, limit.hard), ("nofile", Some(10), Some(20)));
        assert_eq!(ulimit("core=-1").expect("a limit").hard, None);
        for bad in ["nofile", "nofile=", "nofile=a", "nofile=2:1", "nofile=-1:5"] {
            assert!(ulimit(bad).is_err(), "{bad}");
        }
    }
}

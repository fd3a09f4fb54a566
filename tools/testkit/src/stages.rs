//! How a test host is made, in stages of one program that starts itself again:
//!
//! `enter` unshares everything (for an ordinary user with a user namespace first), `init` is pid 1 in there and mounts
//! what a host has, `case` is the test itself, as root or as a user without rights. Init then looks for leftovers.

use std::{
    env, fs, io,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::{Child, Command, ExitCode},
    time::{Duration, Instant},
};

use nix::sched::{CloneFlags, unshare};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change},
    process::{Resource, Rlimit, getegid, geteuid, setrlimit},
};

use crate::{Case, Cgroups, Fingerprint, Needs, TestHost, host::PLACE};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Enter,
    Init,
    Case,
}

/// An id that no account of the machine has.
const USER: u32 = 4242;

impl Stage {
    pub(crate) fn of(argument: &str) -> Option<Self> {
        [Self::Enter, Self::Init, Self::Case].into_iter().find(|stage| stage.argument() == argument)
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Enter => "--testkit-enter",
            Self::Init => "--testkit-init",
            Self::Case => "--testkit-case",
        }
    }
}

/// Runs one case in a test host; why it failed, if it did.
pub(crate) fn run_in_host(case: &Case) -> Result<(), String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let mut child =
        Command::new(program).args([Stage::Enter.argument(), case.name]).spawn().map_err(|error| error.to_string())?;
    let done = wait(&mut child, case.bounds.time * slowness());
    let cgroups = Cgroups::new(cgroup_name(std::process::id(), child.id())).and_then(|cgroups| cgroups.remove());
    done.and(cgroups.map_err(|error| error.to_string()))
}

/// How many times longer a case may take here: in `cargo xtask vm` each instruction is emulated.
fn slowness() -> u32 {
    if env::var_os("CONEX_VM").is_some() { 10 } else { 1 }
}

/// Of a test host's cgroups: who runs the case, and who makes its host.
fn cgroup_name(runner: u32, maker: u32) -> String {
    format!("{CGROUP_PREFIX}{runner}-{maker}")
}

/// What the names of all test hosts' cgroups begin with.
pub(crate) const CGROUP_PREFIX: &str = "conex-test-";

fn wait(child: &mut Child, limit: Duration) -> Result<(), String> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(status.to_string()),
            Ok(None) if started.elapsed() > limit => {
                // The kernel takes everything in the host's pid namespace along with its pid 1.
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("still running after {} s", limit.as_secs()));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// One of the stages, in a process of its own.
pub(crate) fn enter(stage: Stage, case: &Case, programs: &[&str]) -> ExitCode {
    let done = match stage {
        Stage::Enter => unshare_all(case),
        Stage::Init => init(case, programs),
        Stage::Case => {
            bound(case);
            (case.run)(&TestHost::new());
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| panic!("the test host could not be made: {error}"))
}

/// Here, in the user namespace that the case runs in: the kernel counts a user's processes in each by itself. Root it holds
/// to neither; that is what the host's cgroups are for.
fn bound(case: &Case) {
    let limits = [(Resource::Nproc, case.bounds.processes), (Resource::Data, case.bounds.memory_bytes)];
    for (resource, limit) in limits.into_iter().filter(|(_, limit)| limit.is_some()) {
        setrlimit(resource, Rlimit { current: limit, maximum: limit }).expect("a limit can be lowered");
    }
}

fn unshare_all(case: &Case) -> io::Result<ExitCode> {
    let (uid, gid) = (geteuid(), getegid());
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
    flags |= CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWCGROUP;
    if !uid.is_root() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    let cgroups = if uid.is_root() { own_cgroups(case)? } else { None };
    unshare(flags)?;
    if !uid.is_root() {
        write_maps("/proc/self", 0, (uid.as_raw(), gid.as_raw()))?;
    }
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    if let Some(cgroups) = cgroups {
        cgroups.step_down()?;
        cgroups.mount()?;
    }
    let mut command = Command::new(env::current_exe()?);
    // If this process is killed, so is pid 1, and with it the whole host.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let status = command.args([Stage::Init.argument(), case.name]).status()?;
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255)))
}

/// Joined already. None where nobody may make any, as in a container: there the host has no limits to give.
fn own_cgroups(case: &Case) -> io::Result<Option<Cgroups>> {
    let runner = rustix::process::getppid().map_or(0, |pid| pid.as_raw_pid().cast_unsigned());
    let cgroups = Cgroups::new(cgroup_name(runner, std::process::id()))?;
    match cgroups.make() {
        Ok(()) => {
            cgroups.bound(&case.bounds)?;
            cgroups.join().map(|()| Some(cgroups))
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied | io::ErrorKind::ResourceBusy
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn write_maps(process: &str, inside: u32, outside: (u32, u32)) -> io::Result<()> {
    fs::write(format!("{process}/setgroups"), "deny")?;
    fs::write(format!("{process}/uid_map"), format!("{inside} {} 1", outside.0))?;
    fs::write(format!("{process}/gid_map"), format!("{inside} {} 1", outside.1))
}

/// Pid 1 of the test host.
fn init(case: &Case, programs: &[&str]) -> io::Result<ExitCode> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let program = env::current_exe()?;
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    mount("proc", "/proc", "proc", plain | MountFlags::NOEXEC, None)?;
    make_place()?;
    let owner = furnish(case, &program, programs)?;
    let places = TestHost::new();
    let roots: [&Path; 2] = [&places.root, &places.run_root];
    let before = Fingerprint::take_with_rules(&roots);
    let mut command = Command::new(Path::new(PLACE).join("bin/self"));
    command.args([Stage::Case.argument(), case.name]).env_remove("RUST_BACKTRACE").current_dir("/");
    if let Some(user) = owner {
        command.uid(user).gid(user);
    }
    let status = command.status()?;
    settle();
    let left = before.differences(&Fingerprint::take_with_rules(&roots));
    // The case may fill its roots on purpose; what it may not leave are processes, mounts, links, rules and cgroups.
    let left: Vec<String> = left.into_iter().filter(|line| !line.starts_with("+ file")).collect();
    assert!(left.is_empty(), "{} left something behind:\n{}", case.name, left.join("\n"));
    Ok(ExitCode::from(u8::from(!status.success())))
}

/// A fresh tmpfs; or, where the environment names a directory, a fresh one in that: kernels before 6.3 show no tmpfs
/// through an id map.
fn make_place() -> io::Result<()> {
    let Some(directory) = env::var_os("TESTKIT_PLACE") else {
        return Ok(mount("tmpfs", PLACE, "tmpfs", MountFlags::empty(), Some(c"mode=755"))?);
    };
    let place = Path::new(&directory).join("case");
    // There is one case at a time; what the one before it left goes.
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place)?;
    Ok(mount_bind(&place, PLACE)?)
}

/// Directories and programs; gives the uid that the case runs with, if not our own.
fn furnish(case: &Case, program: &Path, programs: &[&str]) -> io::Result<Option<u32>> {
    let place = Path::new(PLACE);
    for directory in ["bin", "root", "run", "work"] {
        fs::create_dir(place.join(directory))?;
    }
    let brought = programs.iter().map(Path::new).filter_map(|path| Some((path, path.file_name()?.to_owned())));
    for (path, name) in brought.chain([(program, "self".into())]) {
        // Bound, not copied: the build directory need not be reachable for an ordinary user, but this is.
        let target = place.join("bin").join(name);
        fs::File::create(&target)?;
        mount_bind(path, &target)?;
    }
    if case.needs == Needs::Root {
        return Ok(None);
    }
    if fs::read_to_string("/proc/self/uid_map")?.split_whitespace().last() == Some("1") {
        // An ordinary user started us: a user namespace in which uid 0 is 4242 has no rights after exec.
        unshare(CloneFlags::CLONE_NEWUSER)?;
        write_maps("/proc/self", USER, (0, 0))?;
        return Ok(None);
    }
    for directory in ["root", "run", "work"] {
        chown(place.join(directory), Some(USER), Some(USER))?;
    }
    Ok(Some(USER))
}

/// Reaps orphans until none is left, or a second has passed: what then still runs is a leftover.
fn settle() {
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        match rustix::process::wait(rustix::process::WaitOptions::NOHANG) {
            Err(_) => return,
            Ok(Some(_)) => {}
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

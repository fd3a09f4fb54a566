//! What limits do to the processes of a container, on the running kernel: in all trees that this host has, and in the
//! v1 or the v2 trees alone where it has both.

#![forbid(unsafe_code)]

#[path = "../../01-namespaces/tests/rig/mod.rs"]
mod rig;
mod worlds;

use std::{fs, path::PathBuf, process::ExitCode, time::Duration};

use conex_cgroups::{Cgroup, DeviceRule, Limits, Usage, World};
use conex_kernel::Kernel;
use conex_namespaces::{ContainerId, Exit, Host, Part, Running, Slot, spawn};
use rig::{directory, host, id, identity_plan};
use testkit::{Case, TestHost, wait_until};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_hog_dies_alone_at_its_limit", hog).with_cgroups(),
            Case::root("a_fork_bomb_stops_at_its_limit_and_is_killed_at_one_stroke", bomb).with_cgroups(),
            Case::root("a_fork_bomb_is_killed_on_a_host_of_v1_alone", bomb_on_v1).with_cgroups().unless(worlds::no_v1),
            Case::root("a_spinner_is_throttled", spinner).with_cgroups(),
            Case::root("only_the_devices_of_the_rules_open", devices).with_cgroups(),
            Case::root("only_the_devices_of_the_rules_open_by_a_program_on_v2", devices_on_v2).with_cgroups(),
            Case::root("a_frozen_container_stands_still_and_can_be_killed", frozen).with_cgroups(),
            Case::root("a_frozen_container_stands_still_on_a_host_of_v1_alone", frozen_on_v1)
                .with_cgroups()
                .unless(worlds::no_v1),
            Case::root("memory_is_counted_without_what_can_be_dropped", counted).with_cgroups(),
            Case::root("processors_and_shares_are_as_asked", processors).with_cgroups(),
            Case::root("a_cgroup_with_cgroups_in_it_is_removed_wherever_it_lies", removed).with_cgroups(),
            Case::root("what_can_t_be_is_refused_before_anything_is_made", refused).with_cgroups(),
        ],
        &[],
    )
}

fn world() -> World {
    World::probe().expect("a world")
}

/// A container that runs a script of the shell's.
struct Container<'a> {
    running: Running<'a>,
    cgroup: &'a Cgroup,
    id: &'a ContainerId,
}

impl Container<'_> {
    fn usage(&self) -> Usage {
        self.cgroup.usage(self.id)
    }
}

/// The one root of a test's containers.
fn rootfs(test: &TestHost) -> PathBuf {
    let path = test.directory("rootfs");
    if path.join("bin").exists() { path } else { test.rootfs("rootfs") }
}

/// Runs a script in a container with this part, and looks at it.
fn with<T>(test: &TestHost, cgroup: &Cgroup, script: &str, look: impl FnOnce(Container<'_>) -> T) -> T {
    let rootfs = rootfs(test);
    let host: Host = host(test, Kernel::quiet());
    let (id, root) = (id(), directory(&rootfs));
    let parts: [&dyn Part; 2] = [cgroup, &root];
    let before = test.fingerprint();
    // Root of the host, as in the engine: whoever is in a user namespace could make no device in the first place.
    let mut plan = identity_plan(&host, &["sh", "-c", script]);
    plan.namespaces.user = Slot::Host;
    let running = spawn(&host, &id, &parts, plan).and_then(|waiting| waiting.start()).expect("it runs");
    let seen = look(Container { running, cgroup, id: &id });
    fs::remove_file(rootfs.join("told")).ok();
    before.assert_same(&test.fingerprint(), "after the container");
    seen
}

fn exit(container: Container<'_>) -> Exit {
    container.running.wait().expect("it ends").exit
}

/// Method: one process asks for more than the limit, another of the same host goes on.
fn hog(test: &TestHost) {
    let cgroup = Cgroup::new(world(), Limits { memory_bytes: Some(32 << 20), ..Limits::default() });
    let script = "dd if=/dev/zero of=/dev/null bs=100M count=1 2>/dev/null; echo $? > told; sleep 1000";
    let told = rootfs(test).join("told");
    with(test, &cgroup, script, |container| {
        wait_until("the hog has ended", || fs::read_to_string(&told).is_ok_and(|text| text.ends_with('\n')));
        assert_eq!(fs::read_to_string(&told).expect("told"), "137\n", "it was killed");
        let usage = container.usage();
        assert_eq!(usage.memory_limit_bytes, Some(32 << 20));
        assert!(usage.oom_kills > 0 && usage.memory_bytes <= 32 << 20, "{usage:?}");
    });
}

fn bomb(test: &TestHost) {
    bomb_in(test, world());
}

fn bomb_on_v1(test: &TestHost) {
    bomb_in(test, worlds::v1_alone());
}

const BOMB: &str = "exec 2> /dev/null; b() { b | b & }; b; sleep 1000";

fn bomb_in(test: &TestHost, world: World) {
    let cgroup = Cgroup::new(world, Limits { pids: Some(40), ..Limits::default() });
    with(test, &cgroup, BOMB, |container| {
        wait_until("the bomb is at its limit", || container.usage().pids >= 30);
        assert_eq!(container.usage().pids_limit, Some(40));
        assert!(container.usage().pids <= 40, "{:?}", container.usage());
        assert!(!cgroup.processes(container.id).is_empty());
        cgroup.kill(&Kernel::quiet(), container.id).expect("killed");
        wait_until("nothing of it is left", || cgroup.processes(container.id).is_empty());
    });
}

/// Method: two loops for ever share half a processor; the kernel's own counters are read.
fn spinner(test: &TestHost) {
    let cgroup = Cgroup::new(world(), Limits { cpu_quota_us: Some(50_000), ..Limits::default() });
    with(test, &cgroup, "while :; do :; done & while :; do :; done", |container| {
        wait_until("it has run for ten periods", || container.usage().cpu_periods >= 10);
        let Usage { cpu_ns, cpu_periods, cpu_throttled, .. } = container.usage();
        assert!(cpu_throttled > 0, "{:?}", container.usage());
        // The counters are not read at one moment: one period more is granted.
        let allowed_ns = 50_000_000 * (cpu_periods + 1);
        assert!(cpu_ns * 10 <= allowed_ns * 11, "{cpu_ns} ns in {cpu_periods} periods");
    });
}

fn devices(test: &TestHost) {
    devices_in(test, world());
}

fn devices_on_v2(test: &TestHost) {
    devices_in(test, worlds::v2_alone());
}

/// Method: zero and null of the usual list open, a disk that was made in /dev does not; with a rule for it, the kernel
/// looks for the disk.
fn devices_in(test: &TestHost, world: World) {
    let told = rootfs(test).join("told");
    let script = "cat /dev/null && head -c 1 /dev/zero > /dev/full; mknod /dev/none b 250 250
        cat /dev/none; mknod /dev/random2 c 1 8; head -c 1 /dev/random2 | wc -c; echo; sleep 1000";
    let script = format!("({script}) > told 2>&1");
    let said = |rules: Option<Vec<DeviceRule>>| {
        let cgroup = Cgroup::new(world.clone(), Limits::default()).with_devices(rules);
        with(test, &cgroup, &script, |_container| {
            wait_until("it has told", || fs::read_to_string(&told).is_ok_and(|text| text.ends_with("\n\n")));
            fs::read_to_string(&told).expect("told")
        })
    };
    let usual = said(Some(DeviceRule::usual()));
    assert!(usual.contains("No space left on device"), "full opened and was full: {usual}");
    assert!(usual.contains("/dev/none': Operation not permitted") && usual.ends_with("1\n\n"), "{usual}");
    let rule = DeviceRule::parse("b 250:250 r").expect("a rule");
    let more = said(Some(DeviceRule::usual().into_iter().chain([rule]).collect()));
    assert!(more.contains("/dev/none': No such device"), "the kernel looked for it: {more}");
    let both = DeviceRule::parse("a 1:8 r").expect("a rule");
    let both = said(Some(DeviceRule::usual().into_iter().chain([both]).collect()));
    assert!(
        both.contains("/dev/none': Operation not permitted"),
        "a rule for both kinds is not for all numbers: {both}"
    );
    let all = said(None);
    assert!(all.contains("/dev/none': No such device"), "without rules everything may be opened: {all}");
}

fn frozen(test: &TestHost) {
    frozen_in(test, world());
}

fn frozen_on_v1(test: &TestHost) {
    frozen_in(test, worlds::v1_alone());
}

/// Method: a script counts; while it is frozen it does not, and once it is thawed it goes on.
fn frozen_in(test: &TestHost, world: World) {
    let cgroup = Cgroup::new(world, Limits::default());
    let told = rootfs(test).join("told");
    let script = "n=0; while :; do n=$((n+1)); echo $n > told.new; mv told.new told; done";
    let kernel = Kernel::quiet();
    let count = || fs::read_to_string(&told).ok().and_then(|text| text.trim().parse::<u64>().ok());
    with(test, &cgroup, script, |container| {
        wait_until("it counts", || count() > Some(0));
        cgroup.freeze(&kernel, container.id).expect("frozen");
        let stands = count();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(count(), stands, "it counts although it is frozen");
        cgroup.thaw(&kernel, container.id).expect("thawed");
        wait_until("it goes on", || count() > stands);
        cgroup.freeze(&kernel, container.id).expect("frozen");
        cgroup.kill(&kernel, container.id).expect("killed");
        assert_eq!(exit(container), Exit::Signal(9));
    });
}

/// Method: a file of 20 MB on the container's own tmpfs, which is memory that nobody can drop; the program itself needs
/// next to nothing.
fn counted(test: &TestHost) {
    let cgroup = Cgroup::new(world(), Limits::default());
    let (told, go) = (rootfs(test).join("told"), rootfs(test).join("go"));
    let script = "dd if=/dev/zero of=/dev/shm/big bs=1M count=20 2>/dev/null; echo > told
        while ! [ -e go ]; do sleep 0.01; done; rm /dev/shm/big go; sleep 1000";
    with(test, &cgroup, script, |container| {
        wait_until("it has read", || told.exists());
        let usage = container.usage();
        assert!((20 << 20..30 << 20).contains(&usage.memory_bytes), "{usage:?}");
        assert!(usage.pids >= 1 && usage.cpu_ns > 0 && usage.memory_limit_bytes.is_none(), "{usage:?}");
        fs::write(&go, "").expect("written");
        wait_until("it does not count any more", || container.usage().memory_bytes < 10 << 20);
    });
}

fn processors(test: &TestHost) {
    let (cpus, mems) = (Some("0".to_owned()), Some("0".to_owned()));
    let limits = Limits { cpuset_cpus: cpus, cpuset_mems: mems, cpu_shares: Some(512), ..Limits::default() };
    let cgroup = Cgroup::new(world(), limits);
    let script = "grep allowed_list /proc/self/status > told; sleep 1000";
    let told = rootfs(test).join("told");
    with(test, &cgroup, script, |container| {
        wait_until("it has told", || fs::read_to_string(&told).is_ok_and(|text| text.lines().count() == 2));
        let tree = world().with("cpu").expect("a controller").base.join("conex").join(container.id.as_str());
        let share = ["cpu.shares", "cpu.weight"].iter().find_map(|file| fs::read_to_string(tree.join(file)).ok());
        assert!(["512", "59"].contains(&share.expect("a share").trim()), "512 of 1024 shares, or 59 of 100");
        let said = fs::read_to_string(&told).expect("told");
        let lists: Vec<&str> = said.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(lists, ["0", "0"], "processors and memory banks");
    });
}

/// Method: a cleaner that knows nothing but the id, for a container whose cgroups lie elsewhere and have others in them.
fn removed(test: &TestHost) {
    let cgroup = Cgroup::new(world(), Limits::default()).below("/workshop/table").expect("a parent");
    let (host, id, rootfs) = (host(test, Kernel::quiet()), id(), test.rootfs("rootfs"));
    let root = directory(&rootfs);
    let parts: [&dyn Part; 2] = [&cgroup, &root];
    let plan = identity_plan(&host, &["sleep", "1000"]);
    let running = spawn(&host, &id, &parts, plan).and_then(|waiting| waiting.start()).expect("it runs");
    let of = |world: &World| -> Vec<_> {
        world.trees().iter().map(|tree| tree.base.join("workshop/table").join(id.as_str())).collect()
    };
    let there: Vec<_> = of(&world()).into_iter().filter(|path| path.is_dir()).collect();
    assert!(!there.is_empty(), "it has cgroups");
    there.iter().for_each(|path| fs::create_dir_all(path.join("inner/most")).expect("made"));
    let cleaner = Cgroup::cleaner(world());
    cleaner.cleanup(&host, &id).expect("cleaned up");
    cleaner.cleanup(&host, &id).expect("again");
    assert!(there.iter().all(|path| !path.exists()), "{there:?}");
    assert_eq!(running.wait().expect("it ended").exit, Exit::Signal(9));
    for tree in world().trees() {
        let _ = fs::remove_dir(tree.base.join("workshop/table"));
        let _ = fs::remove_dir(tree.base.join("workshop"));
    }
}

fn refused(test: &TestHost) {
    let (host, id) = (host(test, Kernel::quiet()), id());
    let before = test.fingerprint();
    let memory = Some(64 << 20);
    let one = |limits: Limits, words: &str| {
        let error = Cgroup::new(world(), limits).prepare(&host, &id).expect_err(words).to_string();
        assert!(error.contains(words), "{error}");
    };
    let plain = Limits::default;
    one(Limits { memory_bytes: Some(1 << 20), ..plain() }, "6 MB is the least");
    one(Limits { memory_swap: Some(conex_cgroups::Swap::Bytes(1)), ..plain() }, "no limit of memory");
    one(
        Limits { memory_bytes: memory, memory_swap: Some(conex_cgroups::Swap::Bytes(1)), ..plain() },
        "less than memory alone",
    );
    one(Limits { memory_bytes: memory, memory_reservation_bytes: Some(65 << 20), ..plain() }, "more than the limit");
    one(Limits { cpu_quota_us: Some(10), ..plain() }, "1000 microseconds at least");
    one(Limits { cpu_period_us: Some(10), ..plain() }, "between 1000 and 1000000");
    one(Limits { cpuset_cpus: Some("0-4000".into()), ..plain() }, "this host has");
    one(Limits { cpuset_cpus: Some("9-1".into()), ..plain() }, "no list of numbers");
    one(Limits { blkio_weight: Some(5), ..plain() }, "between 10 and 1000");
    for parent in ["", "/", "..", "a/../..", "a\nb"] {
        assert!(Cgroup::new(world(), plain()).below(parent).is_err(), "{parent:?} was taken");
    }
    before.assert_same(&test.fingerprint(), "after refusals");
}

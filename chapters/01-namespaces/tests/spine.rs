//! The spine as a library, beyond what `ch01` asks of it: joins, consoles, limits, filters, clocks, binds.

#![forbid(unsafe_code)]

mod rig;

use std::{fs, io::Read, os::unix::fs::PermissionsExt, path::Path, process::ExitCode};

use conex_kernel::{Kernel, Kind, Links, operations::BpfInstruction};
use conex_namespaces::{Exit, Limit, Mount, Owners, Part, Plan, Running, Slot, Source, TimeOffsets, spawn};
use rig::{directory, host, id, plan};
use rustix::{mount::MountAttrFlags, process::Resource};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_container_can_join_another_s_network", shared_network),
            Case::root("a_console_is_a_terminal_of_the_container_s_own_as_root", console),
            Case::user("a_console_is_a_terminal_of_the_container_s_own_as_a_user", console),
            Case::root("an_exec_has_a_console_too_as_root", exec_console),
            Case::user("an_exec_has_a_console_too_as_a_user", exec_console),
            Case::root("an_init_reaps_passes_signals_on_and_can_t_be_looked_into", init),
            Case::root("limits_and_a_filter_of_system_calls_reach_the_process", limits_and_filter),
            Case::root("clocks_are_set_off", clocks),
            Case::root("a_directory_of_mode_0700_can_be_bound", secret_directory),
        ],
        &[],
    )
}

fn shared_network(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let host = host(test, Kernel::quiet());
    let (id, root) = (id(), directory(&rootfs));
    let parts: [&dyn Part; 1] = [&root];
    let first = spawn(&host, &id, &parts, plan(&host, &["sleep", "1000"])).and_then(|waiting| waiting.start());
    let first = first.expect("started");
    let script = "cd /proc/self/ns; for kind in net user mnt; do readlink $kind > /$kind; done";
    let mut second = plan(&host, &["sh", "-c", script]);
    second.namespaces.net = Slot::Join(first.target().clone());
    let second = spawn(&host, &id, &parts, second).and_then(|waiting| waiting.start()).and_then(Running::wait);
    let refusal = second.expect_err("a network namespace of another user namespace can't be shown");
    assert!(refusal.to_string().contains("a sysfs of a namespace that is joined"), "{refusal}");
    let mut second = plan(&host, &["sh", "-c", script]);
    second.namespaces.net = Slot::Join(first.target().clone());
    second.namespaces.user = Slot::Join(first.target().clone());
    let second = spawn(&host, &id, &parts, second).and_then(|waiting| waiting.start()).and_then(Running::wait);
    assert_eq!(second.expect("it ran").exit, Exit::Code(0));
    let of_first = |kind| fs::read_link(format!("/proc/{}/ns/{kind}", first.target().pid())).expect("a link");
    let told = |kind| fs::read_to_string(rootfs.join(kind)).expect("told");
    assert_eq!(Path::new(told("net").trim()), of_first("net"));
    assert_eq!(Path::new(told("user").trim()), of_first("user"));
    assert_ne!(Path::new(told("mnt").trim()), of_first("mnt"));
}

fn console(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let host = host(test, Kernel::quiet());
    let script = "tty; stty size; echo x > /dev/console; echo y > /dev/tty; cut -d' ' -f 6,7 /proc/self/stat";
    let mut plan = plan(&host, &["sh", "-c", script]);
    plan.console = Some(Some((30, 100)));
    let (id, root) = (id(), directory(&rootfs));
    let parts: [&dyn Part; 1] = [&root];
    let running = spawn(&host, &id, &parts, plan).and_then(|waiting| waiting.start()).expect("started");
    let master = running.console().expect("it has a console").try_clone().expect("a descriptor");
    let mut said = Vec::new();
    // EIO is how a pseudo-terminal ends.
    let _ = fs::File::from(master).read_to_end(&mut said);
    assert_eq!(running.wait().expect("ended").exit, Exit::Code(0));
    let said = String::from_utf8(said).expect("text");
    // Session 1 and the number of /dev/pts/0: major 136, minor 0.
    assert_eq!(said, "/dev/pts/0\r\n30 100\r\nx\r\ny\r\n1 34816\r\n");
}

fn exec_console(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let host = host(test, Kernel::quiet());
    let (id, root) = (id(), directory(&rootfs));
    let parts: [&dyn Part; 1] = [&root];
    let first = spawn(&host, &id, &parts, plan(&host, &["sleep", "1000"])).and_then(|waiting| waiting.start());
    let first = first.expect("started");
    let mut plan = Plan::joining(first.target(), rig::process(&["sh", "-c", "tty; stty size"])).expect("a container");
    plan.console = Some(Some((30, 100)));
    let running = spawn(&host, &id, &[], plan).and_then(|waiting| waiting.start()).expect("started");
    let mut said = Vec::new();
    let _ =
        fs::File::from(running.console().expect("a console").try_clone().expect("a descriptor")).read_to_end(&mut said);
    assert_eq!(running.wait().expect("ended").exit, Exit::Code(0));
    assert_eq!(String::from_utf8_lossy(&said), "/dev/pts/0\r\n30 100\r\n");
}

/// Method: the program leaves an orphan behind, waits for a signal that is sent to pid 1, and looks into pid 1.
fn init(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let host = host(test, Kernel::quiet());
    let script = "echo $$ > /pid; trap 'echo termed >> /told; exit 9' TERM
        (sh -c 'sleep 0.05 & exit' &) ; sleep 0.2; ps -o pid,stat | grep -c Z >> /told
        (ls /proc/1/fd; readlink /proc/1/exe; echo > /proc/1/exe) > /looked 2>&1; echo ready >> /told
        while :; do sleep 0.01; done";
    let mut plan = plan(&host, &["sh", "-c", script]);
    plan.process.init = true;
    plan.capabilities = rustix::thread::CapabilitySet::all();
    let (id, root) = (id(), directory(&rootfs));
    let parts: [&dyn Part; 1] = [&root];
    let running = spawn(&host, &id, &parts, plan).and_then(|waiting| waiting.start()).expect("started");
    let told = || fs::read_to_string(rootfs.join("told")).unwrap_or_default();
    testkit::wait_until("it is ready", || told().contains("ready"));
    let pid = nix::unistd::Pid::from_raw(running.target().pid());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("sent");
    assert_eq!(running.wait().expect("ended").exit, Exit::Code(9));
    assert_eq!(fs::read_to_string(rootfs.join("pid")).expect("told"), "2\n");
    assert_eq!(told(), "0\nready\ntermed\n", "no zombie, then the signal");
    let looked = fs::read_to_string(rootfs.join("looked")).expect("told");
    assert_eq!(looked.matches("ermission denied").count(), 2, "{looked}");
}

/// Runs a plan made for a shell script to its end; what it printed goes through a file of the root.
fn scripted(test: &TestHost, script: &str, change: impl FnOnce(&mut Plan)) -> String {
    let rootfs = test.directory("rootfs");
    if !rootfs.join("bin").exists() {
        test.rootfs("rootfs");
    }
    let host = host(test, Kernel::quiet());
    let mut plan = plan(&host, &["sh", "-c", &format!("({script}) > /out 2>&1")]);
    change(&mut plan);
    let (id, root) = (id(), directory(&rootfs));
    let parts: [&dyn Part; 1] = [&root];
    spawn(&host, &id, &parts, plan).and_then(|waiting| waiting.start()).and_then(Running::wait).expect("it ran");
    fs::read_to_string(rootfs.join("out")).expect("told")
}

/// A filter that answers EPERM to mkdir (83 on this architecture) and lets everything else pass.
#[cfg(target_arch = "x86_64")]
fn no_mkdir() -> Vec<BpfInstruction> {
    let one = |code, operand| BpfInstruction { code, jump_true: 0, jump_false: 0, operand };
    let (load, equal, give) = (0x20, 0x15, 0x06);
    let is_mkdir = BpfInstruction { code: equal, jump_true: 0, jump_false: 1, operand: 83 };
    vec![one(load, 0), is_mkdir, one(give, 0x0005_0001), one(give, 0x7fff_0000)]
}

fn limits_and_filter(test: &TestHost) {
    let limit = |plan: &mut Plan| {
        plan.limits.push(Limit { part: "test", resource: Resource::Nofile, soft: Some(64), hard: Some(128) });
    };
    assert_eq!(scripted(test, "ulimit -Sn; ulimit -Hn", limit), "64\n128\n");
    for no_new_privileges in [false, true] {
        let filter = |plan: &mut Plan| {
            plan.seccomp = Some(no_mkdir());
            plan.process.no_new_privileges = no_new_privileges;
        };
        let script = "mkdir /made; grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr '\t' ' '";
        let expected = format!(
            "mkdir: can't create directory '/made': Operation not permitted\nNoNewPrivs: {}\nSeccomp: 2\n",
            u8::from(no_new_privileges)
        );
        assert_eq!(scripted(test, script, filter), expected);
    }
}

fn clocks(test: &TestHost) {
    let days = 1000 * 86_400;
    let offsets = TimeOffsets { monotonic_secs: 0, boottime_secs: days };
    let uptime = scripted(test, "cat /proc/uptime", |plan| plan.namespaces.time = Slot::New(offsets));
    let seconds: f64 = uptime.split(' ').next().expect("two numbers").parse().expect("a number");
    assert!(seconds > days as f64, "{seconds}");
}

fn secret_directory(test: &TestHost) {
    let secret = test.directory("secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o700)).expect("a mode");
    fs::create_dir(secret.join("data")).expect("a directory");
    fs::write(secret.join("data/file"), "inside").expect("a file");
    let told = scripted(test, "cat /srv/file; stat -c %u /srv/file; touch /srv/new; echo $?", |plan| {
        plan.mounts.push(Mount {
            part: "test",
            source: Source::Bind { path: secret.join("data"), recursive: false },
            target: "/srv".into(),
            kind: Kind::Directory,
            attributes: MountAttrFlags::MOUNT_ATTR_RDONLY,
            links: Links::FollowInside,
            owners: Owners::Mapped,
        });
    });
    assert_eq!(told, "inside0\ntouch: /srv/new: Read-only file system\n1\n");
}

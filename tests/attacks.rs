//! Flaws that other engines had, tried on the whole engine. The numbers are the flaws' own.

#![forbid(unsafe_code)]

mod rig;

use std::{fs, process::ExitCode};

use rig::{command, conex, image, is_clean, roots, run};
use rustix::fs::{Mode, OFlags, StatVfsMountFlags};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("cve_2019_5736_no_program_of_ours_can_be_written_from_inside_as_root", programs),
            Case::root("cve_2019_5736_exec_runs_nothing_of_ours_that_can_be_written", executed),
            Case::user("cve_2019_5736_no_program_of_ours_can_be_looked_into_from_inside_as_a_user", hidden),
            Case::root("cve_2024_21626_no_descriptor_of_ours_is_open_inside", descriptors),
            Case::root("cve_2020_14370_nothing_of_our_environment_is_inside", environment),
            Case::root("cve_2022_0811_only_settings_of_the_container_can_be_set", sysctls),
            Case::root("no_disk_can_be_opened_and_no_device_made", devices),
        ],
        rig::PROGRAMS,
    )
}

/// Every process of ours by name; what a shell can do with its executable.
const TRY: &str = "for pid in $(ls /proc | grep '^[0-9]'); do
    case $(cat /proc/$pid/comm 2> /dev/null) in conex*)
        echo found $(cat /proc/$pid/comm)
        for n in 1 2 3 4 5 6 7 8 9 10; do
            (: >> /proc/$pid/exe) 2>&1 | sed 's/.*: //'
        done | sort -u
        (readlink /proc/$pid/exe; ls /proc/$pid/fd; cat /proc/$pid/environ) > /dev/null 2>&1 && echo open
    esac
done";

/// Method: a container that may do nearly everything and sees every process, an init of ours among them.
fn programs(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let flags = ["--privileged", "--pid", "host", "--init"];
    let (root, _) = roots(test);
    run(test, &rootfs, &flags, "true").success();
    let is_shim = |path: &&std::path::PathBuf| path.to_string_lossy().contains("conex-shim-");
    let hash = || {
        let programs = rig::entries(&root.join("bin"));
        programs.iter().filter(is_shim).map(|path| fs::read(path).expect("a file")).collect::<Vec<_>>()
    };
    let (before, own) = (hash(), fs::read(test.program("conex")).expect("a file"));
    let told = run(test, &rootfs, &flags, TRY).success();
    let shims = told.split("found ").filter(|one| one.starts_with("conex-shim")).collect::<Vec<_>>();
    assert_eq!(shims.len(), 2, "the shim and the init: {told}");
    // Each is busy, as any program is that runs; and once it does not, its mount is still read-only.
    assert_eq!(told.matches("Text file busy").count(), 3, "{told}");
    assert!(shim_is_sealed(test), "the shim's file can be written through its process");
    assert!(before == hash() && own == fs::read(test.program("conex")).expect("a file"));
    assert_eq!(before.len(), 1);
}

/// Method: programs in the container that the kernel starts through `/proc/self/exe`: what runs then is what we were before,
/// as the container's own, for it to open. That may be the shim, whose mount nobody can write to, but not the command line.
fn executed(test: &TestHost) {
    image(test);
    let script = "printf '#!/proc/self/exe\\n' > /trap; chmod 755 /trap; ln -s /proc/self/exe /link; sleep 1000";
    conex(test, &["run", "-d", "--name", "web", "--network", "none", "box", "busybox", "sh", "-c", script]).success();
    testkit::wait_until("the trap is laid", || {
        conex(test, &["exec", "web", "busybox", "test", "-L", "/link"]).status == 0
    });
    let known = conex(test, &["version"]).success();
    for program in ["/trap", "/link"] {
        let ran = conex(test, &["exec", "web", program, "version"]);
        assert!(ran.out.is_empty() && !known.is_empty(), "{program}: the command line ran in the container: {ran:?}");
    }
    conex(test, &["rm", "-f", "web"]).success();
}

/// Looks at the mount that a running shim's program lies on.
fn shim_is_sealed(test: &TestHost) -> bool {
    image(test);
    let mut sleeper = command(test, &["run", "--rm", "--network", "none", "box", "busybox", "sleep", "0.2"]);
    let mut child = sleeper.spawn().expect("started");
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let mut shim = String::new();
    testkit::wait_until("the shim runs its own program", || {
        shim = fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
        fs::read_to_string(format!("/proc/{shim}/comm")).is_ok_and(|comm| comm == "conex-shim\n")
    });
    let program = rustix::fs::open(format!("/proc/{shim}/exe"), OFlags::PATH, Mode::empty()).expect("its program");
    let flags = rustix::fs::fstatvfs(&program).expect("a mount").f_flag;
    assert!(child.wait().expect("ended").success());
    flags.contains(StatVfsMountFlags::RDONLY)
}

/// An ordinary user's container runs as that very user outside: only being hidden keeps it from us.
fn hidden(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let told = run(test, &rootfs, &["--privileged", "--pid", "host", "--init"], TRY).success();
    let shims = told.split("found ").filter(|one| one.starts_with("conex-shim")).collect::<Vec<_>>();
    assert_eq!(shims.len(), 2, "the shim and the init: {told}");
    assert!(shims.iter().all(|one| one.contains("Permission denied") && !one.contains("open")), "{told}");
}

fn descriptors(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let count = "for n in $(seq 0 80); do [ ! -e /proc/self/fd/$n ] || echo $n; done";
    for flags in [&[][..], &["-i"], &["--init"], &["--explain"]] {
        assert_eq!(run(test, &rootfs, flags, count).success(), "0\n1\n2\n", "{flags:?}");
    }
    for n in 0..16 {
        let output = run(test, &rootfs, &["-w", &format!("/proc/self/fd/{n}")], "pwd");
        assert_eq!((output.status, output.out.as_str()), (125, ""), "{n}: {}", output.err);
    }
    assert!(is_clean(test));
}

fn environment(test: &TestHost) {
    image(test);
    let script = "env; for pid in 1 $$; do tr '\\0' '\\n' < /proc/$pid/environ; done";
    for init in [&[][..], &["--init"]] {
        let arguments = [&["run", "--rm", "--network", "none"], init, &["box", "busybox", "sh", "-c", script]].concat();
        let output = test.run(command(test, &arguments).env("HOST_SECRET", "tell-nobody"));
        assert!(!output.out.contains("tell-nobody") && !output.err.contains("tell-nobody"), "{output:?}");
        assert!(output.out.contains("HOSTNAME="), "{output:?}");
    }
}

fn sysctls(test: &TestHost) {
    image(test);
    for setting in [
        "kernel.core_pattern=|/x",
        "kernel.shmmax=1+kernel.core_pattern=|/x",
        "kernel/core_pattern=|/x",
        "net.ipv4.ip_forward=1\nkernel.core_pattern=|/x",
        "net.../../kernel.core_pattern=x",
        "vm.overcommit_memory=1",
        "kernel.hostname=x",
        "fs.file-max=1",
    ] {
        let output = conex(test, &["run", "--rm", "--sysctl", setting, "box", "busybox", "true"]);
        assert!(output.status == 125 && output.err.contains("can't be set"), "{setting}: {output:?}");
    }
    let shared = ["run", "--rm", "--network", "host", "--sysctl", "net.ipv4.ip_forward=1", "box", "busybox", "true"];
    assert!(conex(test, &shared).err.contains("does not have a network of its own"));
}

fn devices(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let script = "mknod /dev/disk b 8 0; mknod /disk b 8 0; mknod /mem c 1 1; cat /dev/disk /disk /mem; echo end";
    let output = run(test, &rootfs, &[], script);
    // Making a node is allowed and useless: in /dev the device rules keep it shut, elsewhere the mount does.
    assert_eq!(output.out, "end\n");
    let shut = ["/dev/disk': Operation not permitted", "/disk': Permission denied", "/mem': Permission denied"];
    assert!(shut.iter().all(|line| output.err.contains(line)), "{}", output.err);
}

//! Roots that are unusual or lay traps: each is entered, or refused in words, soon, and nothing of the host is touched.

#![forbid(unsafe_code)]

mod rig;

use std::{
    cell::Cell,
    fs::{self, File},
    os::{
        fd::AsFd,
        unix::fs::{PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use conex_kernel::{
    Kernel, Kind, Links,
    operations::{ChildMain, Clone, Cloned, Filesystem, Kill},
};
use conex_namespaces::{Mount, Owners, Part, Running, Source, spawn};
use rig::{directory, host, id, plan};
use rustix::{
    fs::{CWD, FileType, Mode, RenameFlags, makedev, mknodat, renameat_with},
    mount::{MountAttrFlags, MountFlags, UnmountFlags, mount_bind, mount_remount, unmount},
};
use testkit::{Case, Output, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_root_below_a_0700_directory_is_entered_by_an_id_mapped_container", below_0700),
            Case::root("a_root_on_a_read_only_file_system_is_entered_if_it_has_the_mount_points", read_only_host),
            Case::root("an_empty_missing_or_file_root_is_refused_in_a_sentence_as_root", unusable),
            Case::user("an_empty_missing_or_file_root_is_refused_in_a_sentence_as_a_user", unusable),
            Case::root("a_dev_proc_or_sys_that_is_no_directory_is_refused_as_root", traps_for_mounts),
            Case::user("a_dev_proc_or_sys_that_is_no_directory_is_refused_as_a_user", traps_for_mounts),
            Case::root("a_passwd_file_that_is_a_trap_is_refused_soon_as_root", traps_for_accounts),
            Case::user("a_passwd_file_that_is_a_trap_is_refused_soon_as_a_user", traps_for_accounts),
            Case::root("a_passwd_link_out_of_the_root_shows_nothing_of_the_host", passwd_link),
            Case::root("a_device_node_that_the_root_brings_does_not_open", own_device),
            Case::root("a_target_swapped_for_a_link_while_mounting_never_leads_out_as_root", race),
            Case::user("a_target_swapped_for_a_link_while_mounting_never_leads_out_as_a_user", race),
        ],
        &[env!("CARGO_BIN_EXE_ch01")],
    )
}

fn below_0700(test: &TestHost) {
    let secret = test.directory("secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o700)).expect("a mode");
    let rootfs = test.rootfs("secret/rootfs");
    let script = "stat -c %u /etc/passwd; touch /new; stat -c %u /new";
    assert_eq!(test.ch01(&[], &rootfs, script).success(), "0\n0\n");
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(rootfs.join("new")).expect("it was made"));
    assert_eq!(owner, 0, "root's file is root's outside too: the id map is the mount's");
    let output = test.ch01(&["-u", "web"], &rootfs, "cat /proc/1/root/../../etc/shadow /etc/passwd | head -1");
    assert_eq!(output.out, "root:x:0:0:root:/root:/bin/sh\n");
}

fn read_only_host(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    for directory in ["dev", "dev/mqueue", "dev/shm"] {
        fs::create_dir_all(rootfs.join(directory)).expect("a directory");
    }
    mount_bind(&rootfs, &rootfs).expect("bound");
    mount_remount(&rootfs, MountFlags::BIND | MountFlags::RDONLY, "").expect("read-only");
    assert_eq!(test.ch01(&[], &rootfs, "touch /x || touch /dev/shm/x && echo ok").out, "ok\n");
    let bare = test.directory("bare");
    mount_bind(&bare, &bare).expect("bound");
    mount_remount(&bare, MountFlags::BIND | MountFlags::RDONLY, "").expect("read-only");
    expect_refusal(
        &test.ch01(&[], &bare, "true"),
        "mount proc on /proc: it is missing, and its file system is read-only",
    );
    for path in [&rootfs, &bare] {
        unmount(path, UnmountFlags::empty()).expect("nobody uses it any more");
    }
}

/// One sentence, the engine's status, and no panic.
#[track_caller]
fn expect_refusal(output: &Output, sentence: &str) {
    let first = output.err.lines().next().unwrap_or_default();
    assert_eq!(first, format!("error: namespaces: {sentence}"), "{}", output.err);
    assert_eq!(output.status, 125);
    assert!(output.err.lines().skip(1).all(|line| line.starts_with("hint: ")), "{}", output.err);
}

fn unusable(test: &TestHost) {
    let empty = test.directory("empty");
    let output = test.ch01(&[], &empty, "true");
    let first = "error: namespaces: exec sh: ENOENT (No such file or directory)\n";
    assert_eq!((output.status, output.err.lines().next().expect("a line").to_owned() + "\n"), (127, first.into()));
    let place = test.directory("places");
    fs::write(place.join("file"), "").expect("a file");
    symlink("nowhere", place.join("dangling")).expect("a link");
    symlink(&empty, place.join("link")).expect("a link");
    let at = |name: &str| test.ch01(&[], &place.join(name), "true");
    let said = |name: &str| format!("use {} as the root: ", place.join(name).display());
    expect_refusal(&at("missing"), &(said("missing") + "there is no such directory"));
    expect_refusal(&at("dangling"), &(said("dangling") + "there is no such directory"));
    expect_refusal(&at("file"), &(said("file") + "it is not a directory"));
    expect_refusal(&at("file/below"), &(said("file/below") + "a part of its path is not a directory"));
    // A link to a directory is as good as the directory.
    assert_eq!(at("link").status, 127);
}

/// What may stand where a directory or a file is expected.
const TRAPS: [&str; 5] = ["link", "dangling", "fifo", "file", "huge"];

/// Puts a trap in the place of whatever is at `path`.
fn lay(trap: &str, path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(path);
    match trap {
        "link" => symlink("/tmp", path),
        "dangling" => symlink("../../../../../../nowhere/at/all", path),
        "fifo" => mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0).map_err(Into::into),
        "directory" => fs::create_dir(path),
        "file" => fs::write(path, "text"),
        _ => File::create(path).and_then(|file| file.set_len(1 << 30)),
    }
    .expect("a trap can be laid");
}

fn traps_for_mounts(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    for (place, target) in [("dev", "tmpfs on /dev"), ("proc", "proc on /proc"), ("sys", "sysfs on /sys")] {
        for trap in TRAPS {
            let path = rootfs.join(place);
            lay(trap, &path);
            let why = match trap {
                "link" | "dangling" => "it is, or lies behind, a symbolic link",
                "fifo" => "it is a FIFO, not a directory",
                _ => "it is a regular file, not a directory",
            };
            let output = test.ch01(&[], &rootfs, "true");
            expect_refusal(&output, &format!("mount {target}: {why}"));
            lay("directory", &path);
        }
    }
    assert_eq!(test.ch01(&[], &rootfs, "echo back").success(), "back\n");
    assert_eq!(fs::read_dir(rootfs.join("tmp")).expect("a directory").count(), 0, "nothing was made behind the link");
}

fn traps_for_accounts(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    for file in ["etc/passwd", "etc/group"] {
        let path = rootfs.join(file);
        let saved = fs::read(&path).expect("the file is there");
        for trap in ["fifo", "directory", "huge", "endless"] {
            match trap {
                "endless" => {
                    lay("file", &path);
                    fs::remove_file(&path).expect("a file");
                    symlink("/dev/zero", &path).expect("a link");
                }
                _ => lay(trap, &path),
            }
            let why = match trap {
                "fifo" => "it is a FIFO, not a regular file",
                "directory" => "it is a directory, not a regular file",
                "huge" => "it is larger than 4194304 bytes",
                _ => "it is a device, not a regular file",
            };
            let started = Instant::now();
            let output = test.ch01(&[], &rootfs, "true");
            assert!(started.elapsed() < Duration::from_secs(10), "a {trap} keeps it waiting");
            expect_refusal(&output, &format!("read the container's /{file}: {why}"));
        }
        fs::remove_file(&path).expect("a link");
        fs::write(&path, saved).expect("a file");
    }
    fs::remove_file(rootfs.join("etc/passwd")).expect("a file");
    assert_eq!(test.ch01(&[], &rootfs, "echo $HOME").success(), "/\n", "no passwd file at all is no trap");
}

fn passwd_link(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let outside = test.directory("outside").join("passwd");
    fs::write(&outside, "root:x:0:0:root:/outside:/bin/sh\n").expect("a file");
    for to in [outside, PathBuf::from("../../outside/passwd"), PathBuf::from("/proc/1/root/outside/passwd")] {
        lay("file", &rootfs.join("etc/passwd"));
        fs::remove_file(rootfs.join("etc/passwd")).expect("a file");
        symlink(&to, rootfs.join("etc/passwd")).expect("a link");
        let output = test.ch01(&[], &rootfs, "echo $HOME");
        assert!(!output.out.contains("outside"), "{}: {output:?}", to.display());
    }
}

/// A harmless node in the place of one of the host's disk.
fn own_device(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, rootfs.join("zero"), FileType::CharacterDevice, mode, makedev(1, 5)).expect("a node");
    let output = test.ch01(&[], &rootfs, "head -c 1 /zero");
    assert_eq!(output.out, "", "{}", output.err);
    assert!(output.err.contains("Permission denied"), "{}", output.err);
}

/// Method: another process exchanges a directory of the root with a link out of it, as fast as it can, while containers
/// mount a file system below; whatever a container then has is inside its root, and outside nothing was made.
fn race(test: &TestHost) {
    let rootfs = test.rootfs("rootfs");
    let outside = test.directory("outside");
    let (real, evil) = (rootfs.join("real"), rootfs.join("evil"));
    fs::create_dir(&real).expect("a directory");
    symlink("../outside", &evil).expect("a link");
    let quiet = Kernel::quiet();
    let flip = || loop {
        let _ = renameat_with(CWD, &real, CWD, &evil, RenameFlags::EXCHANGE);
    };
    let main: ChildMain<'_> = Box::new(flip);
    let main = Cell::new(Some((main, Box::new(|_| 1_u8) as _)));
    let Cloned { pid, pidfd } =
        quiet.perform("test", Clone { flags: 0, late: 0, cgroup: None, main }).expect("a flipper");
    let (mut mounted, mut refused) = (0, 0);
    for round in 0..150 {
        let links = if round % 2 == 0 { Links::Refuse } else { Links::FollowInside };
        match mount_below(test, &rootfs, links) {
            Ok(points) => {
                mounted += 1;
                let point = points.lines().find(|line| line.ends_with("/made")).expect("it is mounted");
                assert!(["/real/made", "/evil/made", "/outside/made"].contains(&point), "round {round}: {point}");
            }
            Err(why) => {
                refused += 1;
                assert!(!why.contains("panic"), "round {round}: {why}");
            }
        }
        let made = fs::read_dir(&outside).expect("a directory").count();
        assert_eq!(made, 0, "round {round}: something was made outside of the root");
    }
    quiet.perform("test", Kill { pidfd: pidfd.as_fd(), pid }).expect("killed");
    nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(pid), None).expect("reaped");
    assert!(mounted > 0 && refused > 0, "{mounted} mounted and {refused} refused: the race was never near");
}

/// The mount points of a container that has a tmpfs at /real/made, or why there is none.
fn mount_below(test: &TestHost, rootfs: &Path, links: Links) -> Result<String, String> {
    let host = host(test, Kernel::quiet());
    let mut plan = plan(&host, &["sh", "-c", "cut -d' ' -f 5 /proc/self/mountinfo > /points"]);
    let kind = || "tmpfs".to_owned();
    plan.mounts.push(Mount {
        part: "test",
        source: Source::New(Filesystem {
            kind: kind(),
            source: kind(),
            options: Vec::new(),
            attributes: MountAttrFlags::MOUNT_ATTR_NODEV,
        }),
        target: "/real/made".into(),
        kind: Kind::Directory,
        attributes: MountAttrFlags::empty(),
        links,
        owners: Owners::Host,
    });
    let (id, root) = (id(), directory(rootfs));
    let parts: [&dyn Part; 1] = [&root];
    let ended = spawn(&host, &id, &parts, plan).and_then(|waiting| waiting.start()).and_then(Running::wait);
    ended.map_err(|error| error.to_string())?;
    fs::read_to_string(rootfs.join("points")).map_err(|error| error.to_string())
}

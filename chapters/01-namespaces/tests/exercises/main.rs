//! The checks of chapter 1's exercises: what each function must do to the running kernel, tried by itself. A case's name
//! begins with its exercise; `cargo test --test exercises -- namespaces.pivot` runs one exercise's.

#![forbid(unsafe_code)]

mod look;
mod process;

use std::{
    fs::{self, File},
    io::Read,
    os::fd::AsFd,
    path::Path,
    process::ExitCode,
    rc::Rc,
};

use conex_kernel::Kernel;
use conex_namespaces::{Facts, IdMaps, Namespaces, Slot, Target, TimeOffsets, exercises};
use look::{Asked, Look, listed, look_at_maps, look_at_root, map, names, processes};
use nix::sched::CloneFlags;
use process::{Process, link, own_maps, quiet, waiting, with_root};
use testkit::{Case, TestHost, saw};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::exercise("namespaces.clone-flags: a clone with them is in eight new namespaces", all_new),
            Case::exercise("namespaces.clone-flags: what is the host's or joined gets no flag", none_new),
            Case::exercise(
                "namespaces.clone-flags: two kinds are left to the child where they must be",
                left_to_the_child,
            ),
            Case::exercise("namespaces.id-maps: root inside is us outside", id_maps),
            Case::exercise("namespaces.id-maps: nobody inside can leave a group of ours", setgroups),
            Case::exercise("namespaces.messages: a message and its descriptor arrive", message),
            Case::exercise("namespaces.messages: the end of the other side is told", end),
            Case::exercise("namespaces.messages: what was said before the end is heard first", said_before_the_end),
            Case::exercise("namespaces.proc: it shows the new pid namespace and nothing of ours", proc),
            Case::exercise("namespaces.proc: no program and no device in it can be used", proc_attributes),
            Case::exercise("namespaces.pivot: the new root is the root, and the old one is gone", pivot),
            Case::exercise("namespaces.pivot: nothing of the old root can be reached", pivot_escape),
            Case::exercise("namespaces.join: every namespace that was asked for is entered", join),
            Case::exercise("namespaces.join: who joins can't be looked into", join_hidden),
        ],
        &[],
    )
}

const KINDS: [&str; 8] = ["user", "mnt", "pid", "net", "uts", "ipc", "cgroup", "time"];

/// Facts of a host whose cgroups are v2 alone, or not.
fn facts(unified: bool) -> Facts {
    let mut facts = Facts::probe().expect("facts");
    facts.cgroups.truncate(1);
    for one in &mut facts.cgroups {
        one.directory = if unified { String::new() } else { "memory".to_owned() };
    }
    facts
}

fn all_new(_test: &TestHost) {
    let flags = exercises::clone_flags(&Namespaces::new(own_maps()), &facts(true));
    let (process, write) = waiting(flags);
    let is_ours = |kind: &&str| process.namespace(kind) == link(&format!("/proc/self/ns/{kind}"));
    let ours: Vec<&str> = KINDS.into_iter().filter(is_ours).collect();
    saw(&format!("the new process shares these namespaces with us: {}", listed(&ours)));
    assert!(ours.is_empty(), "namespaces that are still ours: {}", ours.join(", "));
    // The child holds a copy of the writing end, as every child does.
    drop((process, write));
}

fn none_new(_test: &TestHost) {
    assert_eq!(exercises::clone_flags(&Namespaces::host(), &facts(true)), 0);
    let mut namespaces = Namespaces::new(own_maps());
    namespaces.net = Slot::Join(Target::of_pid(i32::try_from(std::process::id()).expect("a pid")).expect("us"));
    namespaces.uts = Slot::Host;
    let left_out = (CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS).bits() as u64;
    let flags = exercises::clone_flags(&namespaces, &facts(true));
    saw(&format!("of six kinds, your flags ask for {}", flags.count_ones()));
    assert_eq!(flags & left_out, 0, "a namespace that is joined, or the host's, is not new");
    assert_eq!(flags.count_ones(), 6);
}

fn left_to_the_child(_test: &TestHost) {
    let mut namespaces = Namespaces::new(own_maps());
    let cgroup = CloneFlags::CLONE_NEWCGROUP.bits() as u64;
    assert_eq!(
        exercises::clone_flags(&namespaces, &facts(false)) & cgroup,
        0,
        "on v1 the child joins its cgroup first"
    );
    namespaces.time = Slot::New(TimeOffsets { monotonic_secs: 0, boottime_secs: 86_400 });
    assert_eq!(
        exercises::clone_flags(&namespaces, &facts(true)) & 0x80,
        0,
        "offsets are written before anyone is inside"
    );
}

fn id_maps(_test: &TestHost) {
    let (process, _write) = waiting(CloneFlags::CLONE_NEWUSER.bits() as u64);
    let pid = process.cloned.pid;
    let _look = look_at_maps(pid);
    exercises::write_id_maps(&quiet(), pid, &own_maps()).expect("the kernel takes the maps");
    let words = |name: &str| map(pid, name);
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    assert_eq!((words("uid_map"), words("gid_map")), (format!("0 {uid} 1"), format!("0 {gid} 1")));
}

fn setgroups(_test: &TestHost) {
    let (process, _write) = waiting(CloneFlags::CLONE_NEWUSER.bits() as u64);
    let pid = process.cloned.pid;
    let maps = own_maps();
    let _look = look_at_maps(pid);
    exercises::write_id_maps(&quiet(), pid, &maps).expect("the kernel takes the maps");
    assert_eq!(
        map(pid, "setgroups"),
        "deny",
        "somebody inside may leave a group that denies him something (CVE-2014-8989)"
    );
    // In a host that denies it already the kernel can't show who denied it; a dry run tells what would be asked.
    let (deny, allow) = (asked(&maps), asked(&IdMaps { setgroups: true, ..maps }));
    let place = |word: &str| deny.iter().position(|operation| operation.contains(word));
    assert!(place("setgroups").is_some() && place("setgroups") < place("gid_map"), "not denied before the gid map");
    assert!(!allow.iter().any(|operation| operation.contains("setgroups")), "it was denied although nobody asked");
}

/// What the function asks of the kernel, in a dry run.
fn asked(maps: &IdMaps) -> Vec<String> {
    let asked = Rc::new(Asked::default());
    exercises::write_id_maps(&Kernel::dry(asked.clone()), 1, maps).expect("a dry run changes nothing");
    asked.0.take()
}

fn message(_test: &TestHost) {
    let (one, other) = exercises::ends().expect("a pair");
    let file = File::open("/proc/self/status").expect("a file");
    one.say_born(4711, Some(file.as_fd())).expect("said");
    let (pid, descriptor) = other.hear().expect("heard").expect("a message");
    saw(&format!(
        "a message about process {pid} came, {} a descriptor",
        if descriptor.is_some() { "with" } else { "without" }
    ));
    assert_eq!(pid, 4711);
    let mut text = String::new();
    File::from(descriptor.expect("a descriptor came along")).read_to_string(&mut text).expect("text");
    assert!(text.starts_with("Name:"), "the descriptor is the file that was sent");
    one.say_born(1, None).expect("said");
    assert!(other.hear().expect("heard").expect("a message").1.is_none());
}

fn end(_test: &TestHost) {
    let (one, other) = exercises::ends().expect("a pair");
    drop(one);
    assert!(other.hear().expect("an end is no error").is_none());
}

fn said_before_the_end(_test: &TestHost) {
    let (one, other) = exercises::ends().expect("a pair");
    one.say_born(1, None).expect("said");
    one.say_born(2, None).expect("said");
    other.say_born(3, None).expect("left unread");
    drop(one);
    let heard = || {
        let pid = other.hear().expect("heard").map(|(pid, _)| pid);
        saw(&pid.map_or("the end was told".to_owned(), |pid| format!("message {pid} was told")));
        pid
    };
    assert_eq!((heard(), heard(), heard()), (Some(1), Some(2), None));
}

fn proc(test: &TestHost) {
    let told = with_root(test, |root| {
        let _look = Look(|| {
            saw(&format!(
                "/proc of the new root {}",
                if names(root, "proc").is_empty() { "is empty" } else { "is mounted" }
            ));
            saw(&format!("processes that it lists: {}", listed(&processes(root))));
        });
        exercises::mount_proc(&quiet(), root).expect("mounted");
        processes(root).join(" ")
    });
    assert_eq!(told, "1", "the processes that the new /proc lists");
}

fn proc_attributes(test: &TestHost) {
    let told = with_root(test, |root| {
        exercises::mount_proc(&quiet(), root).expect("mounted");
        let table = fs::read_to_string("/proc/self/mountinfo").expect("our mounts");
        let line = table.lines().rev().find(|line| line.contains(" - proc ")).expect("it is mounted");
        line.split(' ').nth(5).unwrap_or_default().to_owned()
    });
    for option in ["nosuid", "nodev", "noexec"] {
        assert!(told.split(',').any(|one| one == option), "{option} is missing in {told}");
    }
}

fn pivot(test: &TestHost) {
    let told = with_root(test, |root| {
        let _look = look_at_root();
        exercises::pivot(&quiet(), root).expect("pivoted");
        let directory = std::env::current_dir().expect("a directory").display().to_string();
        let has = |path: &str| Path::new(path).exists();
        format!("{directory} {} {}", has("/bin/busybox"), has("/mnt/work"))
    });
    assert_eq!(told, "/ true false", "the working directory, our busybox, the old root's directories");
}

fn pivot_escape(test: &TestHost) {
    let told = with_root(test, |root| {
        let look = look_at_root();
        exercises::pivot(&quiet(), root).expect("pivoted");
        // Now, since what comes next would change it.
        drop(look);
        // The old root, if it is still mounted, lies on top of the new one.
        let up = "../".repeat(20);
        let again = rustix::mount::unmount(".", rustix::mount::UnmountFlags::DETACH);
        format!("{} {}", Path::new(&format!("{up}mnt/work")).exists(), again.is_ok())
    });
    assert_eq!(told, "false false", "whether the old root is reached, and whether something still lay on top");
}

fn join(_test: &TestHost) {
    let flags =
        CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    let (process, _write) = waiting(flags.bits() as u64);
    exercises_maps(&process);
    let target = Target::of_pid(process.cloned.pid).expect("it lives");
    let joiner = Process::start(0, || {
        let namespaces = target.namespaces().expect("its namespaces");
        exercises::join(&quiet(), &namespaces).expect("joined");
        let other = |kind: &&str| process.namespace(kind) != link(&format!("/proc/thread-self/ns/{kind}"));
        let missed: Vec<&str> = ["user", "net", "uts", "ipc"].into_iter().filter(other).collect();
        saw(&format!("of user, net, uts and ipc, not entered: {}", listed(&missed)));
        u8::from(!missed.is_empty())
    });
    assert_eq!(joiner.wait(), 0, "it is in every namespace of the other process");
}

fn exercises_maps(process: &Process) {
    let pid = process.cloned.pid;
    let uid = rustix::process::getuid().as_raw();
    fs::write(format!("/proc/{pid}/uid_map"), format!("0 {uid} 1")).expect("written");
}

fn join_hidden(_test: &TestHost) {
    let joiner = Process::start(0, || {
        exercises::join(&quiet(), &Namespaces::host()).expect("there is nothing to join");
        let dumpable = rustix::process::dumpable_behavior().expect("a state");
        saw(&format!("who joined is in the state {dumpable:?}"));
        u8::from(dumpable != rustix::process::DumpableBehavior::NotDumpable)
    });
    assert_eq!(joiner.wait(), 0, "it may not be dumped, and so not be looked into (CVE-2016-9962)");
}

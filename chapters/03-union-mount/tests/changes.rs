//! What a container changed, read back from its upper; the judge compares the image with what the container left.

#![forbid(unsafe_code)]

mod rig;

use std::{
    collections::BTreeMap,
    fs,
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use conex_kernel::Kernel;
use conex_namespaces::{Facts, Host};
use conex_overlay::{Access, ChangeKind, Overlay};
use rig::{Ids, all_ids, forget, host, id, layer, look, overlay, succeed, upper};
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("changes_are_what_the_image_and_the_container_differ_in_as_root", judged),
            Case::user("changes_are_listed_by_path_as_a_user", listed),
            Case::root("changes_are_listed_by_path_as_root", listed),
            Case::root("nothing_changed_is_no_change", none),
            Case::root("whiteouts_by_attribute_are_read", by_attribute).with(&["setfattr"]),
            Case::root("an_upper_with_a_redirect_is_refused", redirect).with(&["setfattr"]),
            Case::root("an_upper_whose_files_were_only_described_is_read", metacopy),
            Case::root("an_upper_deeper_than_a_path_is_refused_and_removed", deep),
            Case::user("an_upper_deeper_than_a_path_is_refused_and_removed_as_a_user", deep),
            Case::root("a_link_in_an_upper_is_never_followed", link),
        ],
        &[],
    )
}

const IMAGE: &[(&str, &str)] = &[
    ("d/kept", "1"),
    ("d/removed", "2"),
    ("d/changed", "3"),
    ("d/sub/x", "4"),
    ("gone/a/b", "5"),
    ("file_to_dir", "6"),
    ("dir_to_file/x", "7"),
    ("renamed/deep/file", "8"),
    ("emptied/one", "9"),
    ("emptied/two/three", "10"),
    ("untouched/x", "11"),
];
const TOP: &[(&str, &str)] = &[("d/changed", "top"), ("emptied/four", "12"), ("gone/c", "13")];

const SCRIPT: &str = "rm /d/removed; echo x > /d/changed; echo new > /d/new; mkdir /made; echo x > /made/x; rm -r /gone
rm /file_to_dir; mkdir /file_to_dir; echo x > /file_to_dir/x; rm -r /dir_to_file; echo x > /dir_to_file
mv /renamed /renamed2; rm -r /emptied; mkdir -p /emptied/two; echo x > /emptied/five; chmod 700 /d/sub; rm /d/new
ln -s /etc /d/link; ln /d/kept /d/hard";

const EXPECTED: &str = "C /d
C /d/changed
A /d/hard
C /d/kept
A /d/link
D /d/removed
C /d/sub
C /dir_to_file
C /emptied
A /emptied/five
D /emptied/four
D /emptied/one
C /emptied/two
D /emptied/two/three
C /file_to_dir
A /file_to_dir/x
D /gone
A /made
A /made/x
D /renamed
A /renamed2
A /renamed2/deep
A /renamed2/deep/file";

fn image(test: &TestHost) -> Vec<PathBuf> {
    vec![test.rootfs("base"), layer(test, "image", IMAGE), layer(test, "top", TOP)]
}

fn told(root: &Overlay, host: &Host) -> String {
    let lines: Vec<String> = root.changes(host, &id()).expect("read").iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn listed(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let root = overlay(test, &image(test));
    for ids in all_ids(&host) {
        succeed(&host, &root, *ids, SCRIPT);
        assert_eq!(told(&root, &host), EXPECTED, "{ids:?}");
        forget(test);
    }
}

fn path(view: &OwnedFd) -> PathBuf {
    // With a dot: the link itself is no directory.
    Path::new("/proc/self/fd").join(view.as_raw_fd().to_string()).join(".")
}

/// Method: both sides as views; what only one has was added or deleted, what has another line was changed. The upper
/// also holds directories that changed nothing but lie above something, and files that became names of others.
fn judged(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let root = overlay(test, &image(test));
    let before = look(&path(&root.view(&host, &id(), Access::Read).expect("a view")));
    succeed(&host, &root, Ids::Host, SCRIPT);
    let after = look(&path(&root.view(&host, &id(), Access::Read).expect("a view")));
    let mut judged = BTreeMap::new();
    for path in before.keys().chain(after.keys()).filter(|path| !path.as_os_str().is_empty()) {
        let kind = match (before.get(path), after.get(path)) {
            (Some(one), Some(other)) if one == other => continue,
            (Some(_), Some(_)) => ChangeKind::Changed,
            (Some(_), None) => ChangeKind::Deleted,
            (None, _) => ChangeKind::Added,
        };
        // A deleted directory is told once.
        let within = path.ancestors().skip(1).any(|above| judged.get(above) == Some(&ChangeKind::Deleted));
        let replaced =
            path.ancestors().skip(1).any(|above| after.get(above).is_some_and(|line| line.contains("links")));
        if !within && !replaced {
            judged.insert(path.clone(), kind);
        }
    }
    let found = root.changes(&host, &id()).expect("read");
    let found: BTreeMap<PathBuf, ChangeKind> = found
        .into_iter()
        .map(|change| (change.path.strip_prefix("/").expect("absolute").to_owned(), change.kind))
        .collect();
    assert!(judged.len() > 15, "{judged:?}");
    assert_eq!(found, judged);
}

fn none(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let root = overlay(test, &image(test));
    assert_eq!(root.changes(&host, &id()).expect("read"), [], "before it ever ran");
    // Whatever was made is gone; but /d was written to.
    succeed(&host, &root, Ids::Host, "cat /d/kept > /dev/null; ls -R / > /dev/null; echo x > /d/new; rm /d/new");
    assert_eq!(told(&root, &host), "C /d");
}

/// Method: the kernel makes no such whiteouts itself; it reads them, and so do we, the same.
fn by_attribute(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = image(test);
    let upper = upper(test);
    fs::create_dir_all(upper.join("d")).expect("made");
    fs::write(upper.join("d/removed"), "").and_then(|()| fs::write(upper.join("d/kept"), "")).expect("made");
    fs::write(upper.join("d/changed"), "with data").expect("made");
    let set = |key: &str, value: &str, path: &str| {
        test.run(Command::new("setfattr").args(["-n", key, "-v", value]).arg(upper.join(path))).success();
    };
    set("trusted.overlay.opaque", "x", "d");
    set("trusted.overlay.whiteout", "y", "d/removed");
    set("trusted.overlay.whiteout", "y", "d/changed");
    set("user.overlay.whiteout", "y", "d/kept");
    let root = overlay(test, &layers);
    assert_eq!(told(&root, &host), "C /d\nC /d/changed\nC /d/kept\nD /d/removed");
    if host.facts.kernel >= (6, 8) {
        let view = root.view(&host, &id(), Access::Read).expect("a view");
        let seen = |name: &str| path(&view).join(name).exists();
        assert_eq!(
            ["removed", "kept", "changed", "sub"].map(|name| seen(&format!("d/{name}"))),
            [false, true, true, true]
        );
    }
}

fn redirect(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let root = overlay(test, &image(test));
    fs::create_dir_all(upper(test).join("moved")).expect("made");
    let mut set = Command::new("setfattr");
    test.run(set.args(["-n", "trusted.overlay.redirect", "-v", "/renamed"]).arg(upper(test).join("moved"))).success();
    let error = root.changes(&host, &id()).expect_err("a redirect");
    assert!(error.to_string().contains("moved was renamed with redirect_dir=on"), "{error}");
    // And for a container of ours the kernel refuses to go where it leads.
    succeed(&host, &root, Ids::Host, "! ls /moved 2> /dev/null");
}

/// Method: an upper that another engine filled with `metacopy=on`.
fn metacopy(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let (image, place) = (layer(test, "image", IMAGE), test.directory("merged"));
    let root = overlay(test, &[test.rootfs("base"), image.clone()]);
    let own = upper(test).parent().expect("a parent").to_owned();
    fs::create_dir_all(own.join("upper")).and_then(|()| fs::create_dir_all(own.join("work"))).expect("made");
    let options = format!(
        "lowerdir={},upperdir={},workdir={},metacopy=on,redirect_dir=on",
        image.display(),
        own.join("upper").display(),
        own.join("work").display()
    );
    let options = std::ffi::CString::new(options).expect("no NUL");
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("overlay", &place, "overlay", flags, Some(options.as_c_str())).expect("mounted");
    fs::set_permissions(place.join("d/kept"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("changed");
    rustix::mount::unmount(&place, rustix::mount::UnmountFlags::DETACH).expect("unmounted");
    assert!(rig::attributes(&own.join("upper/d/kept")).contains_key("trusted.overlay.metacopy"), "as it was meant");
    assert_eq!(told(&root, &host), "C /d\nC /d/kept");
}

/// Method: five thousand directories in each other, some of which nobody may enter: as a program can make them.
fn deep(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let root = overlay(test, &[test.rootfs("base")]);
    let passing = Overlay { keep: conex_overlay::Keep::Nothing, ..root.clone() };
    fs::create_dir_all(upper(test)).expect("made");
    let mut directory: OwnedFd = fs::File::open(upper(test)).expect("opened").into();
    for _ in 0..5000 {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        mkdirat(&directory, "dd", Mode::RWXU).expect("made");
        let next = openat(&directory, "dd", flags, Mode::empty()).expect("opened");
        directory = next;
    }
    drop(directory);
    // Where the walk moves up what is deeper, and elsewhere.
    for depth in [300, 66, 65, 64, 63] {
        let closed: PathBuf = std::iter::once(upper(test)).chain((0..depth).map(|_| "dd".into())).collect();
        fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o0)).expect("closed to all");
    }
    fs::create_dir(upper(test).join("moved-1")).expect("a name that the walk would choose");
    let error = root.changes(&host, &id()).expect_err("deeper than 4096 bytes, or closed");
    assert!([Some(nix::libc::ENAMETOOLONG), Some(nix::libc::EACCES)].contains(&error.errno()), "{}", error.cause);
    conex_namespaces::Part::cleanup(&passing, &host, &id()).expect("removed");
    assert!(!upper(test).exists());
}

/// Method: what an upper or a layer has in a directory's place leads out of it.
fn link(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = image(test);
    let evil = layer(test, "evil", &[("x", "x")]);
    std::os::unix::fs::symlink("/etc", evil.join("d")).expect("a link");
    let root = overlay(test, &[layers, vec![evil]].concat());
    succeed(&host, &root, Ids::Host, "rm /d; mkdir /d; echo x > /d/passwd; rm -r /gone; ln -s /etc /gone");
    let old = Host { facts: Facts { kernel: (6, 1), ..host.facts.clone() }, ..host };
    assert_eq!(told(&root, &old), "C /d\nA /d/passwd\nC /gone");
}

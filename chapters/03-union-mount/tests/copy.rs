//! A root that is a copy: it holds what the overlay of the same layers shows, down to holes, links and attributes.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use conex_kernel::Kernel;
use conex_namespaces::Part;
use conex_overlay::{Access, Copy, Keep, Reflink};
use rig::{all_ids, containers, copy, forget, host, id, layer, look, overlay, same, succeed};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("a_copy_is_what_the_overlay_of_the_same_layers_shows", same_as_overlay)
                .with(&["setfattr", "setcap"]),
            Case::root("a_copy_keeps_holes_and_links", holes_and_links),
            Case::user("a_copy_keeps_holes_and_links_as_a_user", holes_and_links),
            Case::root("a_container_writes_to_its_copy_alone_as_root", writes),
            Case::user("a_container_writes_to_its_copy_alone_as_a_user", writes),
            Case::root("a_link_in_a_layer_never_leads_out", link_out),
            Case::root("a_copy_shares_its_data_where_the_file_system_can", reflinks).with(&["mkfs.xfs"]),
        ],
        &[],
    )
}

fn rootfs(test: &TestHost) -> PathBuf {
    containers(test).join(id().as_str()).join("rootfs")
}

/// Method: layers with everything that a file system has; both parts show them, and the trees are compared.
fn same_as_overlay(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let low: &[(&str, &str)] = &[
        ("d/kept", "1"),
        ("d/removed", "2"),
        ("d/sub/x", "3"),
        ("gone/a", "4"),
        ("file_to_dir", "5"),
        ("dir_to_file/x", "6"),
        ("opaque/hidden", "7"),
        ("program", "8"),
        ("xwhite/file", "9"),
    ];
    let high: &[(&str, &str)] =
        &[("file_to_dir/x", "a"), ("dir_to_file", "b"), ("opaque/new", "c"), ("d/sub/y", "d"), ("xwhite/", "")];
    let layers = [test.rootfs("base"), layer(test, "low", low), layer(test, "high", high)];
    let (low, high) = (&layers[1], &layers[2]);
    let run = |command: &mut Command| test.run(command).success();
    for name in ["d/removed", "gone"] {
        run(Command::new("mknod").arg(high.join(name)).args(["c", "0", "0"]));
    }
    run(Command::new("setfattr").args(["-n", "trusted.overlay.opaque", "-v", "y"]).arg(high.join("opaque")));
    // Whiteouts by attribute are known to the kernel from 6.7 on.
    if host.facts.kernel >= (6, 7) {
        fs::write(high.join("xwhite/file"), "").expect("a file");
        run(Command::new("setfattr").args(["-n", "trusted.overlay.whiteout", "-v", "y"]).arg(high.join("xwhite/file")));
        run(Command::new("setfattr").args(["-n", "trusted.overlay.opaque", "-v", "x"]).arg(high.join("xwhite")));
    }
    run(Command::new("mknod").arg(low.join("device")).args(["b", "7", "3"]));
    run(Command::new("mknod").arg(low.join("null")).args(["c", "1", "3"]));
    run(Command::new("mkfifo").arg(low.join("fifo")));
    drop(std::os::unix::net::UnixListener::bind(low.join("socket")).expect("a socket"));
    symlink("/nowhere", low.join("dangling")).expect("a link");
    std::os::unix::fs::lchown(low.join("dangling"), Some(5), Some(6)).expect("owned");
    std::os::unix::fs::chown(low.join("program"), Some(1000), Some(1001)).expect("owned");
    fs::set_permissions(low.join("program"), std::os::unix::fs::PermissionsExt::from_mode(0o6751)).expect("a mode");
    run(Command::new("setcap").arg("cap_net_raw+ep").arg(low.join("program")));
    run(Command::new("setfattr").args(["-n", "user.note", "-v", "remembered"]).arg(low.join("d/kept")));
    run(Command::new("setfattr").args(["-n", "user.note", "-v", "of a directory"]).arg(high.join("d")));
    fs::hard_link(low.join("d/kept"), low.join("d/sub/linked")).expect("a link");
    fs::set_permissions(high.join("d"), std::os::unix::fs::PermissionsExt::from_mode(0o1555)).expect("a mode");
    let in_1965 = Timespec { tv_sec: -152_389_433, tv_nsec: 123_456_789 };
    let times = Timestamps { last_access: in_1965, last_modification: in_1965 };
    for path in [low.join("dangling"), low.join("device"), high.join("d/sub"), high.join("d")] {
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("dated");
    }
    let view = overlay(test, &layers).view(&host, &id(), Access::Read).expect("a view");
    let view_path = Path::new("/proc/self/fd").join(std::os::fd::AsRawFd::as_raw_fd(&view).to_string()).join(".");
    let shown = look(&view_path);
    let part = copy(test, &layers);
    part.prepare(&host, &id()).expect("copied");
    let mut copied = look(&rootfs(test));
    // The overlay says nothing of its merged directories' own marks; nor has a copy any.
    copied.retain(|_, line| !line.is_empty());
    assert!(shown.len() > 60, "{}", shown.len());
    same(&shown, &copied, "shown by the overlay / copied");
    assert!(!copied.contains_key(Path::new("gone")));
    assert_eq!(copied.contains_key(Path::new("xwhite/file")), host.facts.kernel < (6, 7));
}

fn holes_and_links(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let top = layer(test, "top", &[("one", "shared"), ("dir/x", "x")]);
    fs::hard_link(top.join("one"), top.join("dir/two")).expect("a link");
    let sparse = fs::File::create(top.join("sparse")).expect("a file");
    sparse.set_len(1 << 30).expect("sparse");
    for at in [0, 1 << 20, (1 << 30) - 5] {
        std::os::unix::fs::FileExt::write_all_at(&sparse, b"data", at).expect("written");
    }
    let part = copy(test, &[test.rootfs("base"), top.clone()]);
    part.prepare(&host, &id()).expect("copied");
    let (from, to) = (top.join("sparse"), rootfs(test).join("sparse"));
    let (from, to) = (from.metadata().expect("there"), to.metadata().expect("there"));
    assert_eq!((from.len(), from.blocks()), (to.len(), to.blocks()), "size and blocks");
    assert!(to.blocks() * 512 < 1 << 20);
    let read = |path: PathBuf, at| {
        let mut bytes = [0; 4];
        let file = fs::File::open(path).expect("opened");
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, at).expect("read");
        bytes
    };
    for at in [0, 1 << 20, (1 << 30) - 5] {
        assert_eq!(&read(rootfs(test).join("sparse"), at), b"data");
    }
    assert_eq!(&read(rootfs(test).join("sparse"), 4096), &[0; 4]);
    let (one, two) =
        (rootfs(test).join("one").metadata().expect("there"), rootfs(test).join("dir/two").metadata().expect("there"));
    assert_eq!((one.ino(), one.nlink()), (two.ino(), 2));
}

fn writes(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base"), layer(test, "top", &[("a", "a"), ("d/x", "x")])];
    let before = layers.each_ref().map(|layer| look(layer));
    for ids in all_ids(&host) {
        let part = copy(test, &layers);
        succeed(&host, &part, *ids, "echo b > /a; rm -r /d; chmod 0 /bin");
        fs::set_permissions(rootfs(test).join("bin"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .expect("mine");
        succeed(&host, &part, *ids, "test $(cat /a) = b; test ! -e /d");
        let read_only = Copy { read_only: true, ..part.clone() };
        succeed(&host, &read_only, *ids, "! rm /a 2> /dev/null");
        forget(test);
        let passing = Copy { keep: Keep::Nothing, ..part };
        succeed(&host, &passing, *ids, "test $(cat /a) = a; mkdir -p /x/y; chmod 0 /x/y /x");
        assert_eq!(look(&containers(test)).len(), 1, "nothing is kept");
    }
    for (layer, before) in layers.iter().zip(&before) {
        same(before, &look(layer), "a layer after all that");
    }
}

/// Method: a lower layer has a link in a directory's place that a higher one writes into.
fn link_out(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let outside = layer(test, "outside", &[("victim", "safe")]);
    let low = test.directory("low");
    symlink(&outside, low.join("d")).expect("a link");
    symlink(outside.join("victim"), low.join("file")).expect("a link");
    let high = layer(test, "high", &[("d/victim", "evil"), ("file", "evil")]);
    let before = look(&outside);
    let part = copy(test, &[low.clone(), high]);
    part.prepare(&host, &id()).expect("copied");
    same(&before, &look(&outside), "outside of all layers");
    assert_eq!(fs::read_to_string(rootfs(test).join("d/victim")).expect("a file"), "evil");
    assert!(rootfs(test).join("d").symlink_metadata().expect("there").is_dir());
    forget(test);
    // Within one layer, a hard link's first name lies where it was put, and nowhere else.
    let twice = layer(test, "twice", &[("a/first", "x")]);
    fs::hard_link(twice.join("a/first"), twice.join("second")).expect("a link");
    copy(test, &[low, twice]).prepare(&host, &id()).expect("copied");
    same(&before, &look(&outside), "outside of all layers, after links");
}

/// Method: a small xfs in a file; how much room is left before and after.
fn reflinks(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let (image, place) = (test.directory("disk").join("image"), test.directory("xfs"));
    fs::File::create(&image).and_then(|file| file.set_len(320 << 20)).expect("a file");
    test.run(Command::new("mkfs.xfs").args(["-q", "-m", "reflink=1"]).arg(&image)).success();
    test.run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&place)).success();
    let top = place.join("top");
    fs::create_dir_all(&top).and_then(|()| fs::create_dir(place.join("containers"))).expect("made");
    fs::write(top.join("big"), vec![7; 32 << 20]).expect("written");
    let used = |reflink| {
        rustix::fs::sync();
        let free = |()| rustix::fs::statvfs(&place).map(|fs| fs.f_bfree * fs.f_frsize).expect("a file system");
        let before = free(());
        let part = Copy { containers: place.join("containers"), reflink, ..copy(test, std::slice::from_ref(&top)) };
        part.prepare(&host, &id()).expect("copied");
        rustix::fs::sync();
        let used = before.saturating_sub(free(()));
        let own = place.join("containers").join(id().as_str());
        assert_eq!(fs::read(own.join("rootfs/big")).expect("there").len(), 32 << 20);
        fs::remove_dir_all(own).expect("removed");
        used
    };
    let (copied, shared) = (used(Reflink::Never), used(Reflink::WherePossible));
    test.run(Command::new("umount").arg(&place)).success();
    assert!(copied >= 32 << 20 && shared < 1 << 20, "{copied} bytes copied, {shared} bytes shared");
}

//! What can't be a layer or take what is written: refused in words, with nothing made; and the next start works.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::ExitCode,
};

use conex_kernel::{Error, Kernel};
use conex_namespaces::{Facts, Host, Part};
use conex_overlay::{Keep, LAYERS_MAX, Overlay};
use rig::{Ids, all_ids, containers, copy, forget, host, layer, look, overlay, run, same, succeed};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("what_can_t_be_a_layer_is_refused_and_nothing_is_made", bad_layers),
            Case::user("what_can_t_be_a_layer_is_refused_and_nothing_is_made_as_a_user", bad_layers),
            Case::root("names_with_dots_colons_and_commas_are_names", strange_names),
            Case::user("names_with_dots_colons_and_commas_are_names_as_a_user", strange_names),
            Case::root("a_directory_that_is_another_s_is_refused", not_empty),
            Case::root("an_overlay_on_an_overlay_is_refused_with_advice", on_an_overlay),
            Case::root("a_layer_may_lie_on_an_overlay", layer_on_an_overlay),
            Case::root("a_full_disk_is_said_so_and_the_next_start_works", full_disk),
            Case::root("a_disk_without_inodes_is_said_so", no_inodes),
            Case::root("an_old_kernel_and_an_id_map_are_refused_in_words", old_and_mapped),
        ],
        &[],
    )
}

/// Method: both parts, since both read layers.
fn bad_layers(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let (base, good) = (test.rootfs("base"), layer(test, "good", &[("a", "a"), ("inner/", "")]));
    let place = test.directory("bad");
    fs::write(place.join("file"), "x").expect("a file");
    symlink(&good, place.join("link")).expect("a link");
    symlink("/etc", place.join("out")).expect("a link");
    nix::unistd::mkfifo(&place.join("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let many: Vec<PathBuf> = (0..=LAYERS_MAX).map(|n| place.join(n.to_string())).collect();
    let cases: [(&str, Vec<PathBuf>, &str); 11] = [
        ("none", vec![], "there is none"),
        ("missing", vec![base.clone(), place.join("missing")], "there is no such directory"),
        ("file", vec![base.clone(), place.join("file")], "it is a file, not a directory"),
        ("below a file", vec![base.clone(), place.join("file/x")], "ENOTDIR"),
        ("link", vec![base.clone(), place.join("link")], "it is a symbolic link"),
        ("link out", vec![base.clone(), place.join("out")], "it is a symbolic link"),
        ("fifo", vec![base.clone(), place.join("fifo")], "it is a FIFO"),
        ("twice", vec![base.clone(), good.clone(), base.clone()], "are the same directory"),
        ("twice by ..", vec![base.clone(), good.clone(), good.join("inner/..")], "are the same directory"),
        ("inside", vec![base.clone(), good.clone(), good.join("inner")], "lies inside"),
        ("too many", many, "the kernel takes 500"),
    ];
    containers(test);
    let before = test.fingerprint();
    for (what, layers, words) in cases {
        let parts: [&dyn Part; 2] = [&overlay(test, &layers), &copy(test, &layers)];
        for part in parts {
            let error = run(&host, part, all_ids(&host)[0], "true").expect_err(what);
            assert!(error.to_string().contains(words), "{what}: {error}");
            before.assert_same(&test.fingerprint(), what);
        }
    }
    succeed(&host, &overlay(test, &[base, good]), all_ids(&host)[0], "test -e /a");
}

fn strange_names(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let base = test.rootfs("base");
    let names = ["a:b", "c,d", "e\\f", "g h", "lowerdir=x", "ü", "..."];
    let mut layers: Vec<PathBuf> = vec![base.join("../base")];
    layers.extend(names.iter().map(|name| layer(test, name, &[(&format!("from {name}"), "x")])));
    let long = "long".repeat(60);
    layers.push(layer(test, &long, &[("from long", "x")]));
    for host in rig::kernels(&host) {
        for ids in all_ids(&host) {
            succeed(&host, &overlay(test, &layers), *ids, "test $(ls -d /from* | wc -l) = 8; rm /from*; echo x > /x");
            forget(test);
        }
    }
}

/// Method: the container's directory is there, with things in it that no overlay leaves.
fn not_empty(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let root = overlay(test, &[test.rootfs("base")]);
    let own = containers(test).join(rig::id().as_str());
    fs::create_dir_all(own.join("work/somebody_s")).expect("made");
    let error = run(&host, &root, Ids::Host, "true").expect_err("the work directory is not empty");
    assert!(error.to_string().contains("it is not empty: somebody_s is in it"), "{error}");
    assert!(own.join("work/somebody_s").is_dir(), "it is not ours to remove");
    forget(test);
    fs::create_dir_all(&own).expect("made");
    let new = Overlay { keep: Keep::Nothing, ..root.clone() };
    let error = run(&host, &new, Ids::Host, "true").expect_err("it shall be new");
    assert!(error.to_string().contains("it is there already"), "{error}");
    succeed(&host, &new, Ids::Host, "echo x > /x");
    assert!(!own.exists());
}

fn mounted(test: &TestHost, name: &str, options: &str) -> PathBuf {
    let place = test.directory(name);
    let options = std::ffi::CString::new(options).expect("no NUL");
    mount("tmpfs", &place, "tmpfs", MountFlags::empty(), Some(options.as_c_str())).expect("mounted");
    place
}

fn overlaid(test: &TestHost) -> PathBuf {
    let (lower, upper, work) = (test.directory("o/lower"), test.directory("o/upper"), test.directory("o/work"));
    let place = test.directory("o/merged");
    let options = format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    let options = std::ffi::CString::new(options).expect("no NUL");
    mount("overlay", &place, "overlay", MountFlags::empty(), Some(options.as_c_str())).expect("mounted");
    place
}

fn on_an_overlay(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let place = overlaid(test);
    let root = Overlay { containers: place.clone(), ..overlay(test, &[test.rootfs("base")]) };
    let before = test.fingerprint();
    let error = run(&host, &root, Ids::Host, "true").expect_err("overlay on overlay");
    assert!(error.to_string().contains("of type overlay: an overlay can't be written through another"), "{error}");
    assert!(error.hint.expect("advice").contains("or a root that is a copy: --storage-driver copy"));
    before.assert_same(&test.fingerprint(), "after the refusal");
    assert_eq!(look(&place).len(), 1);
    // The advice works.
    let copied = conex_overlay::Copy { containers: place.clone(), ..copy(test, &root.layers) };
    succeed(&host, &copied, Ids::Host, "echo x > /x");
    unmount(&place, UnmountFlags::DETACH).expect("unmounted");
}

fn layer_on_an_overlay(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let place = overlaid(test);
    fs::create_dir(place.join("layer")).and_then(|()| fs::write(place.join("layer/a"), "a")).expect("made");
    succeed(&host, &overlay(test, &[test.rootfs("base"), place.join("layer")]), Ids::Host, "rm /a; test ! -e /a");
    unmount(&place, UnmountFlags::DETACH).expect("unmounted");
}

fn fill(place: &Path) {
    let mut chunk = 1 << 16;
    let mut file = fs::File::create(place.join("filler")).expect("a file");
    while chunk > 0 {
        if std::io::Write::write_all(&mut file, &vec![1; chunk]).is_err() {
            chunk /= 2;
        }
    }
}

fn expect_full(error: &Error) {
    assert_eq!(error.errno(), Some(nix::libc::ENOSPC), "{error}");
    assert!(error.hint.as_ref().expect("advice").contains("the disk is full"), "{error:?}");
}

fn full_disk(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base"), layer(test, "top", &[("a", "a")])];
    let before: Vec<_> = layers.iter().map(|layer| look(layer)).collect();
    let place = mounted(test, "small", "size=1m");
    // A copy of busybox does not fit.
    let root = conex_overlay::Copy { containers: place.clone(), ..copy(test, &layers) };
    let fingerprint = test.fingerprint();
    expect_full(&run(&host, &root, Ids::Host, "true").expect_err("it does not fit"));
    assert_eq!(look(&place).len(), 1, "nothing half-made: {:?}", look(&place));
    fingerprint.assert_same(&test.fingerprint(), "after the failure");
    // An overlay does; and where even its directories don't, nothing is left.
    let root = Overlay { containers: place.clone(), ..overlay(test, &layers) };
    succeed(&host, &root, Ids::Host, "true");
    fill(&place);
    if let Err(error) = run(&host, &root, Ids::Host, "true") {
        expect_full(&error);
    }
    assert_eq!(look(&place).len(), 2, "only the filler: {:?}", look(&place).keys());
    // What the container itself can't write is its own error.
    let finished = run(&host, &root, Ids::Host, "dd if=/bin/busybox of=/big 2> /dev/null").expect("it runs");
    assert_eq!(finished.exit, conex_namespaces::Exit::Code(1));
    fs::remove_file(place.join("filler")).expect("removed");
    succeed(&host, &root, Ids::Host, "rm -f /big; echo x > /x");
    for (layer, before) in layers.iter().zip(&before) {
        same(before, &look(layer), "a layer after a full disk");
    }
    unmount(&place, UnmountFlags::DETACH).expect("unmounted");
}

fn no_inodes(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let layers = [test.rootfs("base")];
    // The container's directory, upper, work, and one that the kernel makes; the root of the file system is one, too.
    for inodes in 2..=4 {
        let place = mounted(test, &format!("few{inodes}"), &format!("size=1m,nr_inodes={inodes}"));
        let root = Overlay { containers: place.clone(), ..overlay(test, &layers) };
        let error = run(&host, &root, Ids::Host, "true").expect_err("too few inodes");
        match inodes {
            4 => assert!(error.to_string().contains("nothing can be written in its work directory"), "{error}"),
            _ => expect_full(&error),
        }
        assert_eq!(look(&place).len(), 1, "nothing half-made: {:?}", look(&place));
        unmount(&place, UnmountFlags::DETACH).expect("unmounted");
    }
}

fn old_and_mapped(test: &TestHost) {
    let host = host(test, Kernel::quiet());
    let old = Host { facts: Facts { kernel: (6, 1), ..host.facts.clone() }, ..host.clone() };
    let root = overlay(test, &[test.rootfs("base")]);
    let before = test.fingerprint();
    let error = run(&old, &root, Ids::Mapped, "true").expect_err("too old");
    assert!(error.to_string().contains("this is Linux 6.1"), "{error}");
    before.assert_same(&test.fingerprint(), "after the refusal");
}

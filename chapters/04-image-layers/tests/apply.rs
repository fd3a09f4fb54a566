//! What a layer's archive says, and what is there once it is unpacked.
//! Long because each kind of entry has its case, and all share the archives made by hand.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::Path,
    process::ExitCode,
};

use rig::{Tape, attributes, is_opaque, is_whiteout, layers, names, store, text, unpack, unpacked};
use tar::EntryType;
use testkit::{Case, TestHost};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("every_kind_of_entry_is_what_it_says", kinds),
            Case::user("a_user_s_layer_is_his_own_and_has_no_devices", of_a_user),
            Case::root("metadata_survives_with_capabilities_and_setuid_bits", metadata),
            Case::root("what_steers_an_overlay_or_this_host_is_dropped", dropped),
            Case::root("whiteouts_hide_lower_layers_wherever_they_stand", whiteouts),
            Case::user("whiteouts_hide_lower_layers_wherever_they_stand_as_a_user", whiteouts),
            Case::root("a_later_entry_takes_the_place_of_an_earlier", duplicates),
            Case::root("long_names_are_read_as_gnu_and_pax_write_them", long_names),
            Case::root("sparse_files_are_read_in_all_four_ways", sparse),
            Case::root("a_directory_that_is_only_implied_is_like_the_one_below", implied),
            Case::root("a_link_to_a_file_of_a_lower_layer_brings_it_up", links_down),
            Case::root("a_link_may_come_before_its_file", late_links),
            Case::root("an_opaque_root_hides_all_that_lies_below", opaque_root),
        ],
        &[],
    )
}

fn kinds(test: &TestHost) {
    let device = |header: &mut tar::Header| {
        header.set_device_major(1).expect("GNU has devices");
        header.set_device_minor(3).expect("GNU has devices");
    };
    let tape = Tape::default()
        .directory("./")
        .directory("etc/")
        .file("etc/passwd", "root")
        .file("/absolute", "x")
        .symlink("link", "/etc/passwd")
        .symlink("nowhere", "../../..")
        .hard_link("again", "etc/passwd")
        .hard_link("link-again", "link")
        .entry(EntryType::Fifo, "fifo", "", b"")
        .header(EntryType::Char, "null", b"", device)
        .header(EntryType::Block, "block", b"", device)
        .file("link-to-dir-is-none", "")
        .symlink("usr", "etc")
        .file("usr/through", "followed inside");
    let layer = unpacked(&store(test, "s"), tape);
    assert_eq!(text(&layer.join("etc/passwd")), "root");
    assert_eq!(text(&layer.join("absolute")), "x");
    assert_eq!(text(&layer.join("etc/through")), "followed inside");
    assert_eq!(fs::read_link(layer.join("link")).expect("a link"), Path::new("/etc/passwd"));
    let ino = |name: &str| layer.join(name).symlink_metadata().expect("there").ino();
    assert_eq!(ino("again"), ino("etc/passwd"));
    assert_eq!(ino("link-again"), ino("link"));
    let kind = |name: &str| layer.join(name).symlink_metadata().expect("there").file_type();
    assert!(kind("fifo").is_fifo() && kind("null").is_char_device() && kind("block").is_block_device());
    assert_eq!(layer.join("null").symlink_metadata().expect("there").rdev(), rustix::fs::makedev(1, 3));
    // A directory's time is the archive's, although things were made in it later.
    assert_eq!(layer.join("etc").metadata().expect("there").mtime(), 1_000_000_000);
}

fn of_a_user(test: &TestHost) {
    let owned = |header: &mut tar::Header| {
        header.set_uid(7);
        header.set_mode(0o4711);
    };
    let closed = |header: &mut tar::Header| header.set_mode(0o000);
    let capability: &[(&str, &[u8])] = &[("SCHILY.xattr.security.capability", b"\x01\0\0\x02")];
    let tape = Tape::default()
        .header(EntryType::Directory, "closed/", b"", closed)
        .file("closed/inside", "x")
        .pax(capability)
        .header(EntryType::Regular, "tool", b"x", owned)
        .header(EntryType::Char, "null", b"", |header| header.set_device_minor(3).expect("a minor"));
    let store = store(test, "s");
    let layer = unpacked(&store, tape);
    let tool = layer.join("tool").metadata().expect("there");
    assert_eq!((tool.uid(), tool.mode() & 0o7777), (rustix::process::geteuid().as_raw(), 0o4711));
    assert!(attributes(&layer.join("tool")).is_empty());
    assert!(!layer.join("null").exists());
    assert_eq!(layer.join("closed").metadata().expect("there").mode() & 0o777, 0);
    // And what is half-made goes away, closed or not.
    let bad =
        Tape::default().header(EntryType::Directory, "closed/", b"", closed).file("closed/inside", "x").file("..", "");
    unpack(&store, &[bad.end()]).expect_err("..");
    assert_eq!(names(&layers(test, "s")).len(), 1);
}

fn metadata(test: &TestHost) {
    let owned = |header: &mut tar::Header| {
        header.set_uid(1000);
        header.set_gid(50);
        header.set_mode(0o6755);
        // Far in the future, in base 256.
        header.set_mtime(1 << 34);
    };
    // VFS_CAP_REVISION_2 with CAP_NET_RAW, with a byte that looks like the end of a record.
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0];
    let store = store(test, "s");
    let tape = Tape::default()
        .pax(&[("SCHILY.xattr.security.capability", &capability[..]), ("SCHILY.xattr.user.note", b"a\nb=c")])
        .header(EntryType::Regular, "ping", b"x", owned)
        .pax(&[("mtime", b"-1.5"), ("uid", b"3000000"), ("gid", b"4000000000"), ("size", b"3")])
        .header(EntryType::Regular, "old", b"abc", |header| header.set_size(0))
        .pax(&[("mtime", b"1234567890.123456789")])
        .symlink("link", "ping");
    // The header says 0, and what follows is found by what the extended header says.
    let layer = unpacked(&store, tape);
    let ping = layer.join("ping").metadata().expect("there");
    assert_eq!((ping.uid(), ping.gid(), ping.mode() & 0o7777, ping.mtime()), (1000, 50, 0o6755, 1 << 34));
    assert_eq!(attributes(&layer.join("ping"))["security.capability"], capability);
    assert_eq!(attributes(&layer.join("ping"))["user.note"], b"a\nb=c");
    let old = layer.join("old").metadata().expect("there");
    assert_eq!((old.uid(), old.gid(), old.mtime(), old.mtime_nsec()), (3_000_000, 4_000_000_000, -2, 500_000_000));
    assert_eq!(text(&layer.join("old")), "abc");
    let link = layer.join("link").symlink_metadata().expect("there");
    assert_eq!((link.mtime(), link.mtime_nsec()), (1_234_567_890, 123_456_789));
    // A header's number may be negative, too.
    let negative = |header: &mut tar::Header| header.as_old_mut().mtime = [0xff; 12];
    let layer = unpacked(&store, Tape::default().header(EntryType::Regular, "a", b"", negative));
    assert_eq!(layer.join("a").metadata().expect("there").mtime(), -1);
}

fn dropped(test: &TestHost) {
    let keys = ["trusted.overlay.opaque", "trusted.x", "security.selinux", "user.overlay.redirect", "user.kept"];
    let keys: Vec<String> = keys.iter().map(|key| format!("SCHILY.xattr.{key}")).collect();
    let records: Vec<(&str, &[u8])> = keys.iter().map(|key| (key.as_str(), &b"y"[..])).collect();
    let layer = unpacked(&store(test, "s"), Tape::default().pax(&records).directory("a").pax(&records).file("b", ""));
    for name in ["a", "b"] {
        assert_eq!(attributes(&layer.join(name)).keys().collect::<Vec<_>>(), ["user.kept"]);
    }
}

fn whiteouts(test: &TestHost) {
    let tape = Tape::default()
        // Before and after what has the name in this layer; alone; in a directory that is not listed.
        .file(".wh.before", "")
        .file("before", "new")
        .file("after", "new")
        .file(".wh.after", "")
        .file(".wh.alone", "")
        .file("implied/.wh.alone", "")
        .file(".wh.dir-before", "")
        .directory("dir-before/")
        .file("dir-before/a", "")
        .file("dir-after/a", "")
        .file(".wh.dir-after", "")
        .file(".wh.dir-implied", "")
        .file("dir-implied/a", "")
        // Opaque, before and after what lies in it, and without a directory.
        .file("opaque-before/.wh..wh..opq", "")
        .file("opaque-before/a", "")
        .file("opaque-after/a", "")
        .file("opaque-after/.wh..wh..opq", "")
        .file(".wh..wh.plnk/1.2", "")
        .file(".wh..wh.aufs", "");
    let layer = unpacked(&store(test, "s"), tape);
    assert_eq!(text(&layer.join("before")), "new");
    assert_eq!(text(&layer.join("after")), "new");
    assert!(is_whiteout(&layer.join("alone")) && is_whiteout(&layer.join("implied/alone")));
    for name in ["dir-before", "dir-after", "dir-implied", "opaque-before", "opaque-after"] {
        assert!(is_opaque(&layer.join(name)), "{name}");
        assert!(layer.join(name).join("a").is_file(), "{name}");
        assert_eq!(names(&layer.join(name)), ["a"], "{name}");
    }
    assert!(!is_opaque(&layer.join("implied")));
    assert!(names(&layer).iter().all(|name| !name.starts_with(".wh.")));
}

fn duplicates(test: &TestHost) {
    let tape = Tape::default()
        .file("a", "one")
        .file("a", "two")
        .directory("b/")
        .file("b/deep/er", "")
        .file("b", "a file now")
        .symlink("c", "b")
        .directory("c/")
        .file("c/in", "")
        .directory("d/")
        .file("d/stays", "")
        .header(EntryType::Directory, "d/", b"", |header| header.set_mode(0o700));
    let layer = unpacked(&store(test, "s"), tape);
    assert_eq!(text(&layer.join("a")), "two");
    assert_eq!(text(&layer.join("b")), "a file now");
    assert!(layer.join("c").symlink_metadata().expect("there").is_dir());
    assert!(layer.join("d/stays").exists());
    assert_eq!(layer.join("d").metadata().expect("there").permissions().mode() & 0o777, 0o700);
}

fn long_names(test: &TestHost) {
    let (gnu, pax) = (format!("{}/gnu", "d".repeat(200)), format!("{}/päx", "e".repeat(200)));
    let zero = |text: &str| [text.as_bytes(), b"\0"].concat();
    let tape = Tape::default()
        .entry(EntryType::GNULongName, "././@LongLink", "", &zero(&gnu))
        .file("cut", "gnu")
        .entry(EntryType::GNULongLink, "././@LongLink", "", &zero(&gnu))
        .symlink("to-gnu", "cut")
        .pax(&[("path", pax.as_bytes())])
        .file("cut", "pax")
        .pax(&[("linkpath", pax.as_bytes())])
        .hard_link("to-pax", "cut")
        .entry(EntryType::XGlobalHeader, "g", "", b"12 path=abc\n")
        .file("plain", "plain");
    let layer = unpacked(&store(test, "s"), tape);
    assert_eq!(text(&layer.join(&gnu)), "gnu");
    assert_eq!(text(&layer.join("to-gnu")), "gnu");
    assert_eq!(text(&layer.join(&pax)), "pax");
    assert_eq!(text(&layer.join("to-pax")), "pax");
    assert_eq!(text(&layer.join("plain")), "plain");
}

/// Method: one file of 1 MiB with two pieces, as each way writes it; and as GNU tar itself does, where it is there.
fn sparse(test: &TestHost) {
    let content = "firstlast!";
    let old = |header: &mut tar::Header| {
        let gnu = header.as_gnu_mut().expect("GNU");
        gnu.realsize[..11].copy_from_slice(b"00004000000");
        gnu.sparse[0].offset[..11].copy_from_slice(b"00000010000");
        gnu.sparse[0].numbytes[..11].copy_from_slice(b"00000000005");
        gnu.sparse[1].offset[..11].copy_from_slice(b"00000100000");
        gnu.sparse[1].numbytes[..11].copy_from_slice(b"00000000005");
    };
    let extended = |header: &mut tar::Header| {
        old(header);
        let gnu = header.as_gnu_mut().expect("GNU");
        gnu.sparse[1].offset[0] = 0;
        gnu.isextended[0] = 1;
    };
    let mut block = [0; 512];
    block[..24].copy_from_slice(b"00000100000\x0000000000005\0");
    let mut map = b"2\n4096\n5\n32768\n5\n".to_vec();
    map.resize(512, 0);
    let with_map = [&map, content.as_bytes()].concat();
    let tape = Tape::default()
        .header(EntryType::GNUSparse, "old", content.as_bytes(), old)
        .pax(&[
            ("GNU.sparse.size", b"1048576"),
            ("GNU.sparse.numblocks", b"2"),
            ("GNU.sparse.offset", b"4096"),
            ("GNU.sparse.numbytes", b"5"),
            ("GNU.sparse.offset", b"32768"),
            ("GNU.sparse.numbytes", b"5"),
        ])
        .file("0.0", content)
        .pax(&[
            ("GNU.sparse.size", b"1048576"),
            ("GNU.sparse.numblocks", b"2"),
            ("GNU.sparse.name", b"0.1"),
            ("GNU.sparse.map", b"4096,5,32768,5"),
        ])
        .file("GNUSparseFile.1/0.1", content)
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"1.0"),
            ("GNU.sparse.realsize", b"1048576"),
        ])
        .entry(EntryType::Regular, "GNUSparseFile.1/1.0", "", &with_map)
        .file("next", "next");
    // The block with more of the map comes between the header and the data, and is not counted by its size.
    let extended = {
        let header = Tape::default().header(EntryType::GNUSparse, "extended", content.as_bytes(), extended).end();
        Tape::default().raw(&header[..512]).raw(&block).raw(&header[512..1024]).file("next", "next")
    };
    let store = store(test, "s");
    let (layer, more) = (unpacked(&store, tape), unpacked(&store, extended));
    for path in [layer.join("old"), layer.join("0.0"), layer.join("0.1"), layer.join("1.0"), more.join("extended")] {
        let bytes = fs::read(&path).expect("there");
        let mut expected = vec![0; 1 << 20];
        expected[4096..4101].copy_from_slice(b"first");
        expected[32768..32773].copy_from_slice(b"last!");
        assert!(bytes == expected, "{}", path.display());
        assert!(path.metadata().expect("there").blocks() < 64, "{} has no holes", path.display());
    }
    assert_eq!(text(&layer.join("next")), "next");
    assert_eq!(text(&more.join("next")), "next");
}

fn implied(test: &TestHost) {
    let special = |header: &mut tar::Header| {
        header.set_mode(0o1777);
        header.set_uid(12);
    };
    let base = Tape::default()
        .header(EntryType::Directory, "./", b"", |header| header.set_mode(0o711))
        .pax(&[("SCHILY.xattr.user.of", b"base")])
        .header(EntryType::Directory, "a/", b"", special)
        .directory("a/gone/")
        .file("a/file", "");
    let middle = Tape::default().file("a/.wh.gone", "").file("other", "");
    let top = Tape::default().file("a/gone/new/x", "").file("a/file/x", "");
    let paths = unpack(&store(test, "s"), &[base.end(), middle.end(), top.end()]).expect("unpacked");
    let mode = |at: usize, name: &str| {
        let found = paths[at].join(name).metadata().expect("there");
        (found.mode() & 0o7777, found.uid(), found.mtime())
    };
    for (at, path) in paths.iter().enumerate() {
        assert_eq!(mode(at, "a"), (0o1777, 12, 1_000_000_000), "{at}");
        assert_eq!(attributes(&path.join("a"))["user.of"], b"base");
        assert_eq!(mode(at, "").0, 0o711, "the root of layer {at}");
    }
    // What lies below is deleted, or no directory.
    assert_eq!(mode(2, "a/gone"), (0o755, 0, 0));
    assert_eq!(mode(2, "a/file"), (0o755, 0, 0));
}

fn links_down(test: &TestHost) {
    let owned = |header: &mut tar::Header| header.set_uid(9);
    let base = Tape::default()
        .header(EntryType::Directory, "d/", b"", |header| header.set_mode(0o750))
        .pax(&[("SCHILY.xattr.user.note", b"x")])
        .header(EntryType::Regular, "d/file", b"content", owned)
        .file("gone", "");
    let top = Tape::default().hard_link("new/name", "d/file").hard_link("second", "d/file");
    let store = store(test, "s");
    let paths = unpack(&store, &[base.clone().end(), top.end()]).expect("unpacked");
    assert_eq!(text(&paths[1].join("new/name")), "content");
    let stat = |name: &str| paths[1].join(name).metadata().expect("there");
    assert_eq!((stat("second").nlink(), stat("second").uid(), stat("d/file").ino()), (3, 9, stat("new/name").ino()));
    assert_eq!(attributes(&paths[1].join("second"))["user.note"], b"x");
    assert_eq!(stat("d").mode() & 0o777, 0o750);
    assert_eq!(paths[0].join("d/file").metadata().expect("there").nlink(), 1, "a lower layer is never changed");
    for (tape, why) in [
        (Tape::default().hard_link("x", "d/none"), "there is no such file"),
        (Tape::default().hard_link("x", "d"), "that is a directory"),
        (Tape::default().file(".wh.gone", "").hard_link("x", "gone"), "that is deleted"),
    ] {
        let error = unpack(&store, &[base.clone().end(), tape.end()]).expect_err(why).to_string();
        assert!(error.contains(why), "{error}");
    }
}

fn late_links(test: &TestHost) {
    let tape = Tape::default().hard_link("a", "b").file("b", "later");
    let layer = unpacked(&store(test, "s"), tape);
    assert_eq!(text(&layer.join("a")), "later");
    assert_eq!(layer.join("a").metadata().expect("there").nlink(), 2);
}

fn opaque_root(test: &TestHost) {
    let base = Tape::default().file("a", "").file("b/c", "").file("d/e", "");
    let opaque =
        [Tape::default().file(".wh..wh..opq", ""), Tape::default().symlink("l", "/").file("l/.wh..wh..opq", "")];
    for top in opaque {
        let top = top.file("a", "new").file("d/new", "");
        let paths = unpack(&store(test, "s"), &[base.clone().end(), top.end()]).expect("unpacked");
        assert_eq!(text(&paths[1].join("a")), "new");
        assert!(is_whiteout(&paths[1].join("b")));
        assert!(is_opaque(&paths[1].join("d")) && !is_opaque(&paths[1]));
    }
}

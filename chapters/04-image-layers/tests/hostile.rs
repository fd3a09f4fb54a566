//! Archives that attack, or are broken: each is refused with one clear error, or does no harm; nothing outside the
//! layer is touched, and nothing half-made stays.
//! Long because it is a list: one attack after the other.

#![forbid(unsafe_code)]

mod rig;

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use conex_image::{Config, Descriptor, Digest, Error, Limit, Limits, Manifest};
use rig::{LAYER, Tape, image, image_of, is_whiteout, layers, look, names, put, store, text, unpack, unpacked};
use rustix::time::{ClockId, clock_gettime};
use tar::EntryType;
use testkit::{Case, TestHost, say};

fn main() -> ExitCode {
    testkit::run(
        &[
            Case::root("what_is_wrong_is_refused_in_words_and_leaves_nothing", refused),
            Case::user("what_is_wrong_is_refused_in_words_and_leaves_nothing_as_a_user", refused),
            Case::root("links_never_lead_out_of_a_layer", links),
            Case::user("links_never_lead_out_of_a_layer_as_a_user", links),
            Case::root("every_limit_has_its_own_error", limits),
            Case::root("a_bomb_is_refused_while_it_expands", bomb),
            Case::root("what_lies_about_itself_is_refused", lies),
            Case::root("a_hundred_thousand_marks_take_linear_time", marks),
            Case::root("a_tree_deeper_than_our_descriptors_is_made_and_removed", deep),
            Case::root("what_was_unpacked_can_always_be_measured_and_removed", removed),
            Case::user("what_was_unpacked_can_always_be_removed_by_a_user", removed),
            Case::root("an_archive_cut_off_anywhere_is_refused", cut_off),
            Case::root("broken_maps_of_holes_are_refused", maps),
        ],
        &[],
    )
}

fn refused(test: &TestHost) {
    let store = store(test, "s");
    let id = |uid: u64| move |header: &mut tar::Header| header.set_uid(uid);
    let wrong_sum = {
        let mut bytes = Tape::default().file("a", "").end();
        bytes[0] = b'b';
        Tape::default().raw(&bytes[..512])
    };
    let cases: Vec<(Tape, &str)> = vec![
        (Tape::default().file("../a", ""), "apply ../a: a name in it is .."),
        (Tape::default().file("a/../../b", ""), "a name in it is .."),
        (Tape::default().directory("a/.."), "a name in it is .."),
        (Tape::default().file(".wh...", ""), "it deletes nothing that has a name"),
        (Tape::default().file("a/.wh.", ""), "it deletes nothing that has a name"),
        (Tape::default().file(".wh.a/b", ""), "it lies in something that is deleted"),
        (Tape::default().file("./", "").file("", ""), "the root is a directory"),
        (Tape::default().symlink(".", "/etc"), "the root is a directory"),
        (Tape::default().hard_link("shadow", "/etc/shadow"), "it links to etc/shadow: there is no such file"),
        (Tape::default().hard_link("shadow", "../../etc/shadow"), "a name in it is .."),
        (Tape::default().directory("d").hard_link("a", "d"), "that is a directory"),
        (Tape::default().hard_link("a", "a"), "it links to a: there is no such file"),
        (Tape::default().hard_link("a", "x/.wh.b"), "that is a mark"),
        (Tape::default().file("a", "").file("a/b", ""), "a is no directory"),
        (Tape::default().symlink("a", "gone").file("a/b", ""), "a is a link that leads nowhere"),
        (Tape::default().symlink("a", "a").file("a/b", ""), "ELOOP"),
        (Tape::default().entry(EntryType::Char, "null", "", b""), "the device 0:0 would delete"),
        (Tape::default().entry(EntryType::new(b'Z'), "odd", "", b""), "its type is 'Z'"),
        (Tape::default().header(EntryType::Regular, "a", b"", id(u64::from(u32::MAX))), "uid is none"),
        (Tape::default().header(EntryType::Regular, "a", b"", id(1 << 40)), "uid is none"),
        (Tape::default().pax(&[("gid", b"-1")]).file("a", ""), "is no number"),
        (Tape::default().entry(EntryType::XHeader, "x", "", b"9 a=b\n"), "an extended header in it is broken"),
        (
            Tape::default().file(&"n".repeat(90), "").pax(&[("path", "m".repeat(256).as_bytes())]).file("a", ""),
            "ENAMETOOLONG",
        ),
        (Tape::default().symlink("a", ""), "ENOENT"),
        (wrong_sum, "a header in it has a wrong sum"),
        (Tape::default().raw(&[1; 512]), "is no number"),
    ];
    let before = look(&test.directory("s").join("layers"));
    for (tape, why) in cases {
        let error = unpack(&store, &[tape.end()]).expect_err(why).to_string();
        assert!(error.contains(why), "{error} does not say {why}");
        assert_eq!(names(&layers(test, "s")), [""; 0], "{why}");
        let mut after = look(&layers(test, "s"));
        // Only the directory's time changed.
        after.clone_from(&before);
        assert_eq!(after, before);
    }
}

/// Method: links to a directory outside, of which everything is looked at before and after.
fn links(test: &TestHost) {
    let outside = test.directory("outside");
    fs::write(outside.join("secret"), "secret").expect("written");
    let before = look(&outside);
    let (store, out) = (store(test, "s"), outside.to_str().expect("text").to_owned());
    let up = format!("{}{out}", "../".repeat(20));
    for target in [out.as_str(), up.as_str(), "/proc/self/root", "/proc/self/cwd"] {
        let through = Tape::default().symlink("l", target);
        for tape in [
            through.clone().file("l/new", "x"),
            through.clone().file("l/secret", "x"),
            through.clone().file("l/.wh.secret", ""),
            through.clone().file("l/.wh..wh..opq", ""),
            through.clone().directory("l/d/"),
            through.clone().symlink("l/s", "x"),
            through.clone().hard_link("mine", "l/secret"),
            through.clone().hard_link("l/theirs", "l/secret"),
            through.clone().directory("l/d/").file("l/d/secret", ""),
        ] {
            // Refused, since inside the layer there is no such directory.
            let error = unpack(&store, &[tape.end()]).expect_err("it leads nowhere").to_string();
            assert!(error.contains("leads nowhere") || error.contains("no such file"), "{target}: {error}");
            assert_eq!(look(&outside), before, "{target}");
        }
    }
    // A link as the last name is replaced, never followed.
    let replaced = |tape: Tape| unpacked(&store, tape);
    let secret = format!("{out}/secret");
    let layer = replaced(Tape::default().symlink("l", &secret).file("l", "mine"));
    assert_eq!(text(&layer.join("l")), "mine");
    let layer = replaced(Tape::default().symlink("l", &out).directory("l/").file("l/secret", "mine"));
    assert_eq!(text(&layer.join("l/secret")), "mine");
    // Metadata of a directory whose place was taken by a link afterwards.
    let open = |header: &mut tar::Header| header.set_mode(0o777);
    replaced(Tape::default().header(EntryType::Directory, "l", b"", open).symlink("l", &out));
    // A hard link to a link is one to the link itself.
    let layer = replaced(Tape::default().symlink("l", &secret).hard_link("h", "l"));
    assert!(layer.join("h").is_symlink());
    // A whiteout through a link stays inside.
    let layer = replaced(Tape::default().directory("d").symlink("l", "/d").file("l/.wh.secret", ""));
    assert!(is_whiteout(&layer.join("d/secret")));
    assert_eq!(look(&outside), before);
}

fn limits(test: &TestHost) {
    let store = store(test, "s");
    let small = Limits {
        entries: 3,
        name_bytes: 20,
        header_bytes: 600,
        expanded_bytes: 10_000,
        held_bytes: 160,
        ..Limits::default()
    };
    let long = "n".repeat(21);
    let map = vec![("GNU.sparse.major", &b"1"[..]), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"9")];
    let many = "1\n".repeat(400).replacen('1', "999", 1);
    let cases = [
        (Tape::default().file("a", "").file("b", "").file("c", ""), None),
        (Tape::default().file("a", "").file("b", "").file("c", "").file("d", ""), Some(Limit::Entries(3))),
        (Tape::default().file(&long, ""), Some(Limit::Name(20))),
        (Tape::default().symlink("a", &long), Some(Limit::Name(20))),
        (Tape::default().pax(&[("comment", &[b'x'; 600])]).file("a", ""), Some(Limit::Header(600))),
        (Tape::default().entry(EntryType::GNULongName, "l", "", &[b'x'; 601]).file("a", ""), Some(Limit::Header(600))),
        (Tape::default().pax(&map).file("a", &many), Some(Limit::Header(600))),
        (Tape::default().file("a", &"x".repeat(10_000)), Some(Limit::Expanded(10_000))),
        (Tape::default().directory("a").directory("b"), None),
        (Tape::default().directory("a").directory("b").directory("c"), Some(Limit::Held(160))),
        (Tape::default().pax(&[("SCHILY.xattr.user.x", &[b'x'; 250])]).directory("a"), Some(Limit::Held(160))),
        (Tape::default().hard_link("a", "x").hard_link("b", "x").hard_link("c", "x"), Some(Limit::Held(160))),
    ];
    for (tape, limit) in cases {
        let (manifest, config) = image(&store, &[tape.end()]);
        match (store.unpack(&manifest, &config, &small), limit) {
            (Ok(_), None) => {}
            (Err(Error::TooMuch(found)), Some(limit)) => assert_eq!(found, limit),
            (other, limit) => panic!("{other:?} instead of {limit:?}"),
        }
    }
    // A header that claims to be huge is not believed.
    let huge = Tape::default().header(EntryType::XHeader, "x", b"", |header| header.set_size(1 << 40));
    let error = unpack(&store, &[huge.end()]).expect_err("huge");
    assert!(matches!(error, Error::TooMuch(Limit::Header(_))), "{error}");
}

/// Method: 64 MiB of zeros in some kilobytes, by both ways of packing.
fn bomb(test: &TestHost) {
    let store = store(test, "s");
    let limits = Limits { ratio_from_bytes: 32 << 20, ..Limits::default() };
    let header = Tape::default().header(EntryType::Regular, "zeros", b"", |header| header.set_size(64 << 20)).end();
    let fill = |into: &mut dyn Write| {
        into.write_all(&header[..512]).expect("packed");
        (0..64).for_each(|_| into.write_all(&vec![0; 1 << 20]).expect("packed"));
    };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    fill(&mut gzip);
    let mut zstd = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    fill(&mut zstd);
    let packed = [
        (gzip.finish().expect("packed"), "application/vnd.oci.image.layer.v1.tar+gzip"),
        (zstd.finish().expect("packed"), "application/vnd.oci.image.layer.v1.tar+zstd"),
    ];
    for (bytes, media_type) in packed {
        let (manifest, config) = image_of(&store, vec![put(&store, media_type, &bytes)], vec![Digest::of(b"any")]);
        let error = store.unpack(&manifest, &config, &limits).expect_err("a bomb");
        assert!(matches!(error, Error::TooMuch(Limit::Ratio { ratio: 200, .. })), "{error}");
        assert_eq!(names(&layers(test, "s")), [""; 0]);
    }
}

fn lies(test: &TestHost) {
    let store = store(test, "s");
    let tar = Tape::default().file("a", "a").end();
    let expect = |manifest: &Manifest, config: &Config, why: &str| {
        let error = store.unpack(manifest, config, &Limits::default()).expect_err(why).to_string();
        assert!(error.contains(why), "{error} does not say {why}");
        assert_eq!(names(&layers(test, "s")), [""; 0]);
    };
    // A diff id that is another's; a count that is another's.
    let (manifest, config) = image_of(&store, vec![put(&store, LAYER, &tar)], vec![Digest::of(b"other")]);
    expect(&manifest, &config, "its content is sha256:");
    let (manifest, config) = image_of(&store, vec![put(&store, LAYER, &tar)], vec![]);
    expect(&manifest, &config, "it has 1 layers, and its config names 0");
    // A blob that changed where it lies, or became longer or shorter.
    let (manifest, config) = image(&store, std::slice::from_ref(&tar));
    let blob = test.directory("s").join("images/blobs/sha256").join(manifest.layers[0].digest.hex());
    let (mut changed, mut longer) = (tar.clone(), tar.clone());
    changed[513] = b'b';
    longer.extend([0; 512]);
    for (bytes, why) in
        [(&changed, "its content is"), (&longer, "at least"), (&tar[..1024].to_vec(), "only 1024 bytes")]
    {
        fs::write(&blob, bytes).expect("written");
        expect(&manifest, &config, why);
    }
    // A size that is wrong.
    fs::write(&blob, &tar).expect("written");
    let wrong = Descriptor { size: 5, ..manifest.layers[0].clone() };
    let (manifest, config) = image_of(&store, vec![wrong], config.rootfs.diff_ids);
    expect(&manifest, &config, "not 5");
    // What follows the packed content.
    let gzip = |content: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).and_then(|()| encoder.finish()).expect("packed")
    };
    let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    let blob = put(&store, media_type, &[gzip(&tar), b"more than nothing".to_vec()].concat());
    let (manifest, config) = image_of(&store, vec![blob], vec![Digest::of(&tar)]);
    expect(&manifest, &config, "gzip header");
}

/// Method: twice as many must not take four times the processor's time; three times is where noise ends.
fn marks(test: &TestHost) {
    let time = |count: usize, name: &str| {
        let store = store(test, name);
        let mut tape = Tape::default().directory("d/");
        for at in 0..count {
            tape = if at % 2 == 0 { tape.file("d/.wh..wh..opq", "") } else { tape.file(&format!("d/.wh.{at}"), "") };
        }
        let bytes = tape.end();
        let (manifest, config) = image(&store, &[bytes]);
        let started = clock_gettime(ClockId::ProcessCPUTime);
        store.unpack(&manifest, &config, &Limits::default()).expect("unpacked");
        let ended = clock_gettime(ClockId::ProcessCPUTime);
        Duration::try_from(ended - started).expect("it goes on")
    };
    let (half, whole) = (time(50_000, "half"), time(100_000, "whole"));
    say(&format!("50,000 marks: {half:?}; 100,000: {whole:?}"));
    assert!(whole < half * 3, "{half:?}, then {whole:?}");
}

/// Method: links make a tree deeper than any path can be; the archive then fails, or takes all of it away by one entry.
fn deep(test: &TestHost) {
    let store = store(test, "s");
    let mut tape = Tape::default();
    let step = vec!["d"; 400].join("/");
    let mut link = String::new();
    for round in 0..4 {
        let whole = if round == 0 { step.clone() } else { format!("{link}/{step}") };
        tape = tape.pax(&[("path", whole.as_bytes())]).directory("cut");
        // The next link is made in the top, and leads to the end through the one before.
        let next = format!("l{round}");
        tape = tape.pax(&[("linkpath", whole.as_bytes())]).symlink(&next, "cut");
        link = next;
    }
    let kept = unpacked(&store, tape.clone());
    assert!(kept.join("d/d/d").is_dir());
    let replaced = unpacked(&store, tape.clone().file("d", "a file"));
    assert_eq!(text(&replaced.join("d")), "a file");
    unpack(&store, &[tape.file("..", "").end()]).expect_err("..");
    assert_eq!(names(&layers(test, "s")).len(), 2);
}

/// Method: a file deeper than a path can say, with two names, in a directory that is closed to its owner.
fn removed(test: &TestHost) {
    let store = store(test, "s");
    let step = vec!["d".repeat(255); 10].join("/");
    let closed = |header: &mut tar::Header| header.set_mode(0);
    let tape = Tape::default()
        .header(EntryType::Directory, "closed", b"", closed)
        .pax(&[("path", step.as_bytes())])
        .directory("cut")
        .pax(&[("linkpath", step.as_bytes())])
        .symlink("l", "cut")
        .pax(&[("path", format!("l/{step}/file").as_bytes())])
        .file("cut", "content")
        .pax(&[("linkpath", format!("l/{step}/file").as_bytes())])
        .hard_link("closed/link", "cut");
    let layer = unpacked(&store, tape);
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        assert_eq!(conex_image::size(&layer).expect("measured"), 7 + step.len() as u64);
    }
    let blobs: u64 = blob_sizes(&test.directory("s").join("images/blobs/sha256"));
    let freed = store.retain(&BTreeSet::new(), &BTreeSet::new()).expect("removed");
    assert_eq!(freed - blobs, 7 + step.len() as u64);
    assert_eq!(names(&layers(test, "s")), [""; 0]);
}

fn blob_sizes(blobs: &Path) -> u64 {
    fs::read_dir(blobs).expect("there").map(|blob| blob.and_then(|blob| blob.metadata()).expect("there").len()).sum()
}

fn cut_off(test: &TestHost) {
    let store = store(test, "s");
    let whole = Tape::default().pax(&[("path", b"long")]).file("a", &"x".repeat(700)).directory("d").end();
    let entries = whole.len() - 1024;
    // Between entries an archive may end; its digest tells whether that is right.
    let borders = [entries, entries - 512];
    for length in (1..entries).step_by(97).chain([511, 512, 513, 1024, 1025, 1536, 2047]) {
        let bytes = whole[..length].to_vec();
        let unpacked = unpack(&store, &[bytes]);
        if borders.contains(&length) {
            continue;
        }
        let error = unpacked.map(|_| length).expect_err("cut off").to_string();
        assert!(error.contains("it is cut off"), "{length}: {error}");
    }
    assert_eq!(names(&layers(test, "s")), [""; 0]);
}

fn maps(test: &TestHost) {
    let store = store(test, "s");
    let of = |map: &str| -> Result<PathBuf, Error> {
        let records =
            [("GNU.sparse.size", &b"100"[..]), ("GNU.sparse.numblocks", b"1"), ("GNU.sparse.map", map.as_bytes())];
        unpack(&store, &[Tape::default().pax(&records).file("a", "0123456789").end()]).map(|mut paths| paths.remove(0))
    };
    assert_eq!(of("5,4,50,6").map(|layer| layer.join("a").metadata().expect("there").len()).expect("good"), 100);
    for map in ["5,4,8,6", "50,6,5,4", "5,4,95,6", "5,4", "5,40", "5", "5,x", "18446744073709551615,10", ""] {
        let error = of(map).map(|path: PathBuf| Path::new(&path).join("a").exists()).expect_err(map);
        assert!(matches!(error, Error::Archive(_)), "{map}: {error}");
    }
}

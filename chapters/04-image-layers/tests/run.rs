//! `ch04` runs a command in an image from an archive, and what is unpacked is there for the next.

#![forbid(unsafe_code)]

mod rig;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use conex_image::Named;
use rig::{MANIFEST, Tape, image_of, look, names, put, same, store};
use testkit::{Case, Output, TestHost};

fn main() -> ExitCode {
    let programs = [env!("CARGO_BIN_EXE_ch04")];
    testkit::run(
        &[
            Case::root("a_command_runs_in_an_image_from_an_archive", run),
            Case::user("a_command_runs_in_an_image_from_an_archive_as_a_user", run),
            Case::root("an_archive_that_is_none_is_refused_with_nothing_made", refused),
        ],
        &programs,
    )
}

/// An image of a small root and one layer over it, in an archive.
fn archive(test: &TestHost) -> PathBuf {
    let from = store(test, "from");
    let base = from.make(&test.rootfs("base"), &[]).expect("made");
    let top =
        Tape::default().file("etc/.wh.group", "").file("etc/motd", "welcome\n").file("srv/.wh..wh..opq", "").end();
    let (top, diff_id) = (put(&from, rig::LAYER, &top), conex_image::Digest::of(&top));
    let (manifest, _) = image_of(&from, vec![base.blob, top], vec![base.diff_id, diff_id]);
    let manifest = put(&from, MANIFEST, &serde_json::to_vec(&manifest).expect("json"));
    let archive = test.directory("archives").join("image.tar");
    let images = [Named { names: vec![], manifest }];
    from.save(&images, File::create(&archive).expect("made")).expect("saved");
    archive
}

fn ch04(test: &TestHost, image: &Path, script: &str) -> Output {
    let (kept, temporary) = (test.directory("kept"), test.directory("tmp"));
    let mut command = Command::new(test.program("ch04"));
    command.arg("run").arg("--store").arg(kept).arg(image).args(["sh", "-c", script]).env("TMPDIR", temporary);
    test.run(&mut command)
}

fn run(test: &TestHost) {
    let image = archive(test);
    let said = ch04(test, &image, "cat /etc/motd; ls /etc; echo x > /etc/new; rm /etc/motd").success();
    assert_eq!(said, "welcome\nmotd\npasswd\n");
    let layers = test.directory("kept").join("layers");
    assert_eq!(names(&layers).len(), 2);
    let before = look(&layers);
    assert_eq!(ch04(test, &image, "cat /etc/motd").success(), "welcome\n");
    same(&before, &look(&layers), "a layer is made once and never written to");
    // A directory is one still.
    assert_eq!(
        ch04(test, &test.directory("work").join("../base"), "cat /etc/hostname; ls /etc").out,
        "group\npasswd\n"
    );
}

fn refused(test: &TestHost) {
    let place = test.directory("archives");
    fs::write(place.join("text"), "no image").expect("written");
    let output = ch04(test, &place.join("text"), "true");
    assert_eq!(output.err, "error: image: read the archive: it is cut off\n");
    let output = ch04(test, &place.join("none"), "true");
    assert!(output.err.starts_with("error: image: open ") && output.err.contains(": ENOENT ("), "{}", output.err);
    assert!(names(&test.directory("kept").join("layers")).is_empty());
}

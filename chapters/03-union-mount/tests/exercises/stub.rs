//! `stub::fill`.

use std::{
    fs,
    os::{
        fd::AsFd,
        unix::fs::{PermissionsExt, symlink},
    },
    path::Path,
};

use conex_overlay::exercises::fill;
use testkit::{Case, TestHost, saw};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("overlay.stub: every mount point is there", there),
    Case::exercise("overlay.stub: all may read it, whatever the umask", modes),
    Case::exercise("overlay.stub: what is there already is refused, not followed", link),
];

/// Tells what the layer holds.
fn tell(layer: &Path) {
    for path in ["dev", "etc", "proc", "sys", "etc/hostname", "etc/hosts", "etc/resolv.conf"] {
        match layer.join(path).symlink_metadata() {
            Ok(found) if found.is_dir() => saw(&format!("{path} is a directory of mode {:o}", mode(&layer.join(path)))),
            Ok(found) if found.is_file() => saw(&format!("{path} is a file of mode {:o}", mode(&layer.join(path)))),
            Ok(_) => saw(&format!("{path} is neither a directory nor a file")),
            Err(_) => saw(&format!("{path} is missing")),
        }
    }
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().expect("it is there").permissions().mode() & 0o7777
}

fn there(test: &TestHost) {
    let layer = test.directory("layer");
    let filled = fill(fs::File::open(&layer).expect("opened").as_fd());
    tell(&layer);
    filled.expect("filled");
    for directory in ["dev", "etc", "proc", "sys"] {
        assert!(layer.join(directory).is_dir(), "{directory} is a directory");
    }
    for file in ["etc/hostname", "etc/hosts", "etc/resolv.conf"] {
        let found = layer.join(file).symlink_metadata().expect("it is there");
        assert!(found.is_file() && found.len() == 0, "{file} is an empty file");
    }
}

fn modes(test: &TestHost) {
    let layer = test.directory("layer");
    fs::set_permissions(&layer, PermissionsExt::from_mode(0o700)).expect("a mode");
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let filled = fill(fs::File::open(&layer).expect("opened").as_fd());
    rustix::process::umask(before);
    tell(&layer);
    saw(&format!("the layer itself has mode {:o}", mode(&layer)));
    filled.expect("filled");
    for directory in [".", "dev", "etc", "proc", "sys"] {
        assert_eq!(format!("{:o}", mode(&layer.join(directory))), "755", "of {directory}");
    }
    for file in ["etc/hostname", "etc/hosts", "etc/resolv.conf"] {
        assert_eq!(format!("{:o}", mode(&layer.join(file))), "644", "of {file}");
    }
}

fn link(test: &TestHost) {
    let (layer, outside) = (test.directory("layer"), test.directory("outside"));
    symlink(&outside, layer.join("etc")).expect("a link");
    let refused = fill(fs::File::open(&layer).expect("opened").as_fd()).is_err();
    let made = fs::read_dir(&outside).expect("a directory").count();
    saw(&format!("/etc was a link that leads out: refused: {refused}; files made out there: {made}"));
    assert_eq!((refused, made), (true, 0));
}

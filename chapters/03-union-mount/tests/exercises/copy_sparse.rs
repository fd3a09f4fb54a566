//! `sparse::copy_data`.

use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

use conex_overlay::exercises::copy_data;
use testkit::{Case, TestHost, saw};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("overlay.copy-sparse: the same data is in the same places", data),
    Case::exercise("overlay.copy-sparse: a hole takes no room in the copy", holes),
    Case::exercise("overlay.copy-sparse: a file may end with a hole, or be one", ends),
];

const MIB: u64 = 1 << 20;

/// A file of this length with these pieces of data, and its copy.
fn copied(test: &TestHost, length: u64, pieces: &[(u64, usize)]) -> (File, File) {
    let path = test.directory("files");
    let file = |name: &str| open(&path.join(name));
    let (from, into) = (file("from"), file("into"));
    from.set_len(length).expect("a length");
    for (at, bytes) in pieces {
        let data: Vec<u8> = (0..*bytes).map(|n| (n % 251) as u8 + 1).collect();
        from.write_all_at(&data, *at).expect("written");
    }
    copy_data(&from, &into).unwrap_or_else(|error| panic!("it says {error}"));
    for (what, file) in [("the file", &from), ("the copy", &into)] {
        let found = file.metadata().expect("its metadata");
        saw(&format!("{what} has {} bytes, and takes {} KiB", found.len(), found.blocks() / 2));
    }
    (from, into)
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path).expect("a file")
}

fn data(test: &TestHost) {
    let (from, into) = copied(test, 5 * MIB, &[(0, 10), (MIB, 300_000), (3 * MIB + 17, 5000), (5 * MIB - 3, 3)]);
    let whole = |mut file: &File| {
        let mut bytes = Vec::new();
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(0)).expect("from the start");
        file.read_to_end(&mut bytes).expect("read");
        bytes
    };
    let (from, into) = (whole(&from), whole(&into));
    match from.iter().zip(&into).position(|(one, other)| one != other) {
        None => saw("no byte of the copy differs"),
        Some(at) => saw(&format!("byte {at} is the first that differs")),
    }
    assert!(from == into, "the copy differs");
}

fn holes(test: &TestHost) {
    let (from, into) = copied(test, 256 * MIB, &[(0, 4096), (100 * MIB, 4096), (256 * MIB - 4096, 4096)]);
    let blocks = |file: &File| file.metadata().expect("its metadata").blocks();
    assert_eq!(blocks(&into), blocks(&from), "blocks of 512 bytes");
}

fn ends(test: &TestHost) {
    for (length, pieces) in [(3 * MIB, &[(0, 100)][..]), (2 * MIB, &[]), (0, &[])] {
        let (_, into) = copied(test, length, pieces);
        assert_eq!(into.metadata().expect("its metadata").len(), length, "its length");
    }
}

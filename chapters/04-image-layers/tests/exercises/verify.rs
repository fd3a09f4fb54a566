//! `Verifying::read`.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
};

use conex_image::{Digest, exercises::verified};
use testkit::{Case, TestHost, saw};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("image.verify: what is right is read whole, in pieces of any size", right),
    Case::exercise("image.verify: other content of the same length is refused at its end", other),
    Case::exercise("image.verify: what is cut off is refused at its end", shorter),
    Case::exercise("image.verify: nothing beyond the length is handed on", longer),
];

/// Its pieces are no round numbers, so that a buffer is seldom full.
fn content() -> Vec<u8> {
    (0..10_007_u32).map(|n| (n % 251) as u8).collect()
}

/// Reads a file of `found` as the blob that should hold `content()`: what was handed on, and what was said at the end.
fn read(test: &TestHost, found: &[u8], pieces: usize) -> (Vec<u8>, Result<(), String>) {
    let path = test.directory("store").join("blob");
    fs::write(&path, found).expect("written");
    let expected = content();
    let file = File::open(path).expect("a file");
    let mut blob = verified(file, Digest::of(&expected), expected.len() as u64);
    let (mut handed_on, mut buffer) = (Vec::new(), vec![0xff; pieces]);
    let said = loop {
        match blob.read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(count) => handed_on.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break Err(error.to_string()),
        }
    };
    let shown = said.as_ref().map_or_else(|error| error.chars().take(50).collect(), |()| "that is all".to_owned());
    saw(&format!("the blob has {} bytes; should have {}", found.len(), expected.len()));
    saw(&format!("read in pieces of {pieces}: {} bytes, then: {shown}", handed_on.len()));
    (handed_on, said)
}

fn right(test: &TestHost) {
    for pieces in [1, 1000, 4096, 100_000] {
        let (handed_on, said) = read(test, &content(), pieces);
        assert_eq!(said, Ok(()), "the content is right");
        assert!(handed_on == content(), "what is handed on differs from the file");
    }
    // A buffer of nothing is filled with nothing, and that is not the end.
    let expected = content();
    let mut blob = verified(expected.as_slice(), Digest::of(&expected), expected.len() as u64);
    let mut piece = [0; 100];
    let reads = [blob.read(&mut piece), blob.read(&mut []), blob.read(&mut piece)];
    let reads: Vec<String> = reads.iter().map(|read| format!("{:?}", read.as_ref().map_err(|_| "refused"))).collect();
    saw(&format!("buffers of 100, 0 and 100 bytes give {}", reads.join(", ")));
    assert_eq!(reads, ["Ok(100)", "Ok(0)", "Ok(100)"]);
}

fn other(test: &TestHost) {
    for at in [0, 5000, 10_006] {
        let mut found = content();
        found[at] ^= 1;
        for pieces in [1000, 100_000] {
            let (_, said) = read(test, &found, pieces);
            assert!(said.expect_err("a byte is another").contains("sha256:"), "the digest is what is wrong");
        }
    }
}

fn shorter(test: &TestHost) {
    for length in [0, 1, 10_006] {
        let (_, said) = read(test, &content()[..length], 1000);
        assert!(said.expect_err("it is too short").contains("10007"), "the length is what is wrong");
    }
}

fn longer(test: &TestHost) {
    for more in [1, 5000] {
        let found = [content(), vec![7; more]].concat();
        for pieces in [1, 1000, 100_000] {
            let (handed_on, said) = read(test, &found, pieces);
            assert!(handed_on.len() <= content().len(), "bytes beyond the length were handed on");
            assert!(said.expect_err("it is too long").contains("10007"), "the length is what is wrong");
        }
    }
}

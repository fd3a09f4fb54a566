//! `ChainId::of`.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use conex_image::{ChainId, Digest};
use testkit::{Case, TestHost, saw};

pub(crate) const CASES: &[Case] = &[
    Case::exercise("image.chain-ids: each layer has one, and the lowest's is its diff id", lowest),
    Case::exercise("image.chain-ids: those above are what sha256sum says", summed).with(&["sha256sum"]),
    Case::exercise("image.chain-ids: a layer over another one has another name", other),
];

fn diff_ids(contents: &[&str]) -> Vec<Digest> {
    contents.iter().map(|content| Digest::of(content.as_bytes())).collect()
}

/// The chain ids as text; they are told.
fn chain(diff_ids: &[Digest]) -> Vec<String> {
    let chain: Vec<String> = ChainId::of(diff_ids).iter().map(ToString::to_string).collect();
    saw(&format!("of {} layers it makes {} chain ids", diff_ids.len(), chain.len()));
    for (diff_id, id) in diff_ids.iter().zip(&chain) {
        let short = |text: &str| text.chars().take(15).collect::<String>();
        saw(&format!("diff id {}, chain id {}", short(&diff_id.to_string()), short(id)));
    }
    chain
}

fn lowest(_: &TestHost) {
    for contents in [&[][..], &["a"], &["a", "b", "c"]] {
        let diff_ids = diff_ids(contents);
        let chain = chain(&diff_ids);
        assert_eq!(chain.len(), diff_ids.len());
        assert_eq!(chain.first(), diff_ids.first().map(ToString::to_string).as_ref());
    }
}

fn summed(_: &TestHost) {
    let diff_ids = diff_ids(&["a", "b", "c", "d"]);
    let mut expected = diff_ids[0].to_string();
    for (diff_id, found) in diff_ids.iter().zip(chain(&diff_ids)).skip(1) {
        let text = format!("{expected} {diff_id}");
        expected = format!("sha256:{}", sha256sum(&text));
        if found != expected {
            saw(&format!("printf '{text}' | sha256sum says {expected}"));
        }
        assert_eq!(found, expected);
    }
}

fn sha256sum(text: &str) -> String {
    let mut program = Command::new("sha256sum");
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends").stdout;
    String::from_utf8(output).expect("text").split(' ').next().expect("a sum").to_owned()
}

fn other(_: &TestHost) {
    let of = |contents: &[&str]| chain(&diff_ids(contents));
    let (one, two) = (of(&["base", "tools", "own"]), of(&["other", "tools", "own"]));
    assert!(one.iter().zip(&two).all(|(one, two)| one != two), "what lies below is part of the name");
    assert_eq!(of(&["base", "tools"]), one[..2], "what lies above is not");
    assert_ne!(of(&["base", "own", "tools"])[2], one[2], "the order counts");
}

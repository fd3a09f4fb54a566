//! Any text as the name of an image: what is accepted fits into a URL and a path as it is, and written down and read
//! again it is the same image. See the distribution project's grammar of references.

use crate::registry_reference::{Reference, Version};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(reference) = text.parse::<Reference>() else { return };
    check_pieces(&reference);
    let written = reference.to_string();
    let again = written.parse::<Reference>();
    assert_eq!(again.as_ref(), Ok(&reference), "{text:?} is written as {written:?}");
    assert_eq!(again.map(|again| again.to_string()), Ok(written));
}

fn check_pieces(reference: &Reference) {
    let (host, path) = (reference.host(), reference.path());
    assert!(!host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte)));
    assert!(!path.is_empty() && path.len() <= 255);
    assert!(path.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/')), "{path:?}");
    assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
    match reference.version() {
        Version::Tag(tag) => {
            assert!((1..=128).contains(&tag.len()) && !tag.starts_with(['.', '-']), "{tag:?}");
            assert!(tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)), "{tag:?}");
        }
        Version::Digest(digest) => assert_eq!(digest.to_string().parse(), Ok(digest)),
    }
}

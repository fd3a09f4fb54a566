//! The two ways of writing a line. A reader that went away is not an error of ours.

use std::io::{self, Write};

/// To standard output: results.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Many at once: a call for each would be the longest part of a long list.
pub(super) fn say_all<T: AsRef<str>>(lines: &[T]) {
    let text: String = lines.iter().flat_map(|line| [line.as_ref(), "\n"]).collect();
    let _ = io::stdout().write_all(text.as_bytes());
}

/// To standard error: everything else.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

//! The two ways of writing a line. A reader that went away is not an error of ours.

use std::io::{self, Write};

/// To standard output: results.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// To standard error: everything else.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

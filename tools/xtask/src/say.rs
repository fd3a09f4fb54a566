//! The two ways this tool writes: `say` for results, `complain` for errors and warnings.
//! A reader that went away (`cargo xtask lint | head`) is not an error.

use std::io::{self, Write};

/// Writes one line to standard output.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Writes one line to standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

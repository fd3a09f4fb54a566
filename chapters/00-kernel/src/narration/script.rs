//! The narration as a script: the container's side goes into a file that the clone's line starts, so that both sides
//! run in the order in which conex ran them.

use super::share;
use crate::{Record, Side};

/// The whole script.
pub(super) fn script(records: &[Record]) -> String {
    let side = |side| records.iter().filter(move |record| record.side == side);
    let clone = side(Side::Host).position(|record| record.operation.starts_with("clone3"));
    let (before, after): (Vec<_>, Vec<_>) =
        side(Side::Host).enumerate().partition(|(n, _)| clone.is_none_or(|clone| *n <= clone));
    let lines =
        |records: Vec<(usize, &Record)>| records.into_iter().map(|(_, record)| line(record)).collect::<String>();
    let container: String = side(Side::Container).map(line).collect();
    let end = unused_word(&container);
    let mapped = records.iter().any(|record| record.operation.contains(",idmap on "));
    format!(
        "{HEAD}{}# {}.\n\n{OPEN}cat > \"$work/container\" <<'{end}'\n{BEGIN}{container}{end}\n\n{}{BORN}{}{MAPPED}",
        if mapped { ID_MAP } else { "" },
        share(records),
        lines(before),
        lines(after)
    )
}

/// A word that is no line of `text`: what a user gave as an argument must not end the here-document.
fn unused_word(text: &str) -> String {
    let mut word = "CONTAINER".to_owned();
    while text.lines().any(|line| line == word) {
        word.push('_');
    }
    word
}

/// An exact command runs as it is; an approximate clone or exec is the script's frame; the rest is a comment.
fn line(record: &Record) -> String {
    let (word, command) = (&*record.equivalent.0, &record.equivalent.1);
    let frame = ["clone3", "exec "].iter().any(|start| record.operation.starts_with(start));
    match word {
        "exact" => format!("{command}\n"),
        "approximate" if frame => format!("{command}  # approximate: {}\n", in_one_line(&record.operation)),
        _ => format!("# {word}: {}: {}\n", in_one_line(&record.operation), in_one_line(command)),
    }
}

/// For comments, which end with the line.
fn in_one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

const HEAD: &str = "#!/bin/sh
# What conex did, as commands; lines that a shell can't do are comments.
";

const ID_MAP: &str =
    "# The root is shown through an id map, which a shell can't do from inside: this script stops there.
# With --map 0:0:4294967295 there is none.
";

const OPEN: &str = r#"set -eu
work=$(mktemp -d)
export work
trap 'rm -rf "$work"' EXIT

"#;

const BEGIN: &str = r#": > "$work/born"
while [ ! -e "$work/mapped" ]; do sleep 0.01; done
"#;

const BORN: &str = r#"while [ ! -e "$work/born" ]; do kill -0 "$pid"; sleep 0.01; done
"#;

const MAPPED: &str = r#": > "$work/mapped"
wait "$pid"
"#;

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
    format!(
        "{HEAD}# {}.\n\n{OPEN_CONTAINER}{container}{CLOSE_CONTAINER}{}{BORN}{}{MAPPED}",
        share(records),
        lines(before),
        lines(after)
    )
}

/// An exact command runs as it is; an approximate clone or exec is the script's frame; the rest is a comment.
fn line(record: &Record) -> String {
    let (word, command) = (&*record.equivalent.0, &record.equivalent.1);
    let frame = ["clone3", "exec "].iter().any(|start| record.operation.starts_with(start));
    match word {
        "exact" => format!("{command}\n"),
        "approximate" if frame => format!("{command}  # approximate: {}\n", record.operation),
        _ => format!("# {word}: {}: {}\n", record.operation, command.replace('\n', " ")),
    }
}

const HEAD: &str = "#!/bin/sh
# What conex did, as commands; lines that a shell can't do are comments.
";

const OPEN_CONTAINER: &str = r#"set -eu
work=$(mktemp -d)
export work
trap 'rm -rf "$work"' EXIT

cat > "$work/container" <<'CONTAINER'
: > "$work/born"
while [ ! -e "$work/mapped" ]; do sleep 0.01; done
"#;

const CLOSE_CONTAINER: &str = "CONTAINER

";

const BORN: &str = r#"while [ ! -e "$work/born" ]; do kill -0 "$pid"; sleep 0.01; done
"#;

const MAPPED: &str = r#": > "$work/mapped"
wait "$pid"
"#;

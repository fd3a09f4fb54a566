//! Files are named for the one thing they hold: no drawers (`utils`), no stutter (`record/record.rs`).

use super::tree::{Finding, Tree};

const DRAWERS: &[&str] = &["utils", "util", "common", "helpers", "helper", "types", "misc"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust.iter().filter_map(|file| check_path(&file.path)).collect()
}

fn check_path(path: &str) -> Option<Finding> {
    let mut parts = path.strip_suffix(".rs").unwrap_or(path).rsplit('/').filter(|part| *part != "mod");
    let name = parts.next()?;
    let message = if DRAWERS.contains(&name) {
        format!("`{name}` says nothing about what is inside; name the thing")
    } else if format!("/{path}").contains("/src/") && parts.next() == Some(name) {
        format!("`{name}/{name}.rs` says it twice")
    } else {
        return None;
    };
    Some(Finding::new(path, 1, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawers_and_stutter_are_found() {
        for path in ["a/src/utils.rs", "tests/common/mod.rs", "a/src/record/record.rs", "src/record/record.rs"] {
            assert!(check_path(path).is_some(), "{path}");
        }
    }

    #[test]
    fn nouns_pass() {
        for path in ["a/src/record.rs", "a/src/record/mod.rs", "a/src/record/read.rs", "examples/run/main.rs"] {
            assert!(check_path(path).is_none(), "{path}");
        }
    }
}

//! A chapter's `main.rs` is the one before it plus about one line, so that a learner sees a container grow part by part.
//! Compared are the lines that do something: no comments, imports or blank lines, and `ch02` reads as `ch`.

use super::tree::{Finding, Tree};

/// A new part is one line; its options on the command line are a few more.
const ADDED_MAX: usize = 6;
/// A line that a new part extends counts as taken away and added.
const REMOVED_MAX: usize = 1;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mains = tree.packages.iter().filter(|package| package.chapter().is_some());
    let mains = mains.filter_map(|package| tree.rust(&format!("{}src/main.rs", package.directory)));
    let mains: Vec<(&str, Vec<String>)> = mains.map(|file| (file.path.as_str(), lines(&file.text))).collect();
    let pairs = mains.windows(2).map(|pair| (pair[1].0, difference(&pair[0].1, &pair[1].1)));
    pairs.filter_map(|(path, difference)| verdict(path, difference)).collect()
}

fn verdict(path: &str, (removed, added): (usize, usize)) -> Option<Finding> {
    let message = format!(
        "takes {removed} lines from the main.rs before it and adds {added}; at most {REMOVED_MAX} and {ADDED_MAX}"
    );
    (removed > REMOVED_MAX || added > ADDED_MAX).then(|| Finding::new(path, 1, message))
}

fn lines(text: &str) -> Vec<String> {
    let does_something = |line: &&str| !line.is_empty() && !line.starts_with("//") && !line.starts_with("use ");
    text.lines().map(str::trim).filter(does_something).map(unnumbered).collect()
}

/// `ch02` → `ch`, so that a program may say its own name.
fn unnumbered(line: &str) -> String {
    let mut parts = line.split("ch0");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| line + "ch" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// How many lines were removed and added, by the longest common subsequence.
fn difference(old: &[String], new: &[String]) -> (usize, usize) {
    let mut row = vec![0; new.len() + 1];
    for old_line in old {
        let mut diagonal = 0;
        for (column, new_line) in new.iter().enumerate() {
            let above = row[column + 1];
            row[column + 1] = if old_line == new_line { diagonal + 1 } else { above.max(row[column]) };
            diagonal = above;
        }
    }
    let common = row[new.len()];
    (old.len() - common, new.len() - common)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "//! ch01\nuse a::B;\nfn main() {\n    let name = \"ch01\";\n    one();\n}\n";

    fn count(second: &str) -> usize {
        check(&Tree::of(&[
            ("chapters/01-a/Cargo.toml", "package.name = 'a'"),
            ("chapters/01-a/src/main.rs", FIRST),
            ("chapters/02-b/Cargo.toml", "package.name = 'b'"),
            ("chapters/02-b/src/main.rs", second),
        ]))
        .len()
    }

    #[test]
    fn one_more_line_passes() {
        assert_eq!(
            count("//! ch02, longer\nuse c::D;\nfn main() {\n    let name = \"ch02\";\n    one();\n    two();\n}\n"),
            0
        );
    }

    #[test]
    fn a_different_main_is_found() {
        assert_eq!(count("fn main() {\n    other();\n}\n"), 1);
    }

    #[test]
    fn too_many_new_lines_are_found() {
        assert_eq!(count(&FIRST.replace("one();", &"one();\n".repeat(8))), 1);
    }

    #[test]
    fn a_single_chapter_has_nothing_to_compare() {
        let files = [("chapters/01-a/Cargo.toml", "package.name = 'a'"), ("chapters/01-a/src/main.rs", FIRST)];
        assert!(check(&Tree::of(&files)).is_empty());
    }
}

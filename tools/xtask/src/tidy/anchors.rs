//! The book shows source by anchor, never by copy or line number. mdBook renders a missing anchor as an empty block, so
//! it is looked for here: every include names a file that exists and, if any, exactly one anchor that holds something.

use std::collections::BTreeMap;

use super::tree::{Finding, Tree};

const INCLUDES: &[&str] = &["{{#include ", "{{#rustdoc_include ", "{{#playground "];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = tree.files.iter().filter(|(path, _)| path.starts_with("book/src/") && path.ends_with(".md"));
    pages.flat_map(|(path, text)| check_page(&tree.files, path, text)).collect()
}

fn check_page(files: &BTreeMap<String, String>, page: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let faults = includes(line).filter_map(|include| Some(format!("{include}: {}", fault(files, page, include)?)));
        findings.extend(faults.map(|fault| Finding::new(page, index + 1, fault)));
    }
    findings
}

/// What the includes of a line name: `path` or `path:anchor`. A backslash before the braces makes them plain text.
fn includes(line: &str) -> impl Iterator<Item = &str> {
    let starts = INCLUDES.iter().flat_map(|start| line.match_indices(start));
    let live = starts.filter(|(at, _)| !line[..*at].ends_with('\\'));
    live.filter_map(|(at, start)| line[at + start.len()..].split("}}").next()?.split_whitespace().next())
}

fn fault(files: &BTreeMap<String, String>, page: &str, include: &str) -> Option<String> {
    let (path, anchor) = include.split_once(':').map_or((include, None), |(path, anchor)| (path, Some(anchor)));
    let path = resolve(page, path);
    let Some(text) = files.get(&path) else { return Some(format!("there is no file {path}")) };
    let anchor = anchor?;
    if anchor.chars().all(|c| c.is_ascii_digit() || c == ':') {
        return Some("lines move; include by anchor".into());
    }
    anchor_fault(text, anchor)
}

fn anchor_fault(text: &str, anchor: &str) -> Option<String> {
    let places = |word: &'static str| {
        let lines = text.lines().enumerate();
        lines.filter(move |(_, line)| marker(line, word) == Some(anchor)).map(|(index, _)| index).collect::<Vec<_>>()
    };
    match (places("ANCHOR:").as_slice(), places("ANCHOR_END:").as_slice()) {
        ([], _) => Some(format!("the file has no ANCHOR: {anchor}")),
        (_, []) => Some(format!("the file has no ANCHOR_END: {anchor}")),
        ([start], [end]) if start + 1 < *end => None,
        ([_], [_]) => Some("the anchor holds nothing".into()),
        _ => Some("the anchor is there more than once".into()),
    }
}

/// The anchor that a line names after the given word.
fn marker<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.split_once(word)?.1.split_whitespace().next()
}

/// The path of an include, seen from the root of the repository.
fn resolve(page: &str, path: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => _ = parts.pop(),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "// ANCHOR: good\nfn f() {}\n// ANCHOR_END: good\n// ANCHOR: empty\n// ANCHOR_END: empty\n
        // ANCHOR: open\n// ANCHOR: twice\nx\n// ANCHOR_END: twice\n// ANCHOR: twice\ny\n// ANCHOR_END: twice\n";

    fn count(page: &str) -> usize {
        check(&Tree::new(BTreeMap::from([
            ("book/src/part/page.md".into(), page.into()),
            ("chapters/a.txt".into(), SOURCE.into()),
        ])))
        .len()
    }

    #[test]
    fn a_missing_file_is_found() {
        assert_eq!(count("{{#include ../../../chapters/b.txt}}"), 1);
        assert_eq!(count("{{#rustdoc_include ../../chapters/a.txt:good}}"), 1);
    }

    #[test]
    fn a_missing_empty_open_or_double_anchor_is_found() {
        for anchor in ["bad", "empty", "open", "twice"] {
            assert_eq!(count(&format!("{{{{#include ../../../chapters/a.txt:{anchor}}}}}")), 1, "{anchor}");
        }
    }

    #[test]
    fn line_numbers_are_refused() {
        for lines in ["3", "3:5", ":5", "3:"] {
            assert_eq!(count(&format!("{{{{#include ../../../chapters/a.txt:{lines}}}}}")), 1, "{lines}");
        }
    }

    #[test]
    fn good_and_escaped_includes_pass() {
        let good = "{{#include ../../../chapters/a.txt:good}}\n{{#include ../../../chapters/a.txt}}\n";
        assert_eq!(count(&format!("{good}\\{{{{#include gone.txt}}}}")), 0);
    }
}

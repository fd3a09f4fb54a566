//! The book's pages: every console block is run by a test, every drawing has its equivalent in words, every page but those
//! that are looked things up in says its minutes.

use super::tree::{Finding, Tree};

const PAGES: &str = "book/src/";
/// Pages that nobody reads from beginning to end, and what other pages take in.
const LOOKED_UP: &[&str] =
    &["SUMMARY.md", "architecture.md", "figures/sharing.md", "glossary.md", "instructor.md", "troubleshooting.md"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = tree.files.iter().filter(|(path, _)| path.starts_with(PAGES) && path.ends_with(".md"));
    pages.flat_map(|(path, text)| check_page(tree, path, text)).collect()
}

fn check_page(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let fault = match line.trim().strip_prefix("```") {
            Some("console" | "console,v1" | "console,v2") if !is_run(tree, path) => {
                Some("no test runs this page's console blocks".to_owned())
            }
            Some("console" | "console,v1" | "console,v2" | "console,workbook") => None,
            Some(fence) if fence.starts_with("console") => Some(format!("no test runs blocks of the kind {fence}")),
            Some("mermaid") if !told_in_words(&lines[index + 1..]) => {
                Some("a drawing is followed by a paragraph that begins with: In words:".to_owned())
            }
            _ => None,
        };
        findings.extend(fault.map(|fault| Finding::new(path, index + 1, fault)));
    }
    let read = !LOOKED_UP.contains(&path.trim_start_matches(PAGES));
    if read && !lines.iter().any(|line| line.starts_with("{{#minutes ")) {
        findings.push(Finding::new(path, 1, "a page to read says its minutes: {{#minutes 30}}".to_owned()));
    }
    findings
}

/// Whether a file of tests takes in the page's text.
fn is_run(tree: &Tree, path: &str) -> bool {
    tree.rust.iter().any(|file| file.path.contains("tests/") && takes_in(&file.text, path))
}

fn takes_in(source: &str, path: &str) -> bool {
    source.lines().any(|line| line.contains("include_str!(") && line.contains(path))
}

/// Whether the first paragraph behind the drawing is its equivalent.
fn told_in_words(rest: &[&str]) -> bool {
    let mut behind = rest.iter().skip_while(|line| line.trim() != "```").skip(1);
    behind.find(|line| !line.trim().is_empty()).is_some_and(|line| line.starts_with("In words: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(page: &str) -> Vec<String> {
        let test = ("a/tests/book.rs", "const P: &str = include_str!(\"../../book/src/run.md\");");
        let tree = Tree::of(&[("book/src/run.md", page), test]);
        check(&tree).into_iter().map(|finding| finding.message).collect()
    }

    const MINUTES: &str = "{{#minutes 5}}\n";

    #[test]
    fn a_page_without_minutes_is_found() {
        assert_eq!(findings("# A page\n").len(), 1);
        assert!(findings(MINUTES).is_empty());
    }

    #[test]
    fn a_drawing_without_words_is_found() {
        let drawing = format!("{MINUTES}```mermaid\na --> b\n```\n\n");
        assert_eq!(findings(&drawing).len(), 1);
        assert!(findings(&format!("{drawing}In words: a leads to b.\n")).is_empty());
    }

    #[test]
    fn a_block_that_no_test_runs_is_found() {
        let page = |fence| format!("{MINUTES}```{fence}\n$ true\n```\n");
        assert!(findings(&page("console")).is_empty());
        assert_eq!(findings(&page("console,nowhere")).len(), 1);
        let tree = Tree::of(&[("book/src/other.md", page("console").as_str())]);
        assert_eq!(check(&tree).len(), 1);
    }
}

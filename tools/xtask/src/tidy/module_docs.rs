//! Every file opens with what it is: a `//!` doc of ten lines at most. The book holds the rest.
//! Lines that name an exercise, and blank ones, do not count.

use super::tree::{Finding, RustFile, Tree};

const DOC_LINES_MAX: usize = 10;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust.iter().filter_map(check_file).collect()
}

fn check_file(file: &RustFile) -> Option<Finding> {
    if file.module_doc().next().is_none_or(|line| line.trim().is_empty()) {
        return Some(Finding::new(&file.path, 1, "the first line must be a module doc: //! what this is"));
    }
    let counted = |line: &&str| !line.trim().is_empty() && !line.contains("exercise:");
    let lines = file.module_doc().filter(counted).count();
    let message = format!("the module doc has {lines} lines, at most {DOC_LINES_MAX} are allowed");
    (lines > DOC_LINES_MAX).then(|| Finding::new(&file.path, 1, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&Tree::of(&[("src/a.rs", text)])).len()
    }

    #[test]
    fn a_file_without_a_module_doc_is_found() {
        assert_eq!(count("use x;"), 1);
        assert_eq!(count("// A comment.\nuse x;"), 1);
        assert_eq!(count("//!\nuse x;"), 1);
        assert_eq!(count("//! A thing.\nuse x;"), 0);
    }

    #[test]
    fn a_long_module_doc_is_found() {
        assert_eq!(count(&"//! A line.\n".repeat(11)), 1);
        assert_eq!(count(&"//! A line.\n".repeat(10)), 0);
    }

    #[test]
    fn lines_that_name_an_exercise_do_not_count() {
        assert_eq!(count(&("//! A line.\n".repeat(10) + "//!\n//! - `exercise:a.b`: c\n")), 0);
    }
}

//! A file of more than 300 lines says in its module doc why it is one file: a line that starts `//! Long because`.

use super::tree::{Finding, RustFile, Tree};

const FILE_LINES_MAX: usize = 300;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust.iter().filter_map(check_file).collect()
}

fn check_file(file: &RustFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let excused = file.module_doc().any(|line| line.trim_start().starts_with("Long because"));
    let message = format!("{lines} lines; split it, or say why not: //! Long because …");
    (lines > FILE_LINES_MAX && !excused).then(|| Finding::new(&file.path, FILE_LINES_MAX + 1, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(head: &str, lines: usize) -> usize {
        check(&Tree::of(&[("src/a.rs", &(head.to_owned() + &"\n".repeat(lines)))])).len()
    }

    #[test]
    fn a_file_of_301_lines_is_found() {
        assert_eq!(count("", 301), 1);
        assert_eq!(count("", 300), 0);
    }

    #[test]
    fn a_reason_excuses_the_length() {
        assert_eq!(count("//! A thing.\n//! Long because it is one table.\n", 301), 0);
        assert_eq!(count("//! A thing.\n// Long because it is one table.\n", 301), 1);
    }
}

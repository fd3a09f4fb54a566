//! Nobody changes the environment of this process: another thread may read it at the same time, see environ(7).
//! A child's environment is given to the child.

use super::tree::{Finding, RustFile, Tree};

const BANNED: &[&str] = &["set_var", "remove_var"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust.iter().flat_map(check_file).collect()
}

fn check_file(file: &RustFile) -> impl Iterator<Item = Finding> {
    let words = file.words.iter().filter(|word| BANNED.contains(&word.text.as_str()));
    words.map(|word| Finding::new(&file.path, word.line, format!("env::{} is banned", word.text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changing_the_environment_is_found() {
        let text = "use std::env::set_var;\nfn f() { std::env::remove_var(X); command.env_remove(X); env::var(X); }";
        let lines: Vec<usize> = check(&Tree::of(&[("src/a.rs", text)])).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 2]);
    }
}

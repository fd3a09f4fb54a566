//! An emptied tree does not hold the answer elsewhere: a learner who searches it finds no two neighbouring statements of
//! the reference. Only `mistakes.toml` does, which says so at its beginning.

use std::fs;

use crate::tree::{Tree, git};

/// Method: the tree without the exercise's own place; blanks do not count.
pub(crate) fn nowhere_else(tree: &Tree) {
    let root = tree.root.as_path();
    let files = git(root, &["ls-files"]);
    let files = files.lines().filter(|file| !file.ends_with("mistakes.toml"));
    let texts: Vec<(&str, String)> =
        files.filter_map(|file| Some((file, bare(&fs::read_to_string(root.join(file)).ok()?)))).collect();
    for exercise in workbook::table::all(root).expect("a table") {
        let body = workbook::commands::body(root, &exercise).expect("a body");
        let whole = bare(&body);
        let pairs = pairs(&body);
        assert!(!pairs.is_empty(), "{}: a body of statements", exercise.id);
        for (file, text) in &texts {
            let text = text.replacen(&whole, "", 1);
            let leak = pairs.iter().find(|pair| text.contains(pair.as_str()));
            assert!(leak.is_none(), "{file} gives {} away: {}", exercise.id, leak.expect("a leak"));
        }
    }
}

/// Neighbouring statements that are not imports, together.
fn pairs(body: &str) -> Vec<String> {
    let block: syn::Block = syn::parse_str(&format!("{{{body}}}")).expect("a body");
    let mut statements: Vec<String> = Vec::new();
    for statement in block.stmts.iter().filter(|one| !matches!(one, syn::Stmt::Item(_))) {
        let range = syn::spanned::Spanned::span(statement).byte_range();
        // The brace that was put before the body counts as a byte.
        statements.push(bare(&body[range.start - 1..range.end - 1]));
    }
    match statements.as_slice() {
        [only] => vec![only.clone()],
        _ => statements.windows(2).map(<[String]>::concat).collect(),
    }
}

fn bare(text: &str) -> String {
    text.split_whitespace().collect()
}

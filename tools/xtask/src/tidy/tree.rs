//! What the checks look at: the text files of the repository, with the Rust files parsed and the manifests read.
//! Paths are relative to the root and use `/`.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};

use super::package::Package;

/// One rule broken in one place.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) path: String,
    /// Counted from 1; also 1 where the whole file is meant.
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// A Rust source file that parsed.
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
    pub(crate) words: Vec<Word>,
}

/// An identifier or a single character of punctuation. Comments, strings and doc comments leave no words.
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The repository in memory.
pub(crate) struct Tree {
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) rust: Vec<RustFile>,
    pub(crate) packages: Vec<Package>,
    /// Rust files and manifests that could not be parsed.
    pub(crate) unreadable: Vec<Finding>,
}

impl Finding {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: path.into(), line, message: message.into() }
    }
}

impl Tree {
    pub(crate) fn new(files: BTreeMap<String, String>) -> Tree {
        let mut tree = Tree { files: BTreeMap::new(), rust: Vec::new(), packages: Vec::new(), unreadable: Vec::new() };
        for (path, text) in &files {
            if path.ends_with(".rs") {
                match RustFile::parse(path, text) {
                    Ok(file) => tree.rust.push(file),
                    Err(finding) => tree.unreadable.push(finding),
                }
            } else if path == "Cargo.toml" || path.ends_with("/Cargo.toml") {
                match Package::parse(path, text) {
                    Ok(package) => tree.packages.extend(package),
                    Err(error) => tree.unreadable.push(Finding::new(path, 1, error.to_string())),
                }
            }
        }
        Tree { files, ..tree }
    }

    /// The parsed file of that path.
    pub(crate) fn rust(&self, path: &str) -> Option<&RustFile> {
        self.rust.iter().find(|file| file.path == path)
    }

    /// A tree for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::new(files.iter().map(|&(path, text)| (path.into(), text.into())).collect());
        assert!(tree.unreadable.is_empty(), "{:?}", tree.unreadable);
        tree
    }
}

impl RustFile {
    fn parse(path: &str, text: &str) -> Result<RustFile, Finding> {
        let finding = |span: proc_macro2::Span, error: String| Finding::new(path, span.start().line, error);
        let tokens: TokenStream = text.parse().map_err(|e: proc_macro2::LexError| finding(e.span(), e.to_string()))?;
        let syntax = syn::parse2(tokens.clone()).map_err(|e| finding(e.span(), e.to_string()))?;
        let mut words = Vec::new();
        flatten(tokens, &mut words);
        Ok(RustFile { path: path.into(), text: text.into(), syntax, words })
    }

    /// The lines of the module doc at the head of the file, without their `//!`.
    pub(crate) fn module_doc(&self) -> impl Iterator<Item = &str> {
        self.text.lines().map_while(|line| line.strip_prefix("//!"))
    }
}

fn flatten(tokens: TokenStream, words: &mut Vec<Word>) {
    for token in tokens {
        let line = token.span().start().line;
        match token {
            TokenTree::Group(group) => flatten(group.stream(), words),
            TokenTree::Ident(ident) => words.push(Word { text: ident.to_string(), line }),
            TokenTree::Punct(punct) => words.push(Word { text: punct.as_char().to_string(), line }),
            TokenTree::Literal(_) => {}
        }
    }
}

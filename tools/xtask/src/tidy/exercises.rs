//! Functions that a chapter will blank: marked `#[doc(alias = "exercise:FLOOR.NAME")]`, whole, short, and named as
//! `exercise:FLOOR.NAME` in the docs of the floor's `lib.rs`, which in turn name nothing that is not there.

use std::collections::BTreeSet;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::package::Package;
use super::tree::{Finding, RustFile, Tree};

/// What a learner can hold in mind at once.
const FUNCTION_LINES_MAX: usize = 30;
const PREFIX: &str = "exercise:";

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.packages.iter().flat_map(|package| check_package(tree, package)).collect()
}

fn check_package(tree: &Tree, package: &Package) -> Vec<Finding> {
    let source = format!("{}src/", package.directory);
    let files = tree.rust.iter().filter(|file| file.path.starts_with(&source));
    let marks: Vec<(&RustFile, Mark)> =
        files.flat_map(|file| marks(file).into_iter().map(move |m| (file, m))).collect();
    let lib = format!("{source}lib.rs");
    let named = tree.rust(&lib).map(named).unwrap_or_default();
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (file, mark) in &marks {
        let known = named.contains(&mark.id) && seen.insert(&mark.id);
        let faults = mark.faults(package).into_iter().chain((!known).then(|| format!("must be named once in {lib}")));
        findings
            .extend(faults.map(|fault| Finding::new(&file.path, mark.line, format!("{PREFIX}{}: {fault}", mark.id))));
    }
    let listed = listed(tree, package);
    let unlisted = marks.iter().filter(|(_, mark)| !listed.contains(&mark.id));
    findings.extend(unlisted.map(|(file, mark)| {
        Finding::new(&file.path, mark.line, format!("{PREFIX}{}: must be in {}", mark.id, table(package)))
    }));
    let gone = listed.iter().filter(|id| !marks.iter().any(|(_, mark)| mark.id == **id));
    findings.extend(gone.map(|id| Finding::new(&table(package), 1, format!("{PREFIX}{id}: no function is marked so"))));
    let absent = named.iter().filter(|id| !marks.iter().any(|(_, mark)| mark.id == **id));
    findings.extend(absent.map(|id| Finding::new(&lib, 1, format!("{PREFIX}{id}: no function is marked so"))));
    findings
}

fn table(package: &Package) -> String {
    format!("{}exercises.toml", package.directory)
}

/// The exercises that the chapter's table has cards, hints and mistakes for.
fn listed(tree: &Tree, package: &Package) -> BTreeSet<String> {
    let parsed = tree.files.get(&table(package)).and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
    let exercises = parsed.get("exercise").and_then(toml::Value::as_array).into_iter().flatten();
    exercises.filter_map(|exercise| Some(exercise.get("id")?.as_str()?.to_owned())).collect()
}

/// The exercises that the docs of a crate name.
fn named(lib: &RustFile) -> BTreeSet<String> {
    let part_of_id = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:".contains(c);
    let words = lib.module_doc().flat_map(|line| line.split(move |c| !part_of_id(c)));
    words.filter_map(|word| word.strip_prefix(PREFIX)).map(|id| id.trim_end_matches(['.', ':']).to_owned()).collect()
}

/// One marker and what it stands on; no function when it stands on something else.
struct Mark {
    id: String,
    line: usize,
    function: Option<Function>,
}

struct Function {
    lines: usize,
    opaque: bool,
}

impl Mark {
    fn faults(&self, package: &Package) -> Vec<String> {
        let floor = package.name.strip_prefix("conex-").unwrap_or(&package.name);
        let mut faults = Vec::new();
        if !self.id.strip_prefix(floor).is_some_and(|rest| rest.starts_with('.') && rest.len() > 1) {
            faults.push(format!("an exercise of this floor is called {floor}.…"));
        }
        match &self.function {
            None => faults.push("only a function with a body can be an exercise".into()),
            Some(function) if function.lines > FUNCTION_LINES_MAX => {
                faults.push(format!("{} lines, at most {FUNCTION_LINES_MAX} are allowed", function.lines));
            }
            Some(function) if function.opaque => faults.push("returns impl Trait, which todo!() cannot".into()),
            Some(_) => {}
        }
        faults
    }
}

fn marks(file: &RustFile) -> Vec<Mark> {
    let mut finder = Finder::default();
    finder.visit_file(&file.syntax);
    let on_functions: BTreeSet<usize> = finder.functions.iter().map(|mark| mark.line).collect();
    let elsewhere = finder.all.into_iter().filter(|(_, line)| !on_functions.contains(line));
    let elsewhere = elsewhere.map(|(id, line)| Mark { id, line, function: None });
    finder.functions.into_iter().chain(elsewhere).collect()
}

#[derive(Default)]
struct Finder {
    functions: Vec<Mark>,
    all: Vec<(String, usize)>,
}

impl Finder {
    fn function(&mut self, attributes: &[syn::Attribute], signature: &syn::Signature, block: &syn::Block) {
        let (first, last) = (signature.span().start().line, block.brace_token.span.close().end().line);
        let opaque =
            matches!(&signature.output, syn::ReturnType::Type(_, kind) if matches!(**kind, syn::Type::ImplTrait(_)));
        for (id, line) in attributes.iter().filter_map(marker) {
            self.functions.push(Mark { id, line, function: Some(Function { lines: last - first + 1, opaque }) });
        }
    }
}

impl<'a> Visit<'a> for Finder {
    fn visit_attribute(&mut self, attribute: &'a syn::Attribute) {
        self.all.extend(marker(attribute));
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

/// The exercise of a `#[doc(alias = "exercise:ID")]`, and its line.
fn marker(attribute: &syn::Attribute) -> Option<(String, usize)> {
    let name = attribute.path().is_ident("doc").then(|| attribute.parse_args::<syn::MetaNameValue>().ok())??;
    match &name.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) if name.path.is_ident("alias") => {
            Some((text.value().strip_prefix(PREFIX)?.to_owned(), attribute.span().start().line))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCS: &str = "//! A floor.\n//! - `exercise:a.b`: the flags.\n";
    const MARKER: &str = "#[doc(alias = \"exercise:a.b\")]\n";

    fn findings(docs: &str, text: &str) -> Vec<String> {
        let files = [("chapters/01-a/Cargo.toml", "package.name = 'conex-a'"), ("chapters/01-a/src/lib.rs", docs)];
        let table = ("chapters/01-a/exercises.toml", "[[exercise]]\nid = 'a.b'\n");
        let tree = Tree::of(&[files[0], files[1], table, ("chapters/01-a/src/c.rs", text)]);
        check(&tree).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn a_short_marked_and_named_function_passes() {
        assert!(findings(DOCS, &format!("{MARKER}fn f() {{}}")).is_empty());
        assert!(findings(DOCS, &format!("impl X {{ {MARKER}fn f() {{}} }}")).is_empty());
    }

    #[test]
    fn a_function_of_31_lines_is_found() {
        let function = |inside: usize| format!("{MARKER}/// Docs do not count.\nfn f() {{{}}}", "\n".repeat(inside));
        assert!(findings(DOCS, &function(29)).is_empty());
        assert!(findings(DOCS, &function(30))[0].contains("31 lines"));
    }

    #[test]
    fn a_marker_on_something_else_is_found() {
        assert!(findings(DOCS, &format!("{MARKER}struct S;"))[0].contains("only a function"));
        assert!(findings(DOCS, &format!("trait T {{ {MARKER}fn f(); }}"))[0].contains("only a function"));
    }

    #[test]
    fn a_marked_function_that_the_docs_do_not_name_is_found() {
        assert!(findings("//! A floor.", &format!("{MARKER}fn f() {{}}"))[0].contains("must be named"));
        let twice = format!("{MARKER}fn f() {{}}\n{MARKER}fn g() {{}}");
        assert!(findings(DOCS, &twice)[0].contains("must be named once"));
    }

    #[test]
    fn an_exercise_without_a_function_is_found() {
        assert!(findings(DOCS, "fn f() {}")[0].contains("no function"));
    }

    #[test]
    fn an_exercise_that_the_table_does_not_have_is_found() {
        let text = format!("{MARKER}fn f() {{}}").replace("a.b", "a.new");
        assert!(findings(&DOCS.replace("a.b", "a.new"), &text).iter().any(|one| one.contains("must be in")));
    }

    #[test]
    fn an_opaque_return_type_is_found() {
        assert!(findings(DOCS, &format!("{MARKER}fn f() -> impl Sized {{}}"))[0].contains("impl Trait"));
    }

    #[test]
    fn an_exercise_of_another_floor_is_found() {
        let text = format!("{MARKER}fn f() {{}}").replace("a.b", "other.b");
        assert!(findings(&DOCS.replace("a.b", "other.b"), &text)[0].contains("called a."));
    }
}

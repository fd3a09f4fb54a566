//! Taking the body out of one function of a source file, and putting one in. The function is found by its marker,
//! `#[doc(alias = "exercise:ID")]`, and cut at the positions that the parser gives: never by line numbers or by search.

use anyhow::{Result, anyhow, bail};
use syn::{
    spanned::Spanned,
    visit::{self, Visit},
};

/// A marked function in a file's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// Its arguments by name, `self` among them.
    pub(crate) arguments: Vec<String>,
    /// Bytes of the body between the braces.
    body: std::ops::Range<usize>,
}

/// The function that an exercise's marker stands on.
pub(crate) fn find(text: &str, id: &str) -> Result<Function> {
    let file = syn::parse_file(text).map_err(|error| {
        let line = error.span().start().line;
        anyhow!("line {line}: this is no Rust: {error}; cargo workbook reset {id} puts the file back and keeps yours")
    })?;
    let mut finder = Finder { id, found: Vec::new() };
    finder.visit_file(&file);
    match finder.found.pop() {
        Some(found) if finder.found.is_empty() => Ok(found),
        Some(_) => bail!("exercise {id} is marked more than once"),
        None => bail!("no function is marked as exercise {id}"),
    }
}

struct Finder<'a> {
    id: &'a str,
    found: Vec<Function>,
}

impl Finder<'_> {
    fn look(&mut self, attributes: &[syn::Attribute], signature: &syn::Signature, block: &syn::Block) {
        if attributes.iter().any(|attribute| marks(attribute, self.id)) {
            let braces = block.brace_token.span;
            let body = braces.open().byte_range().end..braces.close().byte_range().start;
            let arguments = signature.inputs.iter().filter_map(argument).collect();
            self.found.push(Function { name: signature.ident.to_string(), arguments, body });
        }
    }
}

impl<'a> Visit<'a> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.look(&item.attrs, &item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.look(&item.attrs, &item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }
}

fn marks(attribute: &syn::Attribute, id: &str) -> bool {
    let Ok(pair) = attribute.parse_args::<syn::MetaNameValue>() else { return false };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { return false };
    attribute.path().is_ident("doc") && pair.path.is_ident("alias") && text.value() == format!("exercise:{id}")
}

fn argument(input: &syn::FnArg) -> Option<String> {
    match input {
        syn::FnArg::Receiver(_) => Some("self".to_owned()),
        syn::FnArg::Typed(typed) => match &*typed.pat {
            syn::Pat::Ident(name) => Some(name.ident.to_string()),
            other => {
                let _ = other.span();
                None
            }
        },
    }
}

/// The text of a function's body, without the braces.
pub(crate) fn body<'a>(text: &'a str, function: &Function) -> &'a str {
    &text[function.body.clone()]
}

/// The file with another body in the function's place.
pub(crate) fn with_body(text: &str, function: &Function, body: &str) -> String {
    format!("{}{body}{}", &text[..function.body.start], &text[function.body.end..])
}

/// A body that says what is to be done; it uses every argument, so that nothing warns.
pub(crate) fn blank(id: &str, function: &Function, task: &str, helpers: &[String]) -> String {
    let mentioned = function.arguments.iter().chain(helpers);
    let uses: String = mentioned.map(|name| format!("    let _ = {name};\n")).collect();
    let indent = if function.arguments.iter().any(|name| name == "self") { "    " } else { "" };
    let lines = format!("{uses}    todo!(\"{id}: {task}; cargo workbook hint {id}\")\n");
    let lines: String = lines.lines().map(|line| format!("{indent}{line}\n")).collect();
    format!("\n{lines}{indent}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "//! A file.\n\nstruct S;\n\nimpl S {\n    /// Doc.\n    #[doc(alias = \"exercise:a.method\")]\n    fn m(&self, n: u8) -> u8 {\n        n + 1\n    }\n}\n\n#[doc(alias = \"exercise:a.plain\")]\nfn f(x: &str) {\n    // { a brace in a comment\n    drop(x);\n}\n";

    #[test]
    fn a_marked_function_is_found_with_its_body_and_arguments() {
        let method = find(SOURCE, "a.method").expect("marked");
        assert_eq!((method.name.as_str(), method.arguments.clone()), ("m", vec!["self".into(), "n".into()]));
        assert_eq!(body(SOURCE, &method), "\n        n + 1\n    ");
        assert!(find(SOURCE, "a.other").is_err());
    }

    #[test]
    fn a_body_can_be_taken_out_and_put_back() {
        for id in ["a.method", "a.plain"] {
            let function = find(SOURCE, id).expect("marked");
            let blanked = with_body(SOURCE, &function, &blank(id, &function, "write it", &[]));
            assert!(blanked.contains(&format!("todo!(\"{id}: write it; cargo workbook hint {id}\")")), "{blanked}");
            let again = find(&blanked, id).expect("still marked");
            assert_eq!(with_body(&blanked, &again, body(SOURCE, &function)), SOURCE);
        }
    }
}

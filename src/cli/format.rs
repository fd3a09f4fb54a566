//! Docker's `--format`: tables, JSON and Go's templates. Not what the verbs show: they bring rows with docker's fields.
//!
//! Rows are JSON objects. What Go's types say and JSON does not is in `value`; docker's functions are in `functions`.
//! Where docker differs: it prints a struct without its keys and a nil pointer as `<nil>`, keeps the order of a struct's
//! keys in JSON, refuses to compare a text with a number, and knows `else with`. See <https://pkg.go.dev/text/template>.

mod functions;
#[cfg(test)]
mod judged;
pub(super) mod sizes;
mod value;

use std::io::Write;

use gtmpl_ng::{Context, ErrorContext, ExecError, ParseError, Template, Value};
use serde_json::Value as Json;
use tabwriter::TabWriter;

use crate::{Failure, Result};
use functions::{FOR_HEADERS, FOR_ROWS, Functions};
use value::Nulls;

/// What `--format` asks for. Its template parses.
pub(super) struct Format {
    shape: Shape,
    text: String,
    template: Template,
    /// What it is made of, if of fields and text alone, as the verbs' own tables are.
    plain: Option<Vec<Piece>>,
}

/// A part of a template that needs no template engine.
#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Field(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Table,
    Lines,
}

impl Format {
    /// Of a verb that lists. Without a text, and for `table` alone, it is the verb's own, such as `table {{.ID}}\t{{.Tag}}`.
    pub(super) fn parse(text: Option<&str>, default: &'static str) -> Result<Self> {
        let text = text.filter(|text| !matches!(*text, "" | "table")).unwrap_or(default);
        let (shape, template) = match text.strip_prefix("table") {
            Some(template) => (Shape::Table, template),
            None if text == "json" => (Shape::Lines, "{{json .}}"),
            None => (Shape::Lines, text),
        };
        let template = template.trim_matches(' ').replace(r"\t", "\t").replace(r"\n", "\n");
        // The template engine gives a method no arguments, and docker has one method that takes some.
        let template = template.replace("$.Label ", ".Label ").replace(".Label ", "label $ ");
        Self::new(shape, template)
    }

    /// Of a verb that shows one object: inspect, version, info. Here docker knows no tables, and `\t` is no tab.
    pub(super) fn of_object(text: &str) -> Result<Self> {
        Self::new(Shape::Lines, if text == "json" { "{{json .}}" } else { text }.to_owned())
    }

    fn new(shape: Shape, text: String) -> Result<Self> {
        let (template, plain) = (compile(&text, FOR_ROWS)?, plain(&text));
        Ok(Self { shape, text, template, plain })
    }

    /// The lines to say. Titles are those of columns: `("ID", "IMAGE ID")`.
    pub(super) fn render(&self, titles: &[(&str, &str)], rows: &[Json]) -> Result<Vec<String>> {
        let rows = rows.iter().map(|row| self.render_object(row)).collect::<Result<Vec<String>>>()?;
        match self.shape {
            Shape::Lines => Ok(rows),
            Shape::Table => table(&self.header(titles)?, &rows),
        }
    }

    /// One object's text, which may be of several lines; the last is not ended.
    pub(super) fn render_object(&self, object: &Json) -> Result<String> {
        // Most of a long list's time went into the engine. It still tells what is wrong.
        if let Some(text) = self.plain.as_ref().and_then(|pieces| filled(pieces, object)) {
            return Ok(text);
        }
        // Go prints a list that is null as `[]`, and as JSON it is null. One value can't be both.
        let nulls = if self.text.contains("json") { Nulls::Kept } else { Nulls::Empty };
        let data = || value::of(object, nulls);
        self.template.render(&Context::from(data())).map_err(|error| self.refused_by(&error, &data()))
    }

    /// The template over the titles. Where that can't be, docker shows what it has; we show no title.
    fn header(&self, titles: &[(&str, &str)]) -> Result<String> {
        let context = Context::from(value::of_titles(titles));
        Ok(compile(&self.text, FOR_HEADERS)?.render(&context).unwrap_or_default())
    }

    fn refused_by(&self, error: &ExecError, data: &Value) -> Failure {
        let Some(found) = error.as_structured() else { return failure(&error.to_string()) };
        match missing_field(&found.message, data) {
            Some((field, hint)) => {
                failure_at(&self.text, &found.context, &format!("there is no field {field}")).with_hint(hint)
            }
            None => failure_at(&self.text, &found.context, &found.message),
        }
    }
}

/// The pieces of `{{.ID}}\t{{.Names}}`; `None` of a template that says more.
fn plain(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (field, after) = after.split_once("}}")?;
        let field = field.strip_prefix('.').filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
        pieces.extend([Piece::Text(before.to_owned()), Piece::Field(field.to_owned())]);
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Some(pieces)
}

/// With the texts of an object's fields; `None` if one is missing or is no text.
fn filled(pieces: &[Piece], object: &Json) -> Option<String> {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Field(name) => object.get(name)?.as_str(),
        })
        .collect()
}

fn compile(text: &str, functions: &Functions) -> Result<Template> {
    let mut template = Template::default();
    template.add_funcs(functions);
    template.parse(text).map_err(|error| match error {
        ParseError::WithContext(place, message) => failure_at(text, &place, &message),
        other => failure(&other.to_string()),
    })?;
    Ok(template)
}

fn failure(message: &str) -> Failure {
    Failure::new(format!("--format: {message}"))
}

/// With the words of the template that it is about.
fn failure_at(text: &str, place: &ErrorContext, message: &str) -> Failure {
    let quoted = || {
        let line = text.lines().nth(place.line.checked_sub(1)?)?;
        let start = place.col.checked_sub(1)?;
        line.get(start..start + place.len).filter(|words| !matches!(*words, "" | "}}"))
    };
    quoted().map_or_else(|| failure(message), |words| Failure::new(format!("--format, at {words}: {message}")))
}

/// The field that an error tells of, and those that are in its stead.
fn missing_field(message: &str, data: &Value) -> Option<(String, String)> {
    let (field, object) = message.strip_prefix("no field `")?.split_once("` in ")?;
    let fields = value::fields_of(data, object)?;
    Some((field.to_owned(), format!("the fields are {}", fields.join(", "))))
}

/// Columns of 10 and more, three blanks between them.
fn table(header: &str, rows: &[String]) -> Result<Vec<String>> {
    let failed = |error: std::io::Error| Failure::io("print a table", &error);
    let mut writer = TabWriter::new(Vec::new()).minwidth(7).padding(3);
    writeln!(writer, "{header}").map_err(failed)?;
    rows.iter().try_for_each(|row| writeln!(writer, "{row}")).map_err(failed)?;
    let bytes = writer.into_inner().map_err(|error| Failure::new(format!("print a table: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

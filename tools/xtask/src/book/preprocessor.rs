//! Our preprocessor of the book: puts in the exercises' cards, the minutes and the schedules, which all come from one table.
//!
//! `{{#minutes 35}}` is what a page takes to read; `{{#exercises FLOOR}}` its cards; `{{#schedule 210}}` a plan of so many
//! minutes over all pages; `{{#doctor}}` what `cargo workbook doctor` looks at. See mdBook's book, \"Preprocessors\".

use std::io::{self, Read, Write};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use workbook::{doctor, table::Exercise};

use super::schedule::{self, Page};
use crate::run;

/// What mdBook asks a preprocessor.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// `supports RENDERER`, which is always so
    #[arg(trailing_var_arg = true)]
    words: Vec<String>,
}

/// From standard input to standard output, as mdBook wants it: `[context, book]` in, the book out.
pub(crate) fn main(arguments: &Arguments) -> Result<()> {
    if arguments.words.first().is_some_and(|word| word == "supports") {
        return Ok(());
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("read the book")?;
    let input: Value = serde_json::from_str(&text).context("parse the book")?;
    let Value::Array(mut pair) = input else { bail!("mdBook gives a context and a book") };
    let mut book = pair.pop().context("mdBook gives a book")?;
    let exercises = workbook::table::all(run::root())?;
    let mut pages = Vec::new();
    each_page(&mut book, &mut |name, content| {
        pages.extend(page(name, content, &exercises)?);
        Ok(())
    })?;
    each_page(&mut book, &mut |name, content| {
        *content = filled(content, &exercises, &pages).with_context(|| name.to_owned())?;
        Ok(())
    })?;
    io::stdout().write_all(serde_json::to_string(&book)?.as_bytes()).context("write the book")
}

/// Every chapter in the book's JSON, in the order of reading.
fn each_page(value: &mut Value, visit: &mut impl FnMut(&str, &mut String) -> Result<()>) -> Result<()> {
    if let Value::Object(object) = value
        && let Some(name) = object.get("name").and_then(Value::as_str).map(str::to_owned)
        && let Some(Value::String(content)) = object.get_mut("content")
    {
        visit(&name, content)?;
    }
    match value {
        Value::Object(object) => object.values_mut().try_for_each(|inner| each_page(inner, visit)),
        Value::Array(list) => list.iter_mut().try_for_each(|inner| each_page(inner, visit)),
        _ => Ok(()),
    }
}

/// What a page takes; none for one that says no minutes.
fn page(name: &str, content: &str, exercises: &[Exercise]) -> Result<Option<Page>> {
    let mut page = Page { name: name.to_owned(), reading: 0, exercises: Vec::new() };
    for (word, argument) in commands(content) {
        match word {
            "minutes" => {
                page.reading = argument
                    .parse()
                    .ok()
                    .filter(|minutes| *minutes > 0)
                    .with_context(|| format!("{name}: minutes {argument:?}: not a number above 0"))?;
            }
            "exercises" => page.exercises = of_floor(exercises, argument)?,
            _ => {}
        }
    }
    Ok((page.reading > 0).then_some(page))
}

fn of_floor(exercises: &[Exercise], floor: &str) -> Result<Vec<(String, u32)>> {
    let found: Vec<_> =
        exercises.iter().filter(|one| one.floor() == floor).map(|e| (e.id.clone(), e.minutes)).collect();
    if found.is_empty() {
        bail!("there is no floor {floor:?} with exercises");
    }
    Ok(found)
}

/// The `{{#WORD ARGUMENT}}` that are ours, each alone on its line.
fn commands(content: &str) -> impl Iterator<Item = (&str, &str)> {
    content.lines().filter_map(command)
}

fn command(line: &str) -> Option<(&str, &str)> {
    let inside = line.strip_prefix("{{#")?.strip_suffix("}}")?;
    let (word, argument) = inside.split_once(' ').unwrap_or((inside, ""));
    ["minutes", "exercises", "schedule", "doctor"].contains(&word).then_some((word, argument))
}

/// A misspelt command would stand in the page as text.
fn is_unknown(line: &str) -> bool {
    let mdbooks = ["{{#include ", "{{#title "];
    line.trim().starts_with("{{#") && !mdbooks.iter().any(|command| line.trim().starts_with(command))
}

fn filled(content: &str, exercises: &[Exercise], pages: &[Page]) -> Result<String> {
    let mut text = String::new();
    let own = page("", content, exercises)?;
    for line in content.lines() {
        match command(line) {
            Some(("minutes", _)) => text += &own.as_ref().map(minutes).unwrap_or_default(),
            Some(("exercises", floor)) => {
                exercises.iter().filter(|one| one.floor() == floor).for_each(|one| text += &card(one));
            }
            Some(("schedule", length)) => {
                let length = length.parse().with_context(|| format!("schedule {length:?}"))?;
                text += &schedule::plan(pages, length);
            }
            Some(_) => text += &doctors_table()?,
            None if is_unknown(line) => bail!("{}: neither ours nor mdBook's", line.trim()),
            None => text += line,
        }
        text.push('\n');
    }
    Ok(text)
}

fn minutes(page: &Page) -> String {
    match page.exercises.len() {
        0 => format!("*About {} minutes.*", page.reading),
        count => format!(
            "*About {} minutes to read, and {} for its {count} exercises.*",
            page.reading,
            page.minutes() - page.reading
        ),
    }
}

fn card(exercise: &Exercise) -> String {
    let Exercise { id, minutes, target, change, keep, passing, .. } = exercise;
    let needs = match exercise.needs.as_str() {
        "either" => "root or not",
        other => other,
    };
    format!(
        "### {id}\n\n*{minutes} minutes, {needs}.* {target}\n\n- **Change:** {change}\n- **Keep:** {keep}\n\
         - **Run:** `cargo workbook check {id}`\n- **Passing means:** {passing}\n"
    )
}

fn doctors_table() -> Result<String> {
    let mut text = "| what | prevents | if it is missing |\n|---|---|---|\n".to_owned();
    for finding in doctor::examine(run::root(), None)? {
        text += &format!("| {} | {} | {} |\n", finding.name, finding.prevents, finding.fix);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_page_is_met_in_the_order_of_reading() {
        let inner = json!({"Chapter": {"name": "b", "content": "2", "sub_items": []}});
        let mut book =
            json!({"items": [{"Chapter": {"name": "a", "content": "1", "sub_items": [inner]}}, "Separator"]});
        let mut met = Vec::new();
        each_page(&mut book, &mut |name, content| {
            met.push((name.to_owned(), content.clone()));
            content.push('!');
            Ok(())
        })
        .expect("no error");
        assert_eq!(met, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
        assert!(book.to_string().contains("2!"));
    }

    #[test]
    fn what_is_not_ours_stays_and_what_is_unknown_is_an_error() {
        let text = "a {{#minutes 5}}\n{{#include x}}\n";
        assert_eq!(filled(text, &[], &[]).expect("nothing to do"), text);
        assert!(filled("{{#exercises nothing}}", &[], &[]).is_err());
        assert!(filled("{{#schedule soon}}", &[], &[]).is_err());
        assert!(filled("{{#minute 5}}", &[], &[]).is_err());
        assert!(filled("  {{#minutes 5}}", &[], &[]).is_err(), "it must begin its line");
        assert!(filled("{{#minutes 0}}", &[], &[]).is_err());
        assert_eq!(filled("{{#minutes 5}}", &[], &[]).expect("filled"), "*About 5 minutes.*\n");
    }
}

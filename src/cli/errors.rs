//! The one renderer of what went wrong: the answer, then advice.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{floors, refused, say::complain};
use crate::Failure;

/// Prints a failure; gives the exit status.
pub(super) fn fail(failure: &Failure) -> u8 {
    complain(&format!("error: {failure}"));
    if let Some(hint) = &failure.hint {
        complain(&format!("hint: {hint}"));
    }
    if let Some(floors) = floors::yours() {
        complain(&format!("floors: {floors}"));
    }
    failure.status
}

/// Docker's status for a flag that it does not know, in every command.
const UNKNOWN_FLAG: u8 = 125;
/// Docker's status for missing arguments and unknown commands.
const USAGE: u8 = 1;

/// Prints what is wrong with a command line, or the help that was asked for; gives the exit status.
pub(super) fn usage(error: &clap::Error, arguments: &[OsString]) -> u8 {
    if !error.use_stderr() {
        let _ = error.print();
        return 0;
    }
    if let Some(failure) = refused::explain(error, arguments) {
        return fail(&failure);
    }
    let (message, status) = match error.kind() {
        ErrorKind::UnknownArgument => (format!("there is no flag {}", invalid(error)), UNKNOWN_FLAG),
        ErrorKind::InvalidSubcommand => (format!("there is no command {}", invalid(error)), USAGE),
        ErrorKind::MissingRequiredArgument | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            ("an argument is missing".to_owned(), USAGE)
        }
        _ => (first_sentence(error), UNKNOWN_FLAG),
    };
    fail(&Failure { message, hint: Some(suggestion(error, arguments)), status })
}

fn invalid(error: &clap::Error) -> String {
    let context = error.get(ContextKind::InvalidArg).or_else(|| error.get(ContextKind::InvalidSubcommand));
    context.map_or_else(String::new, ToString::to_string)
}

/// Clap's own words, of which the first line says it all.
fn first_sentence(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn suggestion(error: &clap::Error, arguments: &[OsString]) -> String {
    let similar = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand].iter().find_map(|kind| {
        match error.get(*kind)? {
            ContextValue::String(one) => Some(one.clone()),
            ContextValue::Strings(some) => some.first().cloned(),
            _ => None,
        }
    });
    let command = arguments.get(1).and_then(|word| word.to_str()).filter(|word| !word.starts_with('-'));
    match (similar, command) {
        (Some(similar), _) => format!("did you mean {similar}?"),
        (None, Some(command)) => format!("conex {command} --help"),
        (None, None) => "conex --help".to_owned(),
    }
}

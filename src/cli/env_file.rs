//! Files of `KEY=value` lines, as `--env-file` and `--label-file` take them: no quotes, no expansion, `#` only where a
//! line begins.

use std::{fs, path::Path};

use crate::{Failure, Result};

/// The entries of a file; a key without a value is looked up by `value_of`, and left out if there is none.
pub(super) fn read(path: &Path, value_of: impl Fn(&str) -> Option<String>) -> Result<Vec<String>> {
    let bytes = fs::read(path).map_err(|error| Failure::io(format_args!("read {}", path.display()), &error))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::new(format!("{} is no UTF-8 text", path.display())))?;
    parse(&text, value_of).map_err(|failure| Failure::new(format!("{}: {failure}", path.display())))
}

fn parse(text: &str, value_of: impl Fn(&str) -> Option<String>) -> Result<Vec<String>> {
    let mut entries = Vec::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').map_or((line, None), |(key, value)| (key, Some(value)));
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(Failure::new(format!("line {}: {key:?} is no key", number + 1)));
        }
        entries.extend(value.map(str::to_owned).or_else(|| value_of(key)).map(|value| format!("{key}={value}")));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<String>> {
        parse(text, |key| (key == "HERE").then(|| "x".to_owned()))
    }

    #[test]
    fn lines_are_taken_as_docker_takes_them() {
        let text = "\u{feff}A=1\n# comment\n  B=2 \nC=\"q\" # no comment\n\nD=\nHERE\nABSENT\nE=a=b\n";
        let expected = ["A=1", "B=2 ", "C=\"q\" # no comment", "D=", "HERE=x", "E=a=b"];
        assert_eq!(parsed(text).expect("entries"), expected);
    }

    #[test]
    fn a_key_with_a_blank_is_told_with_its_line() {
        assert_eq!(parsed("A=1\nB C=2\n").expect_err("no key").message, "line 2: \"B C\" is no key");
        assert!(parsed("=1").is_err());
    }
}

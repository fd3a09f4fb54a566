//! Lines of a Dockerfile that change how an image is run: what `commit` and `import` take after `--change`. The language
//! itself comes with chapter 7; here a line has no continuation and no variable.

use std::collections::BTreeMap;

use conex_image::config::Execution;
use serde_json::{Map, Value};

use crate::{Failure, Result};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Command(Vec<String>),
    Entrypoint(Vec<String>),
    Variables(Vec<(String, String)>),
    Ports(Vec<String>),
    Labels(Vec<(String, String)>),
    OnBuild(String),
    User(String),
    Volumes(Vec<String>),
    Directory(String),
    StopSignal(String),
}

/// Reads one line.
pub(super) fn parse(line: &str) -> Result<Change> {
    let bad =
        |why: &str| Failure::new(format!("{line:?} is no change: {why}")).with_hint("such as: --change 'CMD [\"sh\"]'");
    let (instruction, rest) = line.trim().split_once(char::is_whitespace).ok_or_else(|| bad("it has one word"))?;
    let rest = rest.trim();
    let pairs = || pairs(rest).ok_or_else(|| bad("it is not KEY=VALUE"));
    let list = || json_list(rest).unwrap_or_else(|| words(rest));
    Ok(match instruction.to_ascii_uppercase().as_str() {
        "CMD" => Change::Command(command(rest)),
        "ENTRYPOINT" => Change::Entrypoint(command(rest)),
        "ENV" => Change::Variables(pairs()?),
        "EXPOSE" => Change::Ports(words(rest).into_iter().map(port).collect()),
        "LABEL" => Change::Labels(pairs()?),
        "ONBUILD" => Change::OnBuild(rest.to_owned()),
        "USER" => Change::User(rest.to_owned()),
        "VOLUME" => Change::Volumes(list()),
        "WORKDIR" => Change::Directory(rest.to_owned()),
        "STOPSIGNAL" => Change::StopSignal(rest.to_owned()),
        other => return Err(bad(&format!("{other} changes nothing that an image says of its containers"))),
    })
}

/// A list as JSON, or a line for the shell.
fn command(rest: &str) -> Vec<String> {
    json_list(rest).unwrap_or_else(|| ["/bin/sh", "-c", rest].map(str::to_owned).to_vec())
}

fn json_list(rest: &str) -> Option<Vec<String>> {
    serde_json::from_str(rest).ok()
}

fn port(word: String) -> String {
    if word.contains('/') { word } else { format!("{word}/tcp") }
}

/// `KEY=VALUE…`, or the old `KEY VALUE`.
fn pairs(rest: &str) -> Option<Vec<(String, String)>> {
    let words = words(rest);
    if words.first().is_some_and(|word| !word.contains('=')) {
        let (key, value) = rest.split_once(char::is_whitespace)?;
        return Some(vec![(key.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: &String| word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    words.iter().map(pair).collect()
}

/// Split at blanks, but not within quotes; a backslash takes the next character as it is.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut letters) = (Vec::new(), None::<String>, None, text.chars());
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', Some('"') | None) => word.get_or_insert_default().extend(letters.next()),
            (letter, Some(end)) if letter == end => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

impl Change {
    /// Does it.
    pub(crate) fn apply(&self, to: &mut Execution) {
        let present = || Value::Object(Map::new());
        match self {
            Self::Command(words) => to.cmd = Some(words.clone()),
            Self::Entrypoint(words) => to.entrypoint = Some(words.clone()),
            Self::Variables(pairs) => pairs.iter().for_each(|(key, value)| set_variable(&mut to.env, key, value)),
            Self::Ports(ports) => to.exposed_ports.extend(ports.iter().map(|port| (port.clone(), present()))),
            Self::Labels(pairs) => to.labels.extend(pairs.iter().cloned().collect::<BTreeMap<_, _>>()),
            Self::OnBuild(line) => to.on_build.get_or_insert_default().push(line.clone()),
            Self::User(user) => to.user.clone_from(user),
            Self::Volumes(paths) => to.volumes.extend(paths.iter().map(|path| (path.clone(), present()))),
            Self::Directory(path) => to.working_dir.clone_from(path),
            Self::StopSignal(signal) => to.stop_signal = Some(signal.clone()),
        }
    }
}

/// In its place, if it has one.
fn set_variable(all: &mut Vec<String>, key: &str, value: &str) {
    let entry = format!("{key}={value}");
    match all.iter_mut().find(|known| known.split('=').next() == Some(key)) {
        Some(known) => *known = entry,
        None => all.push(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(lines: &[&str]) -> Execution {
        let mut execution = Execution { env: vec!["A=1".into(), "B=2".into()], ..Execution::default() };
        lines.iter().for_each(|line| parse(line).expect(line).apply(&mut execution));
        execution
    }

    #[test]
    fn each_instruction_changes_its_own() {
        let execution = applied(&[
            "CMD [\"a\", \"b c\"]",
            "entrypoint exec x",
            "ENV A=x C=\"y z\"",
            "ENV OLD a b",
            "EXPOSE 80 53/udp",
            "LABEL k='v w'",
            "USER 7",
            "VOLUME [\"/data\"]",
            "VOLUME /a /b",
            "WORKDIR /w",
            "ONBUILD RUN x",
        ]);
        assert_eq!(execution.cmd, Some(vec!["a".into(), "b c".into()]));
        assert_eq!(execution.entrypoint, Some(vec!["/bin/sh".into(), "-c".into(), "exec x".into()]));
        assert_eq!(execution.env, ["A=x", "B=2", "C=y z", "OLD=a b"]);
        assert_eq!(execution.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        assert_eq!((execution.labels["k"].as_str(), execution.user.as_str()), ("v w", "7"));
        assert_eq!(execution.volumes.keys().collect::<Vec<_>>(), ["/a", "/b", "/data"]);
        assert_eq!(execution.working_dir, "/w");
    }

    #[test]
    fn what_changes_nothing_is_refused() {
        for bad in ["", "CMD", "RUN x", "COPY a b", "FROM x", "LABEL a=b c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}

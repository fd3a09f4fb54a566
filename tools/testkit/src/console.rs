//! Console blocks of a Markdown page, run and compared: `$ ` begins a command, what follows is its output, and `…` stands
//! for anything within a line. A block's fence says where it runs: `console` or `console,PLACE`.

use std::process::{Command, Stdio};

/// A command and the lines that it shall print, with the line of the page where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// For a shell.
    pub command: String,
    /// Both streams, in the order of writing.
    pub expected: Vec<String>,
    /// Counted from 1.
    pub line: usize,
}

/// All steps of a page's blocks with this fence, such as `console`, in order.
pub fn steps(page: &str, fence: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (index, text) in page.lines().enumerate() {
        match text.trim() {
            "```" => inside = false,
            fenced if fenced.strip_prefix("```") == Some(fence) => inside = true,
            _ if !inside => {}
            _ => match (text.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    steps.push(Step { command: command.to_owned(), expected: Vec::new(), line: index + 1 });
                }
                (None, Some(step)) => step.expected.push(text.to_owned()),
                (None, None) => {}
            },
        }
    }
    steps
}

impl Step {
    /// Runs the command by a shell in which `prepare` has set what it needs; panics if it prints something else, or if it
    /// shall print nothing and fails.
    #[track_caller]
    pub fn check(&self, prepare: impl FnOnce(&mut Command)) {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{{ {}\n}} 2>&1", self.command)]).stdin(Stdio::null());
        prepare(&mut shell);
        let output = shell.output().expect("a shell runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<&str> = printed.lines().collect();
        let silent = self.expected.is_empty();
        assert!(!silent || output.status.success(), "line {}: $ {}: {}", self.line, self.command, output.status);
        let same = lines.len() == self.expected.len()
            && lines.iter().zip(&self.expected).all(|(line, pattern)| matches(line, pattern));
        assert!(
            same,
            "line {}: $ {}\nprinted:\n{printed}\nand not:\n{}",
            self.line,
            self.command,
            self.expected.join("\n")
        );
    }
}

/// Whether a line is as a pattern says; blanks at its end do not count.
fn matches(line: &str, pattern: &str) -> bool {
    let mut pieces = pattern.trim_end().split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.trim_end().strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_s_console_blocks_are_steps() {
        let page = "text\n```console\n$ a\n1\n2\n$ b\n```\n$ c\n```sh\n$ d\n```\n```console,x\n$ e\n```\n";
        let step = |command: &str, expected: &[&str], line| Step {
            command: command.into(),
            expected: expected.iter().map(|line| (*line).to_owned()).collect(),
            line,
        };
        assert_eq!(steps(page, "console"), [step("a", &["1", "2"], 3), step("b", &[], 6)]);
        assert_eq!(steps(page, "console,x"), [step("e", &[], 13)]);
    }

    #[test]
    fn dots_stand_for_anything_within_a_line() {
        for (line, pattern) in [("abc", "abc"), ("abc", "a…c"), ("abc", "…"), ("a b c", "a…b…"), ("abc  ", "abc")]
        {
            assert!(matches(line, pattern), "{line} {pattern}");
        }
        for (line, pattern) in [("abc", "ab"), ("abc", "b…"), ("abc", "a…d"), ("ab", "ab…b"), ("", "a")] {
            assert!(!matches(line, pattern), "{line} {pattern}");
        }
    }
}

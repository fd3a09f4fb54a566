//! Text for a terminal of 80 columns, without colour.

/// The last column that is written to.
const WIDTH: usize = 78;

/// Text in lines of 78 columns behind a label; a word that is longer stands alone.
pub fn wrapped(label: &str, text: &str) -> String {
    let indent = " ".repeat(label.chars().count());
    let mut lines = String::new();
    let mut line = label.to_owned();
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() > WIDTH && line.trim_end().len() > indent.len() {
            lines += line.trim_end();
            lines.push('\n');
            line.clone_from(&indent);
        }
        line += word;
        line.push(' ');
    }
    lines + line.trim_end() + "\n"
}

/// The first lines of what a program wrote, each wrapped behind the label; how many more there are is said.
pub fn quoted(label: &str, said: &str) -> String {
    const LINES: usize = 20;
    let margin = " ".repeat(label.chars().count());
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let labels = std::iter::once(label).chain(std::iter::repeat(margin.as_str()));
    let mut text: String = lines.iter().take(LINES).zip(labels).map(|(line, label)| wrapped(label, line)).collect();
    if let Some(more @ 1..) = lines.len().checked_sub(LINES) {
        text += &format!("{margin}... and {more} lines more\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_78_and_no_word_is_lost() {
        let text = "word ".repeat(50) + &"x".repeat(100) + " end";
        let lines = wrapped("label    ", &text);
        assert!(lines.lines().all(|line| line.len() <= 78 || line.trim().starts_with("xxx")), "{lines}");
        assert!(lines.starts_with("label    word word"));
        assert_eq!(lines.split_whitespace().count(), 1 + 50 + 2);
    }

    #[test]
    fn endless_output_is_cut_and_counted() {
        let text = quoted("a ", &"again\n".repeat(25));
        assert_eq!(text.lines().count(), 21);
        assert!(text.ends_with("  ... and 5 lines more\n"));
    }
}

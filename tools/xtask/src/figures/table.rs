//! The figures as a table of the book's, with what they were measured on.

use super::report::{Report, Row, digits, short};

pub(super) fn text(report: &Report) -> String {
    let mut text = "| what | overlay | copy | the copy takes | how |\n|---|--:|--:|--:|---|\n".to_owned();
    report.rows.iter().for_each(|row| text += &line(row));
    text + &format!("\n*{}.*\n", escaped(&report.machine.line()))
}

fn line(row: &Row) -> String {
    let Row { what, unit, overlay, copy, note, .. } = row;
    let copy_text = if row.computed { format!("*{}, computed*", short(*copy, unit)) } else { short(*copy, unit) };
    format!("| {what} | {} | {copy_text} | {} | {note} |\n", short(*overlay, unit), times(copy / overlay))
}

/// Less than one where the copy wins; nothing to compare with where the overlay took nothing.
fn times(ratio: f64) -> String {
    match ratio {
        ratio if !ratio.is_finite() => "–".to_owned(),
        ratio if ratio < 1.0 => format!("{ratio:.2} ×"),
        ratio => format!("{} ×", digits(ratio)),
    }
}

/// A machine's words are no markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace(['*', '_', '|'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::report::example;
    use super::*;

    #[test]
    fn a_ratio_to_nothing_is_none() {
        assert_eq!([f64::INFINITY, f64::NAN, 0.034, 1099.7].map(times), ["–", "–", "0.03 ×", "1,100 ×"]);
    }

    #[test]
    fn every_row_has_its_line_and_what_was_computed_says_so() {
        let text = text(&example());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2 + 6 + 2);
        assert_eq!(lines[2], "| start, warm | 5.2 ms | 1.2 s | 238 × |  |");
        assert_eq!(lines[3], "| first write | 300 ms | 2 ms | 0.01 × |  |");
        let computed = "| disk, 1000 containers | 16.4 MB | *200 GB, computed* | 12,207 × | computed from 1 and 10 |";
        assert_eq!(lines[6], computed);
        assert_eq!(text.matches("computed*").count(), 2);
        assert!(lines[9].starts_with("*A &lt;fast> one, 2 cores"), "{}", lines[9]);
    }
}

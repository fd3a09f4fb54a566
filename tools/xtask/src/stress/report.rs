//! What a stress found: a table of figures, each beside what was promised, and the faults, step by step.

use testkit::Output;

use super::conex::Done;
use crate::say::say;

/// So many of a step's faults are told in full.
const FAULTS_TOLD: usize = 10;

#[derive(Default)]
pub(super) struct Report {
    rows: Vec<Row>,
    steps: Vec<Step>,
}

struct Row {
    what: String,
    figure: String,
    unit: &'static str,
    promise: &'static str,
}

/// A step in which something went wrong.
struct Step {
    name: &'static str,
    faults: Vec<String>,
}

impl Report {
    /// A figure without a promise.
    pub(super) fn figure(&mut self, what: impl Into<String>, figure: f64, unit: &'static str) {
        self.promised(what, figure, unit, "");
    }

    pub(super) fn promised(&mut self, what: impl Into<String>, figure: f64, unit: &'static str, promise: &'static str) {
        self.rows.push(Row { what: what.into(), figure: digits(figure), unit, promise });
    }

    /// Something that could not be measured.
    pub(super) fn skipped(&mut self, what: &str, why: &'static str) {
        self.rows.push(Row { what: what.into(), figure: "-".into(), unit: "skipped:", promise: why });
    }

    pub(super) fn fault(&mut self, step: &'static str, faults: impl IntoIterator<Item = String>) {
        let faults: Vec<String> = faults.into_iter().collect();
        if !faults.is_empty() {
            self.steps.push(Step { name: step, faults });
        }
    }

    /// What those said that went well; the others are faults.
    pub(super) fn sift(&mut self, step: &'static str, done: Vec<Done>) -> Vec<Done> {
        let (good, bad): (Vec<Done>, Vec<Done>) = done.into_iter().partition(|done| done.output.status == 0);
        self.fault(step, bad.into_iter().map(|done| told(&done.output)));
        good
    }

    /// How many faults there are.
    pub(super) fn faults(&self) -> usize {
        self.steps.iter().map(|step| step.faults.len()).sum()
    }

    /// Prints everything.
    pub(super) fn tell(&self) {
        lines(&self.rows).iter().for_each(|line| say(line));
        for Step { name, faults } in &self.steps {
            say(&format!("FAULTS in {name}: {}", faults.len()));
            faults.iter().take(FAULTS_TOLD).for_each(|fault| say(&format!("  {fault}")));
        }
    }
}

fn told(output: &Output) -> String {
    format!("status {}: {}", output.status, output.err.trim().replace('\n', "; "))
}

fn lines(rows: &[Row]) -> Vec<String> {
    let width = |text: fn(&Row) -> &str| rows.iter().map(|row| text(row).chars().count()).max().unwrap_or_default();
    let (what_width, figure_width) = (width(|row| &row.what), width(|row| &row.figure));
    let unit_width = width(|row| row.unit);
    let line = |Row { what, figure, unit, promise }: &Row| {
        let line = format!("{what:<what_width$}  {figure:>figure_width$} {unit:<unit_width$}  {promise}");
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn digits(figure: f64) -> String {
    if figure.abs() < 100.0 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn figures_stand_below_each_other_with_their_promise() {
        let mut report = Report::default();
        report.promised("starts", 123.4, "/s", "promised: 100");
        report.figure("a shim", 9.87, "KiB");
        report.skipped("stats", "no such verb");
        let expected = ["starts  123 /s        promised: 100", "a shim  9.9 KiB", "stats     - skipped:  no such verb"];
        assert_eq!(lines(&report.rows), expected);
    }

    #[test]
    fn what_fails_is_a_fault_and_no_figure() {
        let done = |status, err: &str| Done {
            output: Output { out: "id\n".into(), err: err.into(), status },
            time: Duration::ZERO,
        };
        let mut report = Report::default();
        let good = report.sift("start", vec![done(0, ""), done(125, "error: no\nhint: yes\n")]);
        assert_eq!((good.len(), report.faults()), (1, 1));
        assert_eq!(report.steps[0].faults, ["status 125: error: no; hint: yes"]);
    }
}

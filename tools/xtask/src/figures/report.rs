//! One run of the bench `sharing`, as it wrote it down, and its figures as people read them.

use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) rows: Vec<Row>,
}

#[derive(Deserialize)]
pub(super) struct Machine {
    cpu: String,
    cores: u32,
    memory_bytes: u64,
    kernel: String,
    file_system: String,
    date: String,
    root_bytes: u64,
    root_inodes: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Time,
    Disk,
    DiskOfReflinks,
    Inodes,
    Memory,
}

/// A figure of the overlay beside one of the copy.
#[derive(Deserialize)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) what: String,
    pub(super) containers: u32,
    pub(super) unit: String,
    pub(super) overlay: f64,
    pub(super) copy: f64,
    /// Whether the copy's figure was not measured.
    pub(super) computed: bool,
    pub(super) note: String,
}

impl Report {
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.kind == kind)
    }
}

impl Machine {
    /// What it takes to compare these figures with others.
    pub(super) fn line(&self) -> String {
        let Self { cpu, cores, kernel, file_system, date, .. } = self;
        let (memory, root) = (self.memory_bytes.div_ceil(1 << 30), short(self.root_bytes as f64 / 1e6, "MB"));
        let inodes = digits(self.root_inodes as f64);
        format!(
            "{cpu}, {cores} cores, {memory} GiB of memory; Linux {kernel}; {file_system}; a Debian root of {root} in \
             {inodes} inodes; {date}"
        )
    }
}

/// A figure in a unit that makes it short: `1.3 s`, `16 kB`.
pub(super) fn short(figure: f64, unit: &str) -> String {
    let (figure, unit) = match unit {
        "ms" if figure >= 1e3 => (figure / 1e3, "s"),
        "MB" if figure >= 1e6 => (figure / 1e6, "TB"),
        "MB" if figure >= 1e3 => (figure / 1e3, "GB"),
        "MB" if figure < 1.0 => (figure * 1e3, "kB"),
        unit => (figure, unit),
    };
    format!("{} {unit}", digits(figure)).trim_end().to_owned()
}

/// Three digits, or all before the point, in groups of three.
pub(super) fn digits(figure: f64) -> String {
    let places = if figure >= 99.95 || figure.fract() == 0.0 { 0 } else { 1 };
    let text = format!("{figure:.places$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), String::new()), |(w, r)| (w, format!(".{r}")));
    let mut grouped = String::new();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &rest
}

/// A small run, for tests of what is made from one.
#[cfg(test)]
pub(super) fn example() -> Report {
    let row = |kind: &str, what: &str, containers: u32, unit: &str, figures: (f64, f64), computed: bool| {
        serde_json::json!({
            "kind": kind, "what": what, "containers": containers, "unit": unit, "overlay": figures.0,
            "copy": figures.1, "computed": computed, "note": if computed { "computed from 1 and 10" } else { "" },
        })
    };
    let machine = serde_json::json!({
        "cpu": "A <fast> one", "cores": 2, "memory_bytes": 8_000_000_000_u64, "kernel": "6.18", "file_system": "ext4",
        "date": "2026-01-02", "root_bytes": 212_000_000, "root_inodes": 9876,
    });
    let rows = [
        row("time", "start, warm", 1, "ms", (5.25, 1250.0), false),
        row("time", "first write", 1, "ms", (300.0, 2.0), false),
        row("disk", "disk, 1 container", 1, "MB", (0.016384, 200.0), false),
        row("disk", "disk, 10 containers", 10, "MB", (0.16384, 2000.0), false),
        row("disk", "disk, 1000 containers", 1000, "MB", (16.384, 200_000.0), true),
        row("inodes", "inodes, 1000 containers", 1000, "", (4000.0, 9_876_000.0), true),
    ];
    serde_json::from_value(serde_json::json!({"machine": machine, "rows": rows})).expect("a report")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_told_in_the_unit_that_makes_it_short() {
        assert_eq!(short(5.25, "ms"), "5.2 ms");
        assert_eq!(short(1250.0, "ms"), "1.2 s");
        assert_eq!(short(0.016384, "MB"), "16.4 kB");
        assert_eq!(short(200_000.0, "MB"), "200 GB");
        assert_eq!(short(9_876_000.0, ""), "9,876,000");
        assert_eq!(short(99.97, "ms"), "100 ms");
    }

    #[test]
    fn the_machine_s_line_has_all_that_was_noted() {
        let said = "A <fast> one, 2 cores, 8 GiB of memory; Linux 6.18; ext4; a Debian root of 212 MB in 9,876 inodes; \
                    2026-01-02";
        assert_eq!(example().machine.line(), said);
    }
}

//! The narration to be read: two lines an operation and a summary.

use super::{chapter, share};
use crate::{Record, Side};

/// One operation: time, side, part with its chapter, what ran; below it the command that does the same.
pub(super) fn lines(record: &Record) -> String {
    let side = match record.side {
        Side::Host => "host",
        Side::Container => "container",
    };
    let chapter = chapter(&record.part).map_or(String::new(), |number| format!(" (chapter {number})"));
    let failure = record.failure.as_ref().map_or(String::new(), |failure| format!(": {failure}"));
    let micros = record.took.as_nanos() as f64 / 1000.0;
    let sign = match &*record.equivalent.0 {
        "exact" => "=",
        "approximate" => "~",
        _ => "-",
    };
    let first = format!("{micros:>9.1} us  {side:<9}  {}{chapter}: {}{failure}", record.part, record.operation);
    format!("{first}\n{:>14} {sign} {}\n", "", record.equivalent.1)
}

/// What the narration amounts to, with the meaning of its signs.
pub(super) fn summary(records: &[Record]) -> String {
    let total: f64 = records.iter().map(|record| record.took.as_nanos() as f64 / 1000.0).sum();
    format!("{total:>9.1} us  in all; {}  (= exact, ~ approximate, - none)\n", share(records))
}

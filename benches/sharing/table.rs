//! Rows for people and for `cargo xtask figures`: overlay beside copy, and how much less.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    arena::place,
    machine,
    root::{How, Roots},
    row::Row,
};

pub(crate) struct Table {
    file: PathBuf,
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new(file: &Path) -> Self {
        let (overlay, copy) = (How::Overlay.word(), How::Copy.word());
        place::say(&format!("{:<46} {overlay:>12} {copy:>14} {:>9}", "", "ratio"));
        Self { file: file.to_owned(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, row: Row) {
        let Row { what, unit, overlay, copy, note, .. } = &row;
        let ratio = copy / overlay;
        place::say(&format!(
            "{:<46} {overlay:>12.2} {copy:>14.2} {ratio:>8.1}x  {note}",
            format!("{what} {unit}").trim()
        ));
        self.rows.push(row);
    }

    /// Keeps all rows, with what they were measured on.
    pub(crate) fn finish(self, roots: &Roots) -> io::Result<()> {
        let all = json!({"machine": machine::describe(roots)?, "rows": self.rows});
        fs::write(&self.file, serde_json::to_vec_pretty(&all)?)
    }
}

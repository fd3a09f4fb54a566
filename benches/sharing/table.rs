//! Rows for people and for `cargo xtask figures`: overlay beside copy, and how much less.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{place, root::How};

pub(crate) struct Table {
    file: PathBuf,
    rows: Vec<Value>,
}

impl Table {
    pub(crate) fn new(file: &Path) -> Self {
        let (overlay, copy) = (How::Overlay.word(), How::Copy.word());
        place::say(&format!("{:<44} {overlay:>12} {copy:>14} {:>9}", "", "ratio"));
        Self { file: file.to_owned(), rows: Vec::new() }
    }

    /// One figure of each kind, and what is to be known of it.
    pub(crate) fn row(&mut self, what: &str, unit: &str, overlay: f64, copy: f64, note: &str) {
        let ratio = copy / overlay;
        place::say(&format!(
            "{:<44} {overlay:>12.2} {copy:>14.2} {ratio:>8.1}x  {note}",
            format!("{what} {unit}").trim()
        ));
        self.rows.push(json!({"what": what, "unit": unit, "overlay": overlay, "copy": copy, "note": note}));
    }

    /// Keeps all rows, with what they were measured on.
    pub(crate) fn finish(self) -> io::Result<()> {
        let machine = rustix::system::uname();
        let all = json!({"kernel": machine.release().to_string_lossy(), "rows": self.rows});
        fs::write(&self.file, serde_json::to_vec_pretty(&all)?)
    }
}

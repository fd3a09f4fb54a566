//! Columns as docker's: three spaces apart at least.

use std::io::Write;

use tabwriter::TabWriter;

use crate::{Failure, Result};

/// A head and rows, whose cells are apart by tabs.
pub(super) fn table(head: &str, rows: &[String]) -> Result<String> {
    let failed = |error: std::io::Error| Failure::io("print a table", &error);
    let mut writer = TabWriter::new(Vec::new()).minwidth(7).padding(3);
    writeln!(writer, "{head}").map_err(failed)?;
    rows.iter().try_for_each(|row| writeln!(writer, "{row}")).map_err(failed)?;
    writer.flush().map_err(failed)?;
    let bytes = writer.into_inner().map_err(|error| Failure::new(format!("print a table: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

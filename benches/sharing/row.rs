//! One line of the table: a figure for the overlay beside the copy's.

use serde::Serialize;

/// What a figure is about, for whoever draws it.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    #[default]
    Time,
    Disk,
    Inodes,
    Memory,
    DiskOfReflinks,
}

#[derive(Default, Serialize)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) what: String,
    /// How many of them the figure is for.
    pub(crate) containers: usize,
    /// `ms`, `MB` or nothing.
    pub(crate) unit: &'static str,
    pub(crate) overlay: f64,
    pub(crate) copy: f64,
    /// Whether the copy's figure was not measured.
    pub(crate) computed: bool,
    pub(crate) note: String,
}

//! One line in one file of a cgroup.

/// What is written where. The controller is what the file's name begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Such as `memory.max`.
    pub(crate) file: &'static str,
    /// As the kernel takes it.
    pub(crate) value: String,
    /// Whether the host may lack the file: some kernels don't count swap.
    pub(crate) optional: bool,
    /// File and value where the host lacks the file and has this one.
    pub(crate) otherwise: Option<(&'static str, String)>,
}

impl Setting {
    /// A line that must be written.
    pub(crate) fn new(file: &'static str, value: impl ToString) -> Self {
        Self { file, value: value.to_string(), optional: false, otherwise: None }
    }

    /// Such as `memory`. What was asked for as blkio is io on v2.
    pub(crate) fn controller(&self) -> &'static str {
        self.file.split('.').next().unwrap_or(self.file)
    }
}

//! `--explain`: what was asked of the kernel, printed on standard error as text, JSON or a script.

use std::{cell::Cell, io, rc::Rc};

use clap::ValueEnum;

use crate::kernel::{Format, Kernel, Narration, Observer, Record};

/// How to print.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Form {
    /// To read
    Text,
    /// One object a line
    Json,
    /// A script that does the same
    Sh,
}

/// The narration of one command.
pub(super) struct Explain {
    narration: Rc<Narration>,
    finished: Cell<bool>,
}

impl Explain {
    pub(super) fn new(form: Form) -> Self {
        let format = match form {
            Form::Text => Format::Text,
            Form::Json => Format::Json,
            Form::Sh => Format::Sh,
        };
        Self { narration: Rc::new(Narration::new(format, Box::new(io::stderr()))), finished: Cell::new(false) }
    }

    /// A kernel that performs nothing and tells all.
    pub(super) fn dry_kernel(&self) -> Kernel {
        Kernel::dry(self.narration.clone())
    }

    /// Something that was done elsewhere.
    pub(super) fn tell(&self, record: Record) {
        if !self.finished.get() {
            self.narration.after(record);
        }
    }

    /// Prints what comes last, once: what is undone at a container's end is not part of its birth.
    pub(super) fn finish(&self) {
        if !self.finished.replace(true) {
            // If standard error is gone there is nobody to tell.
            let _ = self.narration.finish();
        }
    }
}

//! Blobs on their way: a bar a blob where standard error is a terminal, a line where it is none, nothing if asked.

use std::{collections::BTreeMap, sync::Mutex};

use conex_image::{Descriptor, Digest};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::{stdio::stderr, termios::isatty};

use super::{say::complain, words::short};
use crate::image::{How, Watch};

/// Shows what becomes of blobs.
pub(super) struct Bars {
    form: Form,
    bars: Mutex<BTreeMap<Digest, ProgressBar>>,
    all: MultiProgress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Bars,
    Lines,
    Nothing,
}

impl Bars {
    /// Quiet ones show nothing.
    pub(super) fn new(quiet: bool) -> Self {
        let form = match (quiet, isatty(stderr())) {
            (true, _) => Form::Nothing,
            (false, true) => Form::Bars,
            (false, false) => Form::Lines,
        };
        let target = if form == Form::Bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { form, bars: Mutex::default(), all: MultiProgress::with_draw_target(target) }
    }

    /// Leaves the bars as they are.
    pub(super) fn end(&self) {
        if let Ok(bars) = self.bars.lock() {
            bars.values().for_each(ProgressBar::abandon);
        }
    }

    fn bar(&self, blob: &Descriptor) -> Option<ProgressBar> {
        let mut bars = self.bars.lock().ok()?;
        let bar = bars.entry(blob.digest.clone()).or_insert_with(|| {
            let bar = self.all.add(ProgressBar::new(blob.size)).with_prefix(short(&blob.digest).to_owned());
            // Of colours none is needed: the words say it all.
            let template =
                "{prefix}: {msg:<14} {bar:20} {decimal_bytes:>10} of {decimal_total_bytes:<10} {decimal_bytes_per_sec}";
            bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Some(bar.clone())
    }
}

impl Watch for Bars {
    fn begins(&self, blob: &Descriptor) {
        if self.form == Form::Bars
            && let Some(bar) = self.bar(blob)
        {
            bar.set_message("on its way");
        }
    }

    fn so_far(&self, digest: &Digest, bytes: u64) {
        if self.form == Form::Bars
            && let Ok(bars) = self.bars.lock()
            && let Some(bar) = bars.get(digest)
        {
            bar.set_position(bytes);
        }
    }

    fn ends(&self, blob: &Descriptor, how: How) {
        let words = match how {
            How::Already => "already there",
            How::Mounted => "mounted",
            How::Sent => "complete",
        };
        match self.form {
            Form::Nothing => {}
            Form::Lines => complain(&format!("{}: {words}", short(&blob.digest))),
            Form::Bars => {
                if let Some(bar) = self.bar(blob) {
                    bar.set_position(blob.size);
                    bar.abandon_with_message(words);
                }
            }
        }
    }
}

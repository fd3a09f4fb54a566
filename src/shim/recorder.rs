//! Writing a container's output down, as it comes. What does not fit on a full disk is dropped, counted, and told in the
//! log once there is room again: the container neither waits nor fails because of it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    mem,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use crate::{
    choices::Choices,
    log::{LINE_BYTES_MAX, Log, LogDriver, Record},
    namespaces::ContainerId,
    paths::Paths,
};

/// Which of both streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Output,
    Errors,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Output => "stdout",
            Self::Errors => "stderr",
        }
    }
}

/// Of one container; writes nothing before there is something to write.
pub(super) struct Recorder {
    /// Nowhere, if the user wanted no log.
    path: Option<PathBuf>,
    limits: Log,
    file: Option<File>,
    /// How much of the file is whole records.
    bytes: u64,
    begun: [Begun; 2],
    /// Records that found no room.
    dropped: usize,
}

/// The beginning of a line whose end is still to come.
#[derive(Default)]
struct Begun {
    bytes: Vec<u8>,
    /// When the line began.
    since: String,
    /// Whether a part of it is written down already.
    is_split: bool,
}

impl Recorder {
    pub(super) fn new(choices: &Choices, paths: &Paths, id: &ContainerId) -> Self {
        let path = (choices.log.driver == LogDriver::JsonFile).then(|| paths.log(id));
        Self { path, limits: choices.log.clone(), file: None, bytes: 0, begun: Default::default(), dropped: 0 }
    }

    /// Takes what was read at once.
    pub(super) fn record(&mut self, source: Source, bytes: &[u8]) {
        if self.path.is_none() {
            return;
        }
        let (now, mut records, begun) = (now(), Vec::new(), &mut self.begun[source as usize]);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            begun.take(line, &now, |part, since| push(&mut records, source, part, since));
        }
        self.write(&records);
    }

    /// Writes down what had no newline in the end.
    pub(super) fn finish(&mut self) {
        for source in [Source::Output, Source::Errors] {
            let Begun { bytes, since, .. } = mem::take(&mut self.begun[source as usize]);
            let mut records = Vec::new();
            if !bytes.is_empty() {
                push(&mut records, source, &bytes, &since);
            }
            self.write(&records);
        }
    }

    fn write(&mut self, records: &[u8]) {
        if records.is_empty() {
            return;
        }
        let mut all = Vec::new();
        if self.dropped > 0 {
            let text = format!("conex: {} lines were not logged: there was no room on the disk\n", self.dropped);
            push(&mut all, Source::Errors, text.as_bytes(), &now());
        }
        let marks = usize::from(!all.is_empty());
        all.extend_from_slice(records);
        match self.append(&all) {
            0 => self.dropped = 0,
            left => self.dropped = if left > count(records) { self.dropped + left - marks } else { left },
        }
    }

    /// Appends as many as find room; how many did not.
    fn append(&mut self, mut records: &[u8]) -> usize {
        while !records.is_empty() {
            match self.append_some(records) {
                Ok(length) => records = &records[length..],
                Err(_) => break,
            }
        }
        count(records)
    }

    /// Appends what fits into one file; how many bytes that were.
    fn append_some(&mut self, records: &[u8]) -> io::Result<usize> {
        self.open()?;
        let room = usize::try_from(self.limits.max_bytes.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        let end = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n').map(|last| last + 1);
        let fits = if records.len() <= room { Some(records.len()) } else { end(&records[..room]) };
        let length = match fits {
            Some(length) => length,
            None if self.bytes > 0 => return self.rotate().map(|()| 0),
            // One that is longer than a file may be has one of its own.
            None => records.iter().position(|byte| *byte == b'\n').map_or(records.len(), |first| first + 1),
        };
        let Some(file) = &mut self.file else { return Ok(0) };
        if let Err(error) = file.write_all(&records[..length]) {
            // Half a record would be none.
            let _ = file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += length as u64;
        Ok(length)
    }

    fn open(&mut self) -> io::Result<()> {
        if let (None, Some(path)) = (&self.file, &self.path) {
            let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
            self.bytes = file.metadata()?.len();
            self.file = Some(file);
        }
        Ok(())
    }

    /// `x-json.log` becomes `x-json.log.1`, and so on; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let numbered = |number: u32| match number {
            0 => path.clone(),
            _ => PathBuf::from(format!("{}.{number}", path.display())),
        };
        (self.file, self.bytes) = (None, 0);
        if self.limits.max_files < 2 {
            return fs::remove_file(path);
        }
        for number in (0..self.limits.max_files - 1).rev() {
            match fs::rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Begun {
    /// Takes a line or a part of one, and gives what is complete.
    fn take(&mut self, mut line: &[u8], now: &str, mut complete: impl FnMut(&[u8], &str)) {
        while !line.is_empty() {
            if self.bytes.is_empty() && !self.is_split {
                now.clone_into(&mut self.since);
            }
            let (part, rest) = line.split_at(line.len().min(LINE_BYTES_MAX - self.bytes.len()));
            self.bytes.extend_from_slice(part);
            line = rest;
            let ends = self.bytes.ends_with(b"\n");
            if ends || self.bytes.len() == LINE_BYTES_MAX {
                complete(&self.bytes, &self.since);
                self.bytes.clear();
                self.is_split = !ends;
            }
        }
    }
}

fn count(records: &[u8]) -> usize {
    records.iter().filter(|byte| **byte == b'\n').count()
}

fn push(records: &mut Vec<u8>, source: Source, line: &[u8], time: &str) {
    let log = String::from_utf8_lossy(line);
    Record { log, stream: source.name().into(), time: time.into() }.write(records);
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

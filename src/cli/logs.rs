//! `conex logs`: what a container wrote, from its log: its shim is not asked.

use std::{
    collections::VecDeque,
    io::{self, Write},
};

use clap::Args;
use jiff::Timestamp;

use super::{log_reader::LogReader, moment};
use crate::{Choices, Engine, Failure, LogDriver, Result, log::Record};

/// Show what a container wrote
#[derive(Args, Debug)]
pub(super) struct Logs {
    /// Go on until it has ended
    #[arg(short, long)]
    follow: bool,
    /// So many records, the last; all without it
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "all", allow_negative_numbers = true)]
    tail: String,
    /// When each was written, in front of it
    #[arg(short, long)]
    timestamps: bool,
    /// Not before: a time, seconds since 1970, or how long ago (10m)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Not after: the same
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Also what a log driver adds to each; ours adds nothing
    #[arg(long)]
    details: bool,
    /// A name, an id, or the beginning of an id
    #[arg(value_name = "CONTAINER")]
    container: String,
}

/// Which records are shown, and how.
struct Shown {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    timestamps: bool,
}

pub(super) fn main(logs: &Logs, engine: &Engine) -> Result<u8> {
    let id = engine.find(&logs.container)?;
    let choices = Choices::read(engine.paths(), &id)?;
    if choices.log.driver == LogDriver::None {
        let failure = Failure::new(format!("container {} keeps no log", logs.container));
        return Err(failure.with_hint("it was made with --log-driver none"));
    }
    let time = |text: &Option<String>| text.as_deref().map(moment::parse).transpose();
    let (since, until) = (time(&logs.since)?, time(&logs.until)?);
    let shown = Shown { since, until, timestamps: logs.timestamps };
    // Asked before anything is read: once it has ended, the log is whole.
    let shim = if logs.follow { engine.connect(&id)? } else { None };
    let failed = |error: io::Error| Failure::io(format_args!("read the log of {}", logs.container), &error);
    let mut reader = LogReader::open(engine.paths(), &id, choices.log.max_files).map_err(failed)?;
    let mut last = Last::new(&logs.tail)?;
    while let Some(record) = reader.next().map_err(failed)? {
        if shown.has(&record) && !last.keep(record, |record| shown.print(record)) {
            return Ok(0);
        }
    }
    if !last.records.iter().all(|record| shown.print(record)) {
        return Ok(0);
    }
    let Some(shim) = shim else { return Ok(0) };
    loop {
        let ended = reader.wait(&shim).map_err(failed)?;
        while let Some(record) = reader.next().map_err(failed)? {
            if shown.is_past(&record) || (shown.has(&record) && !shown.print(&record)) {
                return Ok(0);
            }
        }
        if ended {
            return Ok(0);
        }
    }
}

impl Shown {
    fn has(&self, record: &Record<'_>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        let Ok(then) = record.time.parse::<Timestamp>() else { return true };
        self.since.is_none_or(|since| then >= since) && self.until.is_none_or(|until| then <= until)
    }

    fn is_past(&self, record: &Record<'_>) -> bool {
        self.until.is_some_and(|until| record.time.parse::<Timestamp>().is_ok_and(|then| then > until))
    }

    /// Where it was written to first; whether anybody is there to read.
    fn print(&self, record: &Record<'_>) -> bool {
        let mut text = if self.timestamps { format!("{} ", record.time) } else { String::new() };
        text += &record.log;
        let written = match record.stream.as_ref() {
            "stderr" => io::stderr().write_all(text.as_bytes()),
            _ => io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()),
        };
        written.is_ok()
    }
}

/// The last records, if not all are wanted.
struct Last {
    count: Option<usize>,
    records: VecDeque<Record<'static>>,
}

impl Last {
    fn new(text: &str) -> Result<Self> {
        let count = match text {
            "all" => None,
            number if number.starts_with('-') => None,
            number => Some(number.parse().map_err(|_| {
                Failure::new(format!("--tail takes a number or all, not {text:?}"))
                    .with_hint("conex logs --tail 10 NAME")
            })?),
        };
        Ok(Self { count, records: VecDeque::new() })
    }

    /// Whether to go on.
    fn keep(&mut self, record: Record<'static>, print: impl Fn(&Record<'_>) -> bool) -> bool {
        let Some(count) = self.count else { return print(&record) };
        self.records.push_back(record);
        if self.records.len() > count {
            self.records.pop_front();
        }
        true
    }
}

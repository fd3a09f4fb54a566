//! The narration: what `--explain` prints, from the records of what ran. Three formats: text to read, JSON lines for
//! programs, and a shell script that does the same again.

mod script;
mod text;

use std::{
    cell::RefCell,
    io::{self, Write},
};

use crate::{Observer, Record, Side};

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Two lines an operation: what ran and how long it took, and the command that does the same.
    Text,
    /// One JSON object a line.
    Json,
    /// A script for sh(1), complete once the container's program runs.
    Sh,
}

/// Prints every operation that is performed.
pub struct Narration {
    format: Format,
    state: RefCell<State>,
}

struct State {
    out: Box<dyn Write>,
    records: Vec<Record>,
    failed: Option<io::Error>,
}

impl Narration {
    /// Prints to `out`, usually standard error: standard output belongs to the container.
    pub fn new(format: Format, out: Box<dyn Write>) -> Self {
        Self { format, state: RefCell::new(State { out, records: Vec::new(), failed: None }) }
    }

    /// Prints what comes last: the summary of a text, the whole of a script. Reports the first write that failed.
    pub fn finish(&self) -> io::Result<()> {
        let state = &mut *self.state.borrow_mut();
        let records = std::mem::take(&mut state.records);
        let last = match self.format {
            Format::Text => text::summary(&records),
            Format::Json => String::new(),
            Format::Sh => script::script(&records),
        };
        state.write(&last);
        state.failed.take().map_or(Ok(()), Err)
    }
}

impl State {
    fn write(&mut self, text: &str) {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }
}

impl Observer for Narration {
    fn after(&self, record: Record) {
        let state = &mut *self.state.borrow_mut();
        match self.format {
            Format::Text => state.write(&text::lines(&record)),
            Format::Json => state.write(&json(&record)),
            Format::Sh => {}
        }
        state.records.push(record);
    }
}

fn json(record: &Record) -> String {
    let side = match record.side {
        Side::Host => "host",
        Side::Container => "container",
    };
    let (equivalent, command) = &record.equivalent;
    let value = serde_json::json!({
        "side": side,
        "part": record.part,
        "chapter": chapter(&record.part),
        "operation": record.operation,
        "equivalent": equivalent,
        "command": command,
        "took_ns": u64::try_from(record.took.as_nanos()).unwrap_or(u64::MAX),
        "error": record.failure,
    });
    format!("{value}\n")
}

/// The chapter that teaches a part.
fn chapter(part: &str) -> Option<u8> {
    let parts = ["namespaces", "cgroups", "overlay", "image", "volumes", "network", "dockerfile"];
    parts.iter().position(|name| *name == part).and_then(|position| u8::try_from(position + 1).ok())
}

/// How many records have an exact command, as a sentence.
fn share(records: &[Record]) -> String {
    let exact = records.iter().filter(|record| record.equivalent.0 == "exact").count();
    format!("{exact} of {} operations have an exact command", records.len())
}

#[cfg(test)]
mod tests {
    use std::{rc::Rc, time::Duration};

    use super::*;

    /// A sink that the test can read while the narration owns a clone of it.
    #[derive(Clone, Default)]
    struct Sink(Rc<RefCell<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn record(side: Side, operation: &str, equivalent: (&'static str, &str)) -> Record {
        Record {
            side,
            part: "namespaces".into(),
            operation: operation.into(),
            equivalent: (equivalent.0.into(), equivalent.1.into()),
            took: Duration::from_micros(12),
            failure: None,
        }
    }

    fn narrated(format: Format) -> String {
        let sink = Sink::default();
        let narration = Narration::new(format, Box::new(sink.clone()));
        narration.after(record(Side::Host, "clone3 user", ("approximate", "unshare --user sh & pid=$!")));
        narration.after(record(
            Side::Host,
            "write uid_map 0 1000 1",
            ("exact", "printf '0 1000 1' > /proc/$pid/uid_map"),
        ));
        narration.after(record(Side::Container, "seccomp", ("none", "no command loads a filter")));
        narration.after(record(Side::Container, "umask 0022", ("exact", "umask 0022")));
        narration.finish().expect("a sink takes everything");
        String::from_utf8(sink.0.take()).expect("text")
    }

    #[test]
    fn text_gives_time_part_operation_and_command() {
        insta::assert_snapshot!(narrated(Format::Text));
    }

    #[test]
    fn json_gives_one_object_a_line() {
        insta::assert_snapshot!(narrated(Format::Json));
    }

    #[test]
    fn sh_gives_a_script_of_two_sides() {
        insta::assert_snapshot!(narrated(Format::Sh));
    }
}

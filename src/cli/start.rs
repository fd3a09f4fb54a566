//! `conex start`: containers that do not run, started again.

use clap::Args;
use rustix::stdio::stdin;

use super::{
    attach::{Attach, Shown},
    detach::Keys,
    explain::Explain,
    run,
    say::say,
};
use crate::{Begin, Choices, Engine, Failure, Frame, Result, Stream, kernel::size_of, namespaces::ContainerId};

/// Start containers that do not run
#[derive(Args, Debug)]
pub(super) struct Start {
    /// Show what it writes, and pass signals on
    #[arg(short, long)]
    attach: bool,
    /// Give it what we read
    #[arg(short, long)]
    interactive: bool,
    /// The keys that leave it running
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Names, ids, or beginnings of ids
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,
}

pub(super) fn main(start: &Start, engine: &mut Engine) -> Result<u8> {
    match start.containers.as_slice() {
        [word] if start.attach || start.interactive => attached(start, word, engine),
        _ if start.attach || start.interactive => {
            Err(Failure::new("only one container can be attached").with_hint("leave -a and -i out to start several"))
        }
        words => super::each(words, |word| {
            begin(engine, &engine.find(word)?)?;
            say(word);
            Ok(())
        }),
    }
}

/// Starts a container, unless it runs, and comes back when its program does.
pub(super) fn begin(engine: &Engine, id: &ContainerId) -> Result<()> {
    match engine.take(id)? {
        Some(created) => {
            let begin = Begin { size: size_of(stdin()), ..Begin::default() };
            up(&engine.start(created, begin)?.stream, None)
        }
        None => Ok(()),
    }
}

/// Waits until the program of a container that was just begun runs.
pub(super) fn up(stream: &Stream, explain: Option<&Explain>) -> Result<()> {
    loop {
        match stream.receive().map_err(|error| Failure::io("listen to the shim", &error))? {
            Some((Frame::Told(record), _)) => explain.into_iter().for_each(|explain| explain.tell(record.clone())),
            Some((Frame::Started | Frame::Exited(_), _)) => {
                explain.into_iter().for_each(Explain::finish);
                return Ok(());
            }
            Some((Frame::Failed(failure), _)) => return Err(failure),
            Some(_) => {}
            None => return Err(Failure::new("the container's shim died before its program ran")),
        }
    }
}

fn attached(start: &Start, word: &str, engine: &mut Engine) -> Result<u8> {
    let id = engine.find(word)?;
    let choices = Choices::read(engine.paths(), &id)?;
    let keys = start.detach_keys.as_deref().map_or_else(|| Ok(Keys::default()), Keys::parse)?;
    let Some(created) = engine.take(&id)? else {
        return Err(Failure::new(format!("container {word} runs already")).with_hint(format!("conex attach {word}")));
    };
    let (theirs, ours) = run::input(&choices, start.interactive)?;
    let started = engine.start(created, Begin { stdin: theirs, size: size_of(stdin()), ..Begin::default() })?;
    let ending = Attach {
        stream: &started.stream,
        input: ours,
        types: choices.terminal && choices.stdin && start.interactive,
        shown: Shown { output: true, errors: true },
        passes_signals: start.attach,
        keys,
        removes: choices.remove,
        narration: None,
    }
    .run()?;
    ending.status(engine)
}

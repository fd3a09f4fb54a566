//! How does a program run a command in an image and read what it printed? It opens an engine, makes choices, starts the
//! container and listens to its stream.
//!
//! `cargo run --example run_a_command -- IMAGE COMMAND…`, as root or an ordinary user. IMAGE is one that `conex image ls`
//! lists; `conex run --rm starter true` makes the first.

#![forbid(unsafe_code)]

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use conex::{Begin, Choices, Engine, Failure, Frame, Paths};

fn main() -> ExitCode {
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(failure) => {
            // If standard error is gone, the status still tells.
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::from(failure.status)
        }
    }
}

fn run() -> Result<u8, Failure> {
    let mut words = env::args().skip(1);
    let image = words.next().ok_or_else(|| Failure::new("say IMAGE COMMAND…"))?;
    let engine = Engine::open(Paths::choose(None, None))?;
    let choices = Choices { remove: true, ..Choices::of_image(&engine, &image, words.collect())? };
    let started = engine.start(engine.create(choices, None)?, Begin::default())?;
    let mut status = 255;
    while let Some((frame, _)) = started.stream.receive().map_err(|error| Failure::io("listen", &error))? {
        match frame {
            Frame::Output(bytes) => _ = io::stdout().write_all(&bytes),
            Frame::Errors(bytes) => _ = io::stderr().write_all(&bytes),
            Frame::Failed(failure) => return Err(failure),
            Frame::Exited(code) => status = code,
            Frame::Removed => break,
            _ => {}
        }
    }
    started.reap();
    Ok(status)
}

//! A container's three standard streams, seen from its shim: pipes, or the one console. See pipe(7).

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{CWD, Mode, OFlags, fchmod, openat},
    io::ioctl_fionbio,
    pipe::{PipeFlags, pipe_with},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};

use crate::choices::Choices;

/// The ends that the shim reads.
pub(super) struct Streams {
    /// Standard output, or the console.
    pub(super) output: Option<OwnedFd>,
    /// Standard error, where it is apart.
    pub(super) errors: Option<OwnedFd>,
    /// What whoever attaches types into: the console, or a pipe whose last end is ours.
    pub(super) input: Option<OwnedFd>,
}

impl Streams {
    /// Makes the container's streams this process's own three, for the clone to inherit; `silence` takes them back.
    pub(super) fn open(choices: &Choices, stdin: Option<OwnedFd>) -> io::Result<Self> {
        if choices.terminal {
            return Ok(Self { output: None, errors: None, input: None });
        }
        let (stdin, input) = match stdin {
            None if choices.stdin => pipe_with(PipeFlags::CLOEXEC).map(|(theirs, ours)| (Some(theirs), Some(ours)))?,
            came => (came, None),
        };
        if let Some(stdin) = stdin {
            let_open_again(&stdin)?;
            dup2_stdin(&stdin)?;
        }
        let (output, theirs) = pipe()?;
        dup2_stdout(&theirs)?;
        let (errors, theirs) = pipe()?;
        dup2_stderr(&theirs)?;
        Ok(Self { output: Some(output), errors: Some(errors), input })
    }

    /// Reads the console from now on, if the container has one.
    pub(super) fn watch(&mut self, console: Option<&OwnedFd>) {
        if let Some(console) = console.and_then(|console| console.try_clone().ok()) {
            // Read only when there is something, so it need not be non-blocking; the front end shares its state.
            self.input = console.try_clone().ok();
            self.output = Some(console);
        }
    }
}

/// Our end, which never makes us wait, and theirs.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    ioctl_fionbio(&ours, true)?;
    let_open_again(&theirs)?;
    Ok((ours, theirs))
}

/// A process that gave up root may open /dev/stdout, which is this pipe, again; nobody else can reach it.
fn let_open_again(pipe: &OwnedFd) -> io::Result<()> {
    Ok(fchmod(pipe, Mode::from_raw_mode(0o666))?)
}

/// Makes all three standard streams nothing.
pub(super) fn silence() -> io::Result<()> {
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    dup2_stdin(null.as_fd())?;
    dup2_stdout(null.as_fd())?;
    Ok(dup2_stderr(null.as_fd())?)
}

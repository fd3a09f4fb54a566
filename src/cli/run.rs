//! `conex run`: a container from an image or a directory, and us attached to it.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::fd::OwnedFd,
    path::PathBuf,
};

use clap::{ArgAction, Args};
use conex_image::config::Execution;
use rustix::{
    pipe::{PipeFlags, pipe_with},
    stdio::stdin,
    termios::isatty,
};

use super::{
    attach::{Attach, Shown},
    detach::Keys,
    ending::Ending,
    explain::{Explain, Form},
    pull, request,
    run_flags::{RunFlags, switch},
    say::{complain, say},
    start,
};
use crate::{
    Begin, Choices, Created, Driver, Engine, Failure, Name, Result, image::Images, kernel::size_of, overlay::obstacle,
};

/// Run a command in a new container
#[derive(Args, Debug)]
#[command(disable_help_flag = true, args_override_self = true)]
pub(super) struct Run {
    #[command(flatten)]
    flags: RunFlags,
    /// Leave it in the background and print its id
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false",
          action = ArgAction::Set, value_name = "BOOL", value_parser = switch, hide_default_value = true)]
    detach: bool,
    /// Pass our signals on to it
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true",
          action = ArgAction::Set, value_name = "BOOL", value_parser = switch, hide_default_value = true)]
    sig_proxy: bool,
    /// The keys that leave it running
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,
    /// Print every operation, with its time and the shell command that does the same
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    explain: Option<Form>,
    /// Print what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// The image (with --rootfs, none), then the command and its arguments
    #[arg(trailing_var_arg = true, value_name = "IMAGE [COMMAND [ARG…]]")]
    words: Vec<String>,
}

/// Make a container and do not start it
#[derive(Args, Debug)]
#[command(disable_help_flag = true, args_override_self = true)]
pub(super) struct Create {
    #[command(flatten)]
    flags: RunFlags,
    /// Print help
    #[arg(long, action = ArgAction::Help)]
    help: Option<bool>,
    /// The image (with --rootfs, none), then the command and its arguments
    #[arg(trailing_var_arg = true, value_name = "IMAGE [COMMAND [ARG…]]")]
    words: Vec<String>,
}

/// Docker's status where standard input must be a terminal and is none.
const NO_TERMINAL: u8 = 1;

pub(super) fn main(run: &Run, engine: &mut Engine) -> Result<u8> {
    let attached = Attached::parse(run)?;
    let name = name(&run.flags)?;
    // Held until the container is written down.
    let (choices, images) = choices(&run.flags, &run.words, engine)?;
    let explain = run.explain.or(run.dry_run.then_some(Form::Text)).map(Explain::new);
    if let (true, Some(explain)) = (run.dry_run, &explain) {
        let done = engine.dry_run(&choices, explain.dry_kernel(), choices.terminal.then(size));
        explain.finish();
        return done.map(|()| 0);
    }
    if run.flags.network.is_none() {
        complain("conex: no network: bridges come with chapter 6; until then --network none (this) or host");
    }
    let created = engine.create(choices.clone(), name.as_ref())?;
    drop(images);
    write_id(&run.flags, &created)?;
    if run.detach {
        return in_background(engine, created, explain.as_ref());
    }
    let (theirs, ours) = input(&choices, attached.input)?;
    let started = engine.start(created, Begin { stdin: theirs, explain: explain.is_some(), size: size() })?;
    let ending = Attach {
        stream: &started.stream,
        input: ours,
        types: choices.terminal && choices.stdin && attached.input,
        shown: Shown { output: attached.output, errors: attached.errors },
        passes_signals: run.sig_proxy,
        keys: attached.keys,
        removes: choices.remove,
        narration: explain.as_ref(),
    }
    .run()?;
    if ending != Ending::Detached {
        started.reap();
    }
    ending.status(engine)
}

pub(super) fn create(create: &Create, engine: &Engine) -> Result<u8> {
    let name = name(&create.flags)?;
    let (choices, images) = choices(&create.flags, &create.words, engine)?;
    let created = engine.create(choices, name.as_ref())?;
    drop(images);
    write_id(&create.flags, &created)?;
    say(created.id().as_str());
    created.leave().map(|()| 0)
}

fn name(flags: &RunFlags) -> Result<Option<Name>> {
    flags.name.as_deref().filter(|name| !name.is_empty()).map(Name::parse).transpose()
}

/// Comes back when its program runs.
fn in_background(engine: &Engine, created: Created, explain: Option<&Explain>) -> Result<u8> {
    let id = created.id().clone();
    let begin = Begin { stdin: None, explain: explain.is_some(), size: size() };
    let begun = start::up(&engine.start(created, begin)?.stream, explain);
    begun.map(|()| {
        say(id.as_str());
        0
    })
}

/// Which streams are attached, and the keys that detach.
struct Attached {
    input: bool,
    output: bool,
    errors: bool,
    keys: Keys,
}

impl Attached {
    fn parse(run: &Run) -> Result<Self> {
        let flags = &run.flags;
        if run.detach && !flags.attach.is_empty() {
            return Err(Failure::new("-d and -a contradict each other"));
        }
        let keys = run.detach_keys.as_deref().map_or_else(|| Ok(Keys::default()), Keys::parse)?;
        let mut attached = Self { input: true, output: true, errors: true, keys };
        if !flags.attach.is_empty() {
            let streams: Vec<String> = flags.attach.iter().map(|stream| stream.to_ascii_lowercase()).collect();
            if let Some(bad) = streams.iter().find(|stream| !["stdin", "stdout", "stderr"].contains(&stream.as_str())) {
                return Err(Failure::new(format!("there is no stream {bad:?}")).with_hint("stdin, stdout, stderr"));
            }
            let has = |name: &str| streams.iter().any(|stream| stream == name);
            (attached.input, attached.output, attached.errors) = (has("stdin"), has("stdout"), has("stderr"));
        }
        let switches = &flags.switches;
        if !run.detach && switches.tty && switches.interactive && attached.input && !isatty(stdin()) {
            let failure = Failure::new("standard input is no terminal, and -t with -i needs one");
            return Err(Failure {
                status: NO_TERMINAL,
                ..failure.with_hint("leave -t out, or start it from a terminal")
            });
        }
        Ok(attached)
    }
}

fn size() -> Option<(u16, u16)> {
    size_of(stdin())
}

/// As `Choices`, and what has to be held until they are written down: the image could be removed meanwhile.
fn choices<'a>(flags: &RunFlags, words: &[String], engine: &'a Engine) -> Result<(Choices, Option<Images<'a>>)> {
    let absolute = |path: &PathBuf| std::path::absolute(path).map_err(|error| Failure::io("find the root", &error));
    if flags.rootfs.is_some() || !flags.layer.is_empty() {
        let layers = flags.layer.iter().map(absolute).collect::<Result<Vec<_>>>()?;
        let rootfs = flags.rootfs.as_ref().map(absolute).transpose()?;
        let driver = if rootfs.is_some() { Driver::default() } else { driver(flags, engine)? };
        let plain = Choices { rootfs, driver, ..Choices::of_layers(layers, Vec::new())? };
        return Ok((request::choices(flags, plain, &Execution::default(), words, engine)?, None));
    }
    let Some((image, words)) = words.split_first() else {
        let failure =
            Failure::new("an image is missing").with_hint("conex run -it starter, or conex run --rootfs DIR COMMAND");
        return Err(Failure { status: 1, ..failure });
    };
    let images = Images::open(engine)?;
    pull::if_needed(&images, image, &flags.pulling)?;
    let found = images.ready(image)?;
    let plain = Choices {
        image: Some(found.name),
        image_id: Some(found.record.id.to_string()),
        driver: driver(flags, engine)?,
        ..Choices::of_layers(found.layers, Vec::new())?
    };
    let choices = request::choices(flags, plain, &found.config.config, words, engine)?;
    Ok((choices, Some(images)))
}

/// As asked for; where nobody asked and no overlay can be, a copy.
fn driver(flags: &RunFlags, engine: &Engine) -> Result<Driver> {
    let asked = flags.storage_driver.clone().or_else(|| std::env::var("CONEX_STORAGE_DRIVER").ok());
    if let Some(word) = asked.filter(|word| !word.is_empty()) {
        return Driver::parse(&word);
    }
    let place = engine.paths().containers();
    Ok(match obstacle(&place)? {
        None => Driver::Overlay,
        Some(why) => {
            complain(&format!("warning: no overlay in {}, so the root is a copy: {why}", place.display()));
            complain("hint: choose a place on ext4, xfs, btrfs or tmpfs (--root DIR); or say --storage-driver copy");
            Driver::Copy
        }
    })
}

/// Docker's file for scripts: it must not be there before.
fn write_id(flags: &RunFlags, created: &Created) -> Result<()> {
    let Some(path) = &flags.cidfile else { return Ok(()) };
    let written = OpenOptions::new().write(true).create_new(true).open(path);
    written.and_then(|mut file| file.write_all(created.id().as_str().as_bytes())).map_err(|error| {
        let failure = Failure::io(format_args!("write the id to {}", path.display()), &error);
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                failure.with_hint("another container may be using it; remove it if none does")
            }
            _ => failure,
        }
    })
}

/// A pipe to the container for our standard input, if it shall have one.
pub(super) fn input(choices: &Choices, is_attached: bool) -> Result<(Option<OwnedFd>, Option<OwnedFd>)> {
    if !choices.stdin || choices.terminal {
        return Ok((None, None));
    }
    let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| Failure::io("make a pipe", &errno.into()))?;
    // Not attached: its end comes at once.
    Ok((Some(theirs), Some(ours).filter(|_| is_attached)))
}

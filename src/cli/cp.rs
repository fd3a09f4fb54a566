//! `conex cp`: files out of a container and into it, also of one that does not run. Which of both ends gets which name is
//! docker's table; what is copied goes through an archive, as it does there.

mod end;

use std::{
    env, io,
    io::Read,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    thread,
};

use clap::Args;
use conex_image::{Owner, Place, pack, unpack};
use rustix::{
    process::{getegid, geteuid},
    stdio::stdout,
    termios::isatty,
};

use super::{archive::standard_output, format::sizes, say::complain};
use crate::{Engine, Failure, Result, kernel::Links, overlay::Access};
use end::{End, Kind, Word, host};

/// Copy files out of a container, or into it
#[derive(Args, Debug)]
pub(super) struct Cp {
    /// Keep the owners of what comes out; of what goes in they are kept
    #[arg(short, long)]
    archive: bool,
    /// Follow a link that the source is
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Say nothing
    #[arg(short, long)]
    quiet: bool,
    /// What: CONTAINER:PATH, a path, or - for an archive from standard input
    #[arg(value_name = "SOURCE", allow_hyphen_values = true)]
    source: String,
    /// Where to: CONTAINER:PATH, a path, or - for an archive to standard output
    #[arg(value_name = "DESTINATION", allow_hyphen_values = true)]
    destination: String,
}

pub(super) fn main(cp: &Cp, engine: &Engine) -> Result<u8> {
    let view = |container: &str, access| engine.view(&engine.find(container)?, access);
    match (Word::parse(&cp.source), Word::parse(&cp.destination)) {
        (Word::Container(container, path), Word::Stream) => {
            let view = view(container, Access::Read)?;
            let from = End::source(view.root(), path, cp.follow_link)?;
            pack(from.root, &from.path, from.base(), standard_output()?)?;
        }
        (Word::Stream, Word::Container(container, path)) => {
            let view = view(container, Access::Write)?;
            let into = End::destination(view.root(), path)?;
            if into.kind != Some(Kind::Directory) {
                let failure = Failure::new(format!("{path:?} in container {container} is no directory"));
                return Err(failure.with_hint("an archive goes into one"));
            }
            let place = Place { root: into.root, directory: &into.path, links: Links::FollowInside };
            unpack(io::stdin().lock(), place, Owner::Kept)?;
        }
        (Word::Container(container, path), Word::Local(local)) => {
            let (view, host) = (view(container, Access::Read)?, host()?);
            let from = End::source(view.root(), path, cp.follow_link)?;
            let into = End::destination(host.as_fd(), &absolute(local)?)?;
            let (directory, name) = into.names(&from)?;
            // Nothing that comes out of a container leads anywhere by a link.
            let opened: OwnedFd = into.open(directory)?;
            let place = Place { root: opened.as_fd(), directory: Path::new(""), links: Links::Refuse };
            let owner = if cp.archive { Owner::Kept } else { Owner::One(geteuid().as_raw(), getegid().as_raw()) };
            told(cp, copy(&from, name, place, owner)?);
        }
        (Word::Local(local), Word::Container(container, path)) => {
            let (view, host) = (view(container, Access::Write)?, host()?);
            let from = End::source(host.as_fd(), &absolute(local)?, cp.follow_link)?;
            let into = End::destination(view.root(), path)?;
            let (directory, name) = into.names(&from)?;
            let place = Place { root: into.root, directory, links: Links::FollowInside };
            // Docker's manual says root's; docker keeps them.
            told(cp, copy(&from, name, place, Owner::Kept)?);
        }
        (Word::Container(..), Word::Container(..)) => {
            let failure = Failure::new("both are containers");
            return Err(failure.with_hint("in two steps: conex cp ONE:PATH - | conex cp - OTHER:DIRECTORY"));
        }
        _ => {
            let failure = Failure::new("neither is a container");
            return Err(failure.with_hint("conex cp CONTAINER:PATH PATH, conex cp PATH CONTAINER:PATH"));
        }
    }
    Ok(0)
}

/// Of a path of ours; a slash or a point in the end says something, and stays.
fn absolute(text: &str) -> Result<String> {
    if text.starts_with('/') {
        return Ok(text.to_owned());
    }
    let here = env::current_dir().map_err(|error| Failure::io("find the current directory", &error))?;
    Ok(format!("{}/{text}", here.display()))
}

/// What is copied is packed on one side of a pipe and unpacked on the other; how many bytes went through.
fn copy(from: &End<'_>, name: &Path, place: Place<'_>, owner: Owner) -> Result<u64> {
    let (archive, packed) = io::pipe().map_err(|error| Failure::io("make a pipe", &error))?;
    thread::scope(|scope| {
        let packing = scope.spawn(move || pack(from.root, &from.path, name, io::BufWriter::new(packed)));
        let mut counted = Counted { archive, bytes: 0 };
        let unpacked = unpack(&mut counted, place, owner).map(|()| counted.bytes);
        // Or who packs would wait for us for ever.
        drop(counted);
        let packed = packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let hung_up = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        match packed {
            Err(conex_image::Error::System { error, .. }) if hung_up(&error) => {}
            packed => packed?,
        }
        Ok(unpacked?)
    })
}

struct Counted {
    archive: io::PipeReader,
    bytes: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.archive.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Scripts need to hear nothing.
fn told(cp: &Cp, bytes: u64) {
    if !cp.quiet && isatty(stdout()) {
        complain(&format!("Successfully copied {} to {}", sizes::exact_decimal(bytes), cp.destination));
    }
}

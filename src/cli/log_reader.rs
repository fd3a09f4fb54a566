//! Reading a log while it grows and is rotated: nothing is lost and nothing told twice. See inotify(7).

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::PathBuf,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::inotify,
    io::retry_on_intr,
};

use crate::{Frame, Paths, Stream, log::Record, namespaces::ContainerId};

pub(super) struct LogReader {
    path: PathBuf,
    files: u32,
    file: Option<BufReader<File>>,
    /// What is read once the file's end was met again.
    later: Option<File>,
    /// The beginning of a record whose end is not written yet.
    begun: Vec<u8>,
    changes: OwnedFd,
}

impl LogReader {
    /// Of a container; from the oldest file that there is.
    pub(super) fn open(paths: &Paths, id: &ContainerId, files: u32) -> io::Result<Self> {
        let path = paths.log(id);
        let changes = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let directory = paths.container(id);
        let kinds = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVE;
        inotify::add_watch(&changes, &directory, kinds)?;
        let mut reader = Self { path, files, file: None, later: None, begun: Vec::new(), changes };
        let oldest = (0..files).rev().find(|number| reader.numbered(*number).exists());
        reader.file = oldest.and_then(|number| File::open(reader.numbered(number)).ok()).map(BufReader::new);
        Ok(reader)
    }

    /// The next record that is there; what is none is passed over.
    pub(super) fn next(&mut self) -> io::Result<Option<Record<'static>>> {
        loop {
            if let Some(file) = &mut self.file {
                file.read_until(b'\n', &mut self.begun)?;
            }
            if self.begun.ends_with(b"\n") {
                match Record::parse(&std::mem::take(&mut self.begun)) {
                    Some(record) => return Ok(Some(record)),
                    None => continue,
                }
            }
            match (self.later.take(), self.file.is_some()) {
                (Some(later), _) => {
                    self.begun.clear();
                    self.file = Some(BufReader::new(later));
                }
                (None, had_one) => {
                    // It may have grown just before it was rotated: it is read once more before the next one.
                    self.later = self.find_later()?;
                    if self.later.is_none() && had_one == self.file.is_some() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The file after the one that is read, if there is one.
    fn find_later(&mut self) -> io::Result<Option<File>> {
        let Some(file) = &self.file else {
            self.file = File::open(&self.path).ok().map(BufReader::new);
            return Ok(None);
        };
        let own = file.get_ref().metadata()?.ino();
        let is_own = |number: &u32| fs::metadata(self.numbered(*number)).is_ok_and(|other| other.ino() == own);
        if is_own(&0) || !self.path.exists() {
            return Ok(None);
        }
        // Rotated away more than once, and perhaps gone: then the oldest that there is.
        let number = (1..self.files).find(is_own).unwrap_or(self.files);
        Ok((0..number).rev().find_map(|number| File::open(self.numbered(number)).ok()))
    }

    /// Waits until there may be more; `true` once there will be no more.
    pub(super) fn wait(&mut self, shim: &Stream) -> io::Result<bool> {
        let mut fds =
            [PollFd::new(&self.changes, PollFlags::IN), PollFd::from_borrowed_fd(shim.descriptor(), PollFlags::IN)];
        retry_on_intr(|| poll(&mut fds, None))?;
        let ended = !fds[1].revents().is_empty();
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.changes, &mut buffer);
        while events.next().is_ok() {}
        Ok(ended && !matches!(shim.receive(), Ok(Some((Frame::Started | Frame::Output(_), _)))))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        match number {
            0 => self.path.clone(),
            _ => PathBuf::from(format!("{}.{number}", self.path.display())),
        }
    }
}

//! Front ends of one container: the one that began it, and those that came to its control socket later. While one of those
//! that listen has no room for what the container wrote, nothing more is read, and the container waits.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use rustix::event::PollFlags;

use crate::{
    control,
    exec::Exec,
    signal::Signal,
    stream::{Frame, Stream},
};

pub(super) struct Fronts {
    listener: Option<OwnedFd>,
    all: Vec<Front>,
}

struct Front {
    stream: Rc<Stream>,
    /// Whether it wants what the container writes.
    listens: bool,
    /// Whether it began the container, whose output is for it above all.
    began: bool,
    /// A frame that found no room.
    unsent: Option<Vec<u8>>,
    /// Descriptors for what it will ask for.
    lent: Vec<OwnedFd>,
}

/// What a front end's word means for the container.
pub(super) enum Heard {
    Nothing,
    /// Nobody reads its standard output any more.
    Unread,
    /// Somebody wants one more program in it, with these standard streams.
    Exec(Exec, Vec<OwnedFd>, Rc<Stream>),
    /// A signal for what this front end began.
    Signal(Signal, Rc<Stream>),
    /// Nothing in the container shall run while it is there.
    Freeze(Rc<Stream>),
    /// Nothing in the container shall run.
    Pause(Rc<Stream>),
    /// It shall go on.
    Resume(Rc<Stream>),
    /// It is there no more.
    Gone(Rc<Stream>),
}

impl Fronts {
    pub(super) fn new(began: Rc<Stream>, listener: Option<OwnedFd>) -> Self {
        Self {
            listener,
            all: vec![Front { stream: began, listens: true, began: true, unsent: None, lent: Vec::new() }],
        }
    }

    /// Whether all have taken what there was.
    pub(super) fn have_room(&self) -> bool {
        self.all.iter().all(|front| front.unsent.is_none())
    }

    /// For poll(2): the listener first, then each front end.
    pub(super) fn descriptors(&self) -> Vec<(Option<BorrowedFd<'_>>, PollFlags)> {
        let of_front =
            |front: &Front| if front.unsent.is_none() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let listener = (self.listener.as_ref().map(AsFd::as_fd), PollFlags::IN);
        let fronts = self.all.iter().map(|front| (Some(front.stream.descriptor()), of_front(front)));
        std::iter::once(listener).chain(fronts).collect()
    }

    /// Does what was found ready, in the order of `descriptors`. `input` is for whoever attaches.
    pub(super) fn attend(&mut self, ready: &[PollFlags], input: Option<BorrowedFd<'_>>) -> Vec<Heard> {
        let (knocked, ready) = ready.split_first().map_or((PollFlags::empty(), ready), |(first, rest)| (*first, rest));
        let (mut heard, mut gone) = (Vec::new(), Vec::new());
        for (number, (front, ready)) in self.all.iter_mut().zip(ready).enumerate() {
            if ready.contains(PollFlags::OUT)
                && let Some(bytes) = front.unsent.take()
            {
                gone.extend((!front.send(bytes)).then_some(number));
            }
            if !(*ready - PollFlags::OUT).is_empty() {
                match front.hear(input) {
                    Some(word) => heard.push(word),
                    None => gone.push(number),
                }
            }
        }
        gone.dedup();
        heard.extend(gone.into_iter().rev().map(|number| Heard::Gone(self.all.remove(number).stream)));
        if !knocked.is_empty()
            && let Some(stream) = self.listener.as_ref().and_then(control::accept)
        {
            self.all.push(Front {
                stream: Rc::new(stream),
                listens: false,
                began: false,
                unsent: None,
                lent: Vec::new(),
            });
        }
        heard
    }

    /// Tells all that listen what the container wrote.
    pub(super) fn tell(&mut self, bytes: &[u8]) {
        self.all.retain_mut(|front| !front.listens || front.send(bytes.to_vec()));
    }

    /// Whether anybody would be told.
    pub(super) fn are_listening(&self) -> bool {
        self.all.iter().any(|front| front.listens)
    }

    /// The last words, to those that came later; one that has no room has had its chance.
    pub(super) fn say_farewell(&self, last: &Frame) {
        let bytes = last.encode();
        for front in self.all.iter().filter(|front| !front.began) {
            let _ = front.stream.try_send(&bytes);
        }
    }
}

/// A program has three standard streams.
const LENT_MAX: usize = 3;

impl Front {
    /// Takes one word; `None` once nobody is there. The container goes on without.
    fn hear(&mut self, input: Option<BorrowedFd<'_>>) -> Option<Heard> {
        match self.stream.receive() {
            Ok(Some((Frame::Signal(number), _))) => {
                return Some(Signal::of(number).map_or(Heard::Nothing, |it| Heard::Signal(it, self.stream.clone())));
            }
            // Its pipe had one reader: it writes into nothing and is told so, as in any pipeline.
            Ok(Some((Frame::Unread, _))) if self.began => return Some(Heard::Unread),
            Ok(Some((Frame::Unread, _))) => self.listens = false,
            Ok(Some((Frame::Lend, Some(descriptor)))) if self.lent.len() < LENT_MAX => self.lent.push(descriptor),
            Ok(Some((Frame::Exec(exec), _))) => {
                return Some(Heard::Exec(exec, std::mem::take(&mut self.lent), self.stream.clone()));
            }
            Ok(Some((Frame::Freeze, _))) => return Some(Heard::Freeze(self.stream.clone())),
            Ok(Some((Frame::Pause, _))) => return Some(Heard::Pause(self.stream.clone())),
            Ok(Some((Frame::Resume, _))) => return Some(Heard::Resume(self.stream.clone())),
            Ok(Some((Frame::Attach, _))) => {
                self.listens = true;
                self.stream.send(&Frame::Started, input).ok()?;
            }
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return None,
        }
        Some(Heard::Nothing)
    }

    /// Whether it is still there.
    fn send(&mut self, bytes: Vec<u8>) -> bool {
        match self.stream.try_send(&bytes) {
            Ok(true) => {}
            Ok(false) => self.unsent = Some(bytes),
            Err(_) => return false,
        }
        true
    }
}

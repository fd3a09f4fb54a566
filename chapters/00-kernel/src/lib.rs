//! The doors to the kernel: every change that conex makes to namespaces, mounts, devices, credentials, limits or
//! processes is an [`Operation`], and [`Kernel::perform`] is the only place where one happens.
//!
//! Not here: what a container is (that is chapter 1) and ordinary file I/O. All unsafe code of the project is in
//! the private module `sys`. See syscalls(2).

pub mod directory;
mod error;
mod inside;
mod kernel;
mod narration;
mod observer;
mod operation;
pub mod operations;
mod probe;
mod reaper;
mod signal;
#[expect(unsafe_code, reason = "the only module that may: calls that neither rustix nor nix wraps safely")]
mod sys;
mod terminal;
mod words;

pub use error::{Cause, Error, Result, errno_words};
pub use inside::{Kind, Links, Root, open_inside, read_inside};
pub use kernel::Kernel;
pub use narration::{Format, Narration};
pub use observer::{Observer, Record, Side, Step};
pub use operation::{Equivalent, Operation};
pub use probe::may_mount;
pub use reaper::{block_signals, expect_children, serve_as_init, unblock_signals};
pub use signal::signal_process;
pub use terminal::{RawMode, Relayed, relay, size_of};
pub use words::{panic_text, quoted};

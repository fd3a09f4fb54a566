//! Chapter 3, the union mount: many read-only layers and one writable one, seen as one root.
//!
//! [`Overlay`] lets the kernel lay them over each other, [`Copy`](struct@Copy) copies them all; both are parts. What a container wrote
//! is read back as a list of [`Change`]s. Where layers come from is chapter 4.
//!
//! Exercises: exercise:overlay.options (`options`), exercise:overlay.stub (`stub`), exercise:overlay.whiteouts
//! (`entry`), exercise:overlay.lookup (`lookup`), exercise:overlay.changes (`compare`), exercise:overlay.copy-sparse
//! (`sparse`). See the kernel's Documentation/filesystems/overlayfs.rst and mount(2).

#![forbid(unsafe_code)]

mod changes;
mod compare;
mod copy;
mod directory;
mod entry;
#[doc(hidden)]
pub mod exercises;
mod filesystems;
mod layers;
mod lookup;
mod marks;
mod metadata;
mod options;
mod overlay;
mod place;
mod sparse;
mod stub;
mod tree;
mod view;

pub use changes::{Change, ChangeKind};
pub use copy::{Copy, Reflink};
pub use filesystems::obstacle;
pub use layers::LAYERS_MAX;
pub use overlay::Overlay;
pub use place::Keep;
pub use stub::make_stub;
pub use view::Access;

/// The name under which this floor's operations are told.
pub const NAME: &str = "overlay";

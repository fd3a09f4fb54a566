//! The learner's tool as a library, for its own program and for the gates that check the exercises themselves.

#![forbid(unsafe_code)]

mod blank;
pub mod check;
pub mod commands;
mod floor;
mod git;
pub mod table;

pub use floor::Whose;

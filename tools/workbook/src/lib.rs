//! The learner's tool as a library, for its own program and for the gates that check the exercises themselves.

#![forbid(unsafe_code)]

mod blank;
pub mod built;
pub mod check;
pub mod commands;
pub mod doctor;
mod floor;
mod git;
mod ledger;
pub mod table;
pub mod text;

pub use floor::Whose;

//! The learner's tool as a library, for its own program and for the gates that check the exercises themselves.

#![forbid(unsafe_code)]

mod blank;
pub mod built;
pub mod check;
pub mod commands;
pub mod doctor;
pub mod floor;
mod git;
pub mod hint;
mod ledger;
mod output;
mod place;
pub mod table;
pub mod text;
pub mod update;
pub mod watch;

pub use git::settle;
pub use place::Whose;

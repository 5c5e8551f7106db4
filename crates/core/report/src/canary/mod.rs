//! A Canary as people look at it: `serin canary list`, `get` and `why`.
//!
//! Property: everything is taken from the Canary, its events and the objects around it, so that a Canary that Flagger runs is
//! shown as well; what nobody stores is said to be so, and not guessed.

mod info;
mod list;
mod news;
#[cfg(test)]
mod tests;
mod tree;
mod why;

pub use info::{Gate, Info, Part, Snapshot, Step};
pub use list::{Listing, list};
pub use tree::details;
pub use why::why;

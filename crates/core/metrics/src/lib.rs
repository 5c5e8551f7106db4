//! What a Canary measures: which question goes to which server, what its answer means, and whether the value is within
//! its limits.
//!
//! Property: an answer is a value, or "no values" with the reason, or an error that names what is wrong and what to do;
//! never a number that nobody measured. Questions carry no more and no other than what the manifest says.
//!
//! Reason: a check that passes on an answer it did not understand promotes what nobody has looked at.
//!
//! Mechanics: [`names`] are what queries are written with; [`builtin`] has the queries that need no template;
//! [`provider`] turns a query into the calls of one kind of server and reads its answers, as a machine that is stepped
//! with the answers so far; [`limits`] judges; [`explain`] asks on when there were no values.
//!
//! What this crate does not do: send anything, read a clock, decide when something is measured.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod builtin;
pub mod explain;
pub mod limits;
pub mod names;
pub mod provider;
mod sample;

pub use sample::{Error, Sample};

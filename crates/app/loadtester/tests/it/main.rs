//! The load tester from outside: what was recorded of Flagger's, and what is ours.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod load;
mod manifest;
mod recorded;
mod rows;
mod servers;
mod tasks;

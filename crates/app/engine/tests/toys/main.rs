//! The engine serves two kinds that it has never heard of, and none of them can hold up the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod faults;
mod passes;
mod planners;
mod words;
mod world;

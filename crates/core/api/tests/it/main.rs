//! What other tools wrote must be read here as they meant it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod crds;
mod examples;
mod recorded;
mod shared;
mod validate;

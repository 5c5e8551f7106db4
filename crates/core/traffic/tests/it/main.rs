//! Every provider against what another controller was seen to write, and against the rules that all of them keep.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "recordings are files; the crate itself reads none")]

mod adopted;
mod cases;
mod conformance;
mod hostile;
mod reader;
mod recorded;
mod wishes;
mod world;

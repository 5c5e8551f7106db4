//! Who is told of a release, and how: chats and web hooks, as calls.
//!
//! Property: a call holds what Flagger's holds, to the last field, so that what users have built on it goes on; and what
//! a web hook's answer means is decided here alone.
//!
//! Reason: gates, pipelines and chat bots read these bodies, and events repeat these sentences.
//!
//! What this crate does not do: send anything, or choose when somebody is told.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod alert;
mod chat;
mod hook;
pub mod picture;
mod recipient;
pub mod slack;
pub mod template;

pub use alert::{Alert, Fact, facts, hears};
pub use chat::message;
pub use hook::{Told, checksum, event, hook, outcome};
pub use recipient::{Error, Recipient};

//! The Canary machine: a target whose new versions are analysed before its users get them, as in Flagger.
//!
//! Properties: looks stay on their grid; what is written in a look is safe for traffic in every prefix; a Canary at rest is
//! not written, nor looked at once a look has found nothing to do (without a run no look depends on the time alone, so it
//! would find the same until something that it sees changes); a new version starts a run once, whoever has looked at the
//! Canary before; nobody is sent to pods that are known not to take it.
//!
//! Reason: the events, the status, the routes and the calls of web hooks are what pipelines and people read, so that they are
//! those of Flagger to the letter, but for its defects.
//!
//! Mechanics: [`CanaryPlanner`] decides whether a look is due; a look puts everything around the [`objects`] into its place,
//! and takes the run a step on. It is written as one story that asks web hooks and metric servers on its way: see `desk`.
//!
//! What this crate does not do: I/O of any kind; make routers' objects, queries and messages (`core/traffic`, `core/metrics`,
//! `core/notify`).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod alerts;
mod chats;
mod checks;
pub mod commands;
mod desk;
mod front;
mod hooks;
mod interests;
mod letters;
mod look;
mod memory;
pub mod objects;
mod planner;
mod release;
mod rivals;
mod routes;
mod settings;
pub mod sight;
mod status;
mod strategy;
mod theirs;
mod variant;
mod wording;
pub mod words;

pub use planner::CanaryPlanner;
pub use settings::{Environment, Settings};

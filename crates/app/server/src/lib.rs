//! HTTP: metrics, health, and the frame of any other small server.
//!
//! Property: a scrape tells what the caches hold at that moment; nothing is kept for it that could go stale or leak.
//!
//! Reason: Argo's dashboards and alerts read these names and labels, and an alert must not fire on a memory of
//! something deleted.
//!
//! Mechanics: [`render`] turns [`Facts`] into Prometheus' text form, as a pure function; [`serve`] answers `/metrics`
//! and `/healthz` with whatever text they are given; [`whole`] is for servers whose answers depend on the whole request.
//!
//! What this crate does not do: collect anything by itself.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod canaries;
mod durations;
mod exposition;
mod facts;
mod process;
mod rollouts;
mod serve;

pub use canaries::render_canaries;
pub use durations::Durations;
pub use exposition::Exposition;
pub use facts::{Facts, render};
pub use process::process;
pub use serve::{EVERYWHERE, Incoming, ServeError, health, listen, metrics, serve, whole};

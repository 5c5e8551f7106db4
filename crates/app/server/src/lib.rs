//! HTTP: metrics and health.
//!
//! Property: a scrape tells what the caches hold at that moment; nothing is kept for it that could go stale or leak.
//!
//! Reason: Argo's dashboards and alerts read these names and labels, and an alert must not fire on a memory of
//! something deleted.
//!
//! Mechanics: [`render`] turns [`Facts`] into Prometheus' text form, as a pure function; [`serve`] answers `/metrics`
//! and `/healthz` with whatever text they are given.
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
pub use facts::{Facts, render};
pub use process::process;
pub use serve::{ServeError, health, metrics, serve};

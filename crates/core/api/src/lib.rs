//! The Kubernetes kinds: types, schemas, defaults, validation.
//!
//! Property: whatever an API server returns can be read here, nothing unknown in it is lost, and every problem
//! in it is named with its place. Types hold what manifests say; defaults are functions on them, so that a
//! controller never writes a default into somebody's object; validation collects all problems at once.
//!
//! What this crate does not do: decide anything about a rollout, or talk to an API.
#![allow(
    clippy::doc_markdown,
    reason = "field docs become descriptions for users; names of kinds and products are words there"
)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod analysis;
pub mod crds;
pub mod diff;
pub mod experiment;
pub mod flagger;
pub mod kinds;
pub mod meta;
pub mod names;
pub mod network;
pub mod rollout;
pub mod schema;
pub mod validate;
pub mod wire;
pub mod workload;

pub use crds::crds;
pub use wire::{Lenient, Problem, lenient};

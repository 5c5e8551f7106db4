//! The gate: PASS, FAIL or HOLD at any look, with error rates that are kept.
//!
//! Property: a release as good as the stable version is rolled back with a probability of at most alpha over the whole
//! rollout, however often one looks and however many metrics there are; one that is worse by the margin is passed with at
//! most beta for each step and guard metric; and where the data support neither, the answer is HOLD with what is missing.
//!
//! Everything is a function of integers: blocks of counts ([`block`]), a policy ([`policy`]) and constants.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod backtest;
pub mod bake;
pub mod block;
pub mod config;
pub mod decide;
mod engine;
pub mod group;
mod history;
pub mod hold;
pub mod intake;
pub mod lint;
pub mod plan;
pub mod policy;
pub mod record;

pub use block::{Arm, Block, Cell, Flags, Pod, Roster, Seen, Trouble, Value};
pub use engine::{Gate, LineLook, LineState, Look, MetricLook, SplitLook, margin_in_step};
pub use hold::{Cause, Hold, Verdict, Word};
pub use policy::Policy;
pub use serin_stats::ratio::prior::Shelf;

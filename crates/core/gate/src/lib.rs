//! The gate: PASS, FAIL or HOLD, at any look.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod block;
pub mod policy;

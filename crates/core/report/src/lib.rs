//! States to text: values in, text out.
//!
//! Property: what is printed depends on the objects and the time that are passed, and on nothing else, so a screen can
//! be a golden file.
//!
//! What this crate does not do: fetch objects, know a terminal's size, decide anything about a rollout.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod backtest;
pub mod canary;
mod form;
pub mod judgement;
mod lens;
pub mod live;
pub mod paint;
pub mod plan;
pub mod pod;
pub mod rollout;
pub mod table;
pub mod verdict;

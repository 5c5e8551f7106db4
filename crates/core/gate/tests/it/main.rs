//! The gate as its callers see it: blocks in, verdicts out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backtest;
mod ground;
mod group;
mod plan;
mod record;
mod troubles;
mod verdicts;
mod what_if;

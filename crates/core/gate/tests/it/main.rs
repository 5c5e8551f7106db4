//! The gate as its callers see it: blocks in, verdicts out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backtest;
mod ground;
<<<<<<< HEAD
mod plan;
=======
mod record;
>>>>>>> 6743d98 (Gate: an evidence record that is verified from its integers)
mod verdicts;
mod what_if;

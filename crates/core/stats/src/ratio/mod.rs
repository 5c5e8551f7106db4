//! Evidence about the ratio of two rates, which may be looked at as often as one likes.
//!
//! Everything rests on one object: the log-likelihood of the log ratio on a fixed [`grid`] of 321 values. A block of counts
//! adds a vector to it, and every question (is it worse? is it no worse? where does it lie?) is a ratio of two averages of
//! that likelihood over the grid, an e-process. What bursts do to it is [`dispersion`]; what differing pods do is in the
//! [`prior`], as a spread that does not shrink with time.
//!
//! Deterministic on every platform: only `+ - * /` and square roots, and `exp`, `log` and `log1p` of the `libm` crate; sums
//! run over a fixed number of lanes in a fixed order.

pub mod absolute;
pub mod combine;
pub mod dispersion;
pub mod evidence;
pub mod gauge;
pub mod grid;
pub mod interval;
pub mod math;
pub mod pods;
pub mod prior;
pub mod split;
pub mod worst;

//! Statistics of two samples of one metric: what they look like, and how far one lies from the other.
//!
//! Pure functions of numbers: no clock, no hash order, no global random state. Equal inputs give equal outputs to the last
//! bit on one platform; sums are taken in the order of the input, so the order that a source gives is part of the input.
//!
//! Two routes lead to the interval of the shift between two samples, and they are different rules:
//! - [`compatible`] is Kayenta's, with the very path of its root finder, bit for bit. It exists to give the verdicts that
//!   teams already rely on. Its answers depend on the unit of the data and on ties in ways that no one would choose.
//! - [`exact`] is Serin's own: order statistics of the pairwise differences, found without building them.
//!
//! What this crate does not do: no label, no score and no reason (that is the judge's), no JSON, and no test that looks at
//! the data more than once (that is the gate's).

pub mod describe;
pub mod effect;
pub mod noise;
pub mod normal;
pub mod outliers;
mod rank;
pub mod ratio;
pub mod series;
pub mod share;

pub use rank::{compatible, exact};

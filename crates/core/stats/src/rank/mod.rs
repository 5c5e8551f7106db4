//! Rank statistics of two samples, where one of them may be shifted.

mod brent;
pub mod compatible;
mod count;
pub mod exact;
mod select;
mod track;

pub(crate) use count::Sorted;

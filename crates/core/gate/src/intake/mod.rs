//! From scraped samples to blocks of integers.
pub mod edges;

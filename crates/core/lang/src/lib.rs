//! The small languages inside manifests: durations, quantities, selectors, JSONPath.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod age;
pub mod duration;
pub mod int_or_string;
pub mod jsonpath;
pub mod quantity;
pub mod selector;

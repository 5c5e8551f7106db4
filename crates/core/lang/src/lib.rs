//! The small languages inside manifests: names, durations, quantities, selectors, JSONPath, `PromQL`, Go templates.
//!
//! A text means here what it means in Kubernetes, or it is an error that says what is wrong with it. Users write
//! these texts, so every parser has limits and none panics, overflows the stack or hangs. What the crate does not
//! do: read whole manifests.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod age;
pub mod duration;
pub mod float;
pub mod int_or_string;
pub mod jsonpath;
pub mod names;
pub mod promql;
pub mod quantity;
pub mod selector;
pub mod template;

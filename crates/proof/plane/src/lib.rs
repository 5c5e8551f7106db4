//! An embedded Kubernetes API: a tower service.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod convert;
pub mod discovery;
pub mod kinds;
pub mod openapi;
pub mod patch;
pub mod schema;
pub mod table;

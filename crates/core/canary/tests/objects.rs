//! What is made around a target, against what Flagger's controller was recorded to make, and in situations that no
//! recording has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "recordings are read from files")]
#![allow(clippy::redundant_closure_for_method_calls, reason = "a method's path is of one lifetime")]

#[path = "objects/hostile.rs"]
mod hostile;
#[path = "objects/readiness.rs"]
mod readiness;
#[path = "objects/recorded.rs"]
mod recorded;
#[path = "objects/world.rs"]
mod world;

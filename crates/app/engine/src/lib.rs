//! The loop that observes, plans and applies, for planners of any kind.
//!
//! Property: whatever a planner does (panic, ask for ever, write for ever, be refused), only the object it did it for
//! is held up; and nothing that an object waits for is forgotten.
//!
//! Reason: a controller serves many teams, and one bad object must not be everybody's outage.
//!
//! Mechanics: one [`Engine`] for all planners. Each kind has a schedule with exactly one wake-up per object and a
//! bounded number of passes at work; one that waits for somebody's server leaves its place to another. A pass looks up the
//! object and what it is interested in, asks the planner, and carries out its plan write by write; what came of that sets
//! the next wake-up. Changes in the cluster's stores wake exactly the objects that are interested in them.
//!
//! Numbered promises, each held by a test:
//! 1. One pass at a time for one object; what happens meanwhile leads to one more pass.
//! 2. A conflict, a refusal and an unreachable API each lead to another pass, after a wait that grows.
//! 3. A panic freezes its object until that changes; so do a storm of writes and endless questions.
//! 4. A finished object costs no request.
//! 5. Another kind is another planner: nothing here names a kind.
//!
//! What this crate does not do: know any dialect, or talk to anything but [`serin_cluster::Cluster`].
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod apply;
mod engine;
mod interests;
mod measured;
mod pace;
mod pass;
mod record;
mod replies;
mod schedule;
mod stats;

pub use engine::{DuplicateKind, Engine, Options};
pub use measured::{MEASURE_SECONDS, Measured, Value as MeasuredValue};
pub use stats::{Buckets, KindStats, LATENESS_SECONDS, ObjectStats, PASS_SECONDS, Snapshot};

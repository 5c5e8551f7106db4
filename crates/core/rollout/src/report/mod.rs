//! The status: recomputed whole in each pass from what was seen and what was decided.
//!
//! Invariants, each held by a test:
//! 1. Equal inputs give an equal status, so that a Rollout at rest is not written.
//! 2. The phase follows from the rest of the status and the spec alone.
//! 3. A condition's transition time changes only when its status does.

mod conditions;
mod counts;
mod duration;
mod phase;

pub(crate) use conditions::{Outcome, conditions, is_overdue, put, remove};
pub(crate) use counts::counts;
pub(crate) use duration::{Milestones, duration};
pub(crate) use phase::phase;

//! The vocabulary of the three beats: observe → plan → apply.
//!
//! Property: a [`Planner`] turns an [`Observed`] world, the [`Answers`] to what it asked and the time into a
//! [`Plan`], and nothing else. Equal inputs give equal plans, so a crash between two writes is repaired by planning
//! again, and the same planner runs in production, in a rehearsal and in a test.
//!
//! Reason: what does I/O must have no choices left, and what chooses must be testable without I/O.
//!
//! Mechanics: the engine asks a planner which [`Interest`]s it has in an object, builds [`Observed`] from its caches,
//! calls [`Planner::plan`], and either answers the [`Ask`]s and plans again, or carries out the [`Act`]: its
//! [`Write`]s in order, each with its [`Precondition`] and the [`Event`]s that tell of it, sends its [`Call`]s beside
//! that, then sleeps until
//! [`Act::wake`], until an object of interest changes, or until a [`Call`] that asked for it is answered ([`Heard`]).
//!
//! What this crate does not do: read a clock, the environment, files or the network; know any dialect.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod call;
mod chain;
mod kind;
mod measure;
mod moment;
mod object;
mod observed;
mod plan;
mod planner;
mod selector;
mod weight;

pub use call::{Body, Call, Heard, Method, Receipt, Reply};
pub use chain::chain;
pub use kind::{Key, Kind};
pub use measure::{Measure, Reading};
pub use moment::{InvalidMoment, Moment};
pub use object::{LAST_APPLIED, Malformed, Meta, Object, Owner};
pub use observed::{Interest, Observed, Refused};
pub use plan::{Act, Change, Event, EventType, Plan, Precondition, Propagation, Reference, Tolerance, Write};
pub use planner::{Answer, Answers, Ask, Freeze, Planner, Question, ROUNDS_MAX};
pub use selector::{Operator, Requirement, Selector};
pub use weight::Weight;

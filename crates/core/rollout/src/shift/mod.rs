//! Two plain Deployments behind one Service: pods move from the old one to the new one, step by step.
//!
//! Properties, each held by a test: pods that are ready never become fewer by our doing than were ready at the start;
//! a crash, Ctrl-C or conflict between any two writes is repaired by planning again; an abort at any moment leads back
//! to the counts of the start; a shift at rest writes nothing.
//!
//! Reason: many services have no Rollout, and people scale them by hand: up here, down there, wait, look, again.
//!
//! Mechanics: the whole state is one annotation on the new Deployment ([`State`]). [`advance`] is one pass: counts and
//! waits in, counts and state out, by the same arithmetic as a Rollout without a router ([`crate::scale`]). The
//! [`ShiftPlanner`] turns that into writes; [`preview`] runs it ahead; [`check`] says beforehand what speaks against it.
//!
//! What this does not do: judge the new version; look behind the Service.

mod advance;
mod check;
mod planner;
mod state;

#[cfg(test)]
mod tests;

pub use advance::{Next, Pods, advance, preview};
pub use check::{Problem, check};
pub use planner::{ShiftPlanner, pods};
pub use state::{ANNOTATION, Before, InvalidState, Order, Phase, State};

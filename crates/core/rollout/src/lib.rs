//! The Rollout machine: one Rollout's canary, from one version to the next.
//!
//! Properties: a plan is a function of what is observed and the time, so a crash between any two writes is repaired by
//! planning again; every prefix of a plan's writes is safe for traffic; a Rollout at rest is not written.
//!
//! Reason: a delivery that stands half done must stay servable, and must be the same for every program that looks at
//! it: the command line, dashboards and other controllers read and write the same fields.
//!
//! Mechanics: a pass resolves the template, claims ReplicaSets, validates, and then decides in small steps with values
//! in and out: where the update goes ([`mod@course`]), the weight ([`mod@split`]), pods ([`mod@targets`]), Services,
//! and the whole status ([`mod@report`]), which is written as one patch when it differs.
//!
//! What this crate does not do: blue-green, analysis, experiments; I/O of any kind.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod check;
mod claim;
pub mod commands;
mod course;
mod dress;
mod identify;
mod interests;
#[cfg(test)]
mod made;
mod planner;
mod release;
mod report;
mod resolve;
mod restart;
mod routers;
pub mod scale;
mod scene;
mod services;
mod set;
mod settings;
pub mod shift;
mod split;
mod targets;
mod tell;
pub mod template;
mod workload;
mod writes;

pub use planner::RolloutPlanner;
pub use release::ServicePlanner;
pub use settings::{Settings, planners};

//! How long a verdict will take, before there is one.
//!
//! The gate itself is asked, on the path that the counts follow on average ([`path`]); and because counts fluctuate, the
//! moment at which its evidence first reaches the bar is that of a Brownian motion with drift ([`passage`]).

mod passage;
mod path;
mod survey;
mod table;
mod whole;

use serde::Serialize;

use crate::policy::Metric;

pub use passage::Time;
pub use survey::{Given, Skipped, Subject, Survey, bars, survey};
pub use table::{Ask, Proposal, Row, pods_needed, propose, row, table};
pub use whole::{Plan, Planned, Together, planned};

/// What is known of a service before a rollout.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Requests (or other exposure) per minute, both versions together, above 0.
    pub exposure: f64,
    /// Events per unit of exposure in the stable version, above 0.
    pub rate: f64,
    /// φ as the gate will use it (an upper bound), at least 1.
    pub phi: f64,
    /// φ as it most likely is, at least 1: what the counts will do.
    pub likely_phi: f64,
    /// The spread between pods as the gate will use it.
    pub between_pods: f64,
    /// The spread between pods as it most likely is.
    pub likely_between_pods: f64,
    /// Pods of the stable version, at least 1.
    pub stable_pods: f64,
    /// The exposure is the pods' time, so that the canary's share of it is its share of the pods and not of the traffic; then
    /// `exposure` is that of the stable pods.
    pub is_per_pod: bool,
}

/// A stretch of a rollout at one weight.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// The canary's share of traffic, above 0 and below 1.
    pub weight: f64,
    /// Minutes until the next stage; the last one lasts for ever.
    pub minutes: f64,
}

/// What to find out about.
#[derive(Clone, Debug, PartialEq)]
pub struct Question<'a> {
    /// The metric's margins, floor and class.
    pub metric: &'a Metric,
    /// The service.
    pub service: &'a Service,
    /// The stages of the rollout, at least one.
    pub stages: &'a [Stage],
    /// Pods of the canary, at least 1.
    pub canary_pods: f64,
    /// The bar of evidence: log(M/(alpha weight)) for FAIL, log(1/beta) for PASS.
    pub bar: f64,
    /// Minutes of a block.
    pub block: f64,
}

/// Which verdict is waited for, and for what a release.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// FAIL, of a release that is worse by this ratio.
    Fail(f64),
    /// PASS at the last stage, of a release that is equal.
    Pass,
}

/// When the verdict will come.
#[must_use]
pub fn time(question: &Question, goal: Goal) -> Time {
    passage::time(question, goal)
}

//! What is promised, and at which margins: the numbers that turn evidence into a verdict.

use serde::{Deserialize, Serialize};

/// The whole policy of one rollout. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Length of a block.
    pub block: u32,
    /// Largest probability with which a release as good as the stable version is rolled back, over the whole rollout.
    pub alpha: f64,
    /// Largest probability with which a release at the margin is passed, for each step and guard metric.
    pub beta: f64,
    /// The steps, at least one; the last one decides.
    pub steps: Vec<Step>,
    /// From the first look on, when to give up waiting.
    pub deadline: u32,
    /// Canary exposure which a step needs at the least for PASS.
    pub minimum_exposure: u64,
    /// The metrics, at least one.
    pub metrics: Vec<Metric>,
}

/// One step of the plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The canary's share of traffic, in parts of 10,000.
    pub weight: u32,
    /// Least time in it before PASS.
    pub minimum: u32,
}

/// How one metric is judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// Its name, unique.
    pub name: String,
    /// What it may decide.
    pub class: Class,
    /// What its cells hold.
    pub kind: Kind,
    /// Up to this ratio of canary to stable the release counts as good (r0), at least 1.
    pub tolerated: f64,
    /// From this ratio on it must not pass (r1), above `tolerated`.
    pub margin: f64,
    /// A share of exposure below which nobody acts; 0 for none.
    pub floor: f64,
    /// Its share of alpha among the metrics, 1 by default.
    pub weight: f64,
    /// Fewer is worse (orders, log-ins): the arms change places.
    pub down_is_bad: bool,
}

/// What a metric may decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// May FAIL, and must be shown to be no worse for PASS.
    Guard,
    /// May FAIL.
    Watch,
    /// Is only reported.
    Note,
}

/// What the cells of a metric hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Events among exposure.
    Count,
    /// A histogram, judged at each of its edges.
    Latency {
        /// Edges in the unit of the metric, ascending.
        edges: Vec<f64>,
        /// Which of them the user named (their places): these guard, and share half of the weight.
        thresholds: Vec<usize>,
    },
    /// A level.
    Gauge {
        /// Added to both means, in millionths, so that a mean of zero has a logarithm.
        offset: i64,
    },
}

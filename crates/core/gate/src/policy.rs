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
    /// For how long the canary may be sent traffic and answer nothing, while the stable version answers, before FAIL.
    pub blackhole: u32,
    /// The metric whose exposure is requests, by which the split of traffic is checked; none to check nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<usize>,
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
    /// The events are a part of the exposure (errors among requests), so that half of it failing is a catastrophe.
    pub is_share: bool,
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

/// Why a policy cannot be kept: the field, what it holds, and what it may.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}: {remedy}")]
pub struct PolicyError {
    /// The field, as a path.
    pub field: String,
    /// What it holds.
    pub value: String,
    /// What it may hold.
    pub remedy: String,
}

/// The widest ratio that the grid holds with room for what is worse.
pub(crate) const WIDEST: f64 = 16.0;
/// Error rates are below this.
pub(crate) const ERROR_BELOW: f64 = 0.5;

impl Policy {
    /// Whether every number makes sense.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), PolicyError> {
        let refuse = |field: &str, value: String, remedy: &str| {
            Err(PolicyError { field: field.to_owned(), value, remedy: remedy.to_owned() })
        };
        for (name, value) in [("alpha", self.alpha), ("beta", self.beta)] {
            if !(value > 0.0 && value < ERROR_BELOW) {
                return refuse(name, value.to_string(), "a probability above 0 and below 0.5, such as 0.05");
            }
        }
        if self.block == 0 || self.block > 3600 {
            return refuse("block", format!("{} s", self.block), "a block is 1 second to 1 hour long");
        }
        if self.steps.is_empty() {
            return refuse("steps", "empty".to_owned(), "give at least one step");
        }
        if self.metrics.is_empty() {
            return refuse("metrics", "empty".to_owned(), "give at least one metric");
        }
        if let Some(place) = self.split.filter(|place| *place >= self.metrics.len()) {
            return refuse("split", place.to_string(), "name one of the metrics");
        }
        for (place, metric) in self.metrics.iter().enumerate() {
            metric.check(&format!("metrics[{place}]"))?;
            if self.metrics[..place].iter().any(|other| other.name == metric.name) {
                return refuse(
                    &format!("metrics[{place}].name"),
                    metric.name.clone(),
                    "each metric has a name of its own",
                );
            }
        }
        Ok(())
    }
}

impl Metric {
    /// A guard for errors among requests that tolerates a tenth more and has to show less than twice as many, without a floor:
    /// what a metric is in tests and examples that say no more. gate.yaml has defaults of its own.
    #[must_use]
    pub fn guard(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            class: Class::Guard,
            kind: Kind::Count,
            tolerated: 1.1,
            margin: 2.0,
            floor: 0.0,
            weight: 1.0,
            down_is_bad: false,
            is_share: true,
        }
    }

    fn check(&self, path: &str) -> Result<(), PolicyError> {
        let refuse = |field: &str, value: String, remedy: &str| {
            Err(PolicyError { field: format!("{path}.{field}"), value, remedy: remedy.to_owned() })
        };
        if self.name.is_empty() {
            return refuse("name", "empty".to_owned(), "each metric has a name");
        }
        if !(1.0..WIDEST).contains(&self.tolerated) {
            return refuse(
                "tolerated",
                self.tolerated.to_string(),
                "a ratio from 1 to below 16, such as 1.1",
            );
        }
        if !(self.margin > self.tolerated && self.margin <= WIDEST) {
            return refuse(
                "margin",
                self.margin.to_string(),
                "a ratio above `tolerated` and at most 16, such as 2",
            );
        }
        if !(self.floor == 0.0 || self.floor > 0.0 && self.floor < 1.0) {
            return refuse(
                "floor",
                self.floor.to_string(),
                "a share from 0 (no floor) to below 1, such as 0.001",
            );
        }
        if self.floor > 0.0 && (self.down_is_bad || matches!(self.kind, Kind::Gauge { .. })) {
            return refuse(
                "floor",
                self.floor.to_string(),
                "0: a floor is for events of which fewer are better",
            );
        }
        if !(self.weight > 0.0 && self.weight.is_finite()) {
            return refuse(
                "weight",
                self.weight.to_string(),
                "a number above 0; `class: note` for a metric without a say",
            );
        }
        match &self.kind {
            Kind::Latency { edges, thresholds } => {
                let rises = edges.windows(2).all(|pair| pair[0] < pair[1])
                    && edges.iter().all(|edge| edge.is_finite());
                if edges.is_empty() || !rises {
                    return refuse("edges", format!("{edges:?}"), "at least one finite edge, ascending");
                }
                match thresholds.iter().find(|place| **place >= edges.len()) {
                    Some(place) => refuse("thresholds", place.to_string(), "the places of edges"),
                    None => Ok(()),
                }
            }
            Kind::Gauge { offset } if *offset < 0 => refuse("offset", offset.to_string(), "0 or more"),
            Kind::Gauge { .. } | Kind::Count => Ok(()),
        }
    }
}

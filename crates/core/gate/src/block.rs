//! What is observed: blocks of counts, for each metric, arm and pod.
//!
//! Integers only. Rounding happens once, where the data come in; nothing after that reads a number from a source again, so
//! a record of these integers is enough to come to the same verdict.

use serde::{Deserialize, Serialize};
use serin_kernel::Moment;

/// A version of the service, seen as a side of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// The version on trial.
    Canary,
    /// The version that runs.
    Stable,
}

/// The pods that ever took part, in the order in which they were first seen. A cell names its pod by its place here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Name and side of each pod.
    pub pods: Vec<Pod>,
}

/// One pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Its name, as the label of the series says it.
    pub name: String,
    /// Its side.
    pub arm: Arm,
}

/// What is known of one block: a half-open interval of time, the same for all metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Its first moment, on the grid of the block length.
    pub start: Moment,
    /// The step of the plan it belongs to, from 0.
    pub step: u32,
    /// The canary's confirmed share of traffic in it, in parts of 10,000; none when it is not known or it changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Pods that this block is the first to show, in the order in which they join the [`Roster`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Pod>,
    /// How the canary's pods fare, when the cluster is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// One for each metric of the policy, in its order.
    pub metrics: Vec<Seen>,
}

/// How many pods of the canary there are, and how many cannot stay up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Pods of the canary.
    pub pods: u32,
    /// Those in `CrashLoopBackOff`, or killed twice for want of memory.
    pub crashing: u32,
}

/// What was seen of one metric in one block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Seen {
    /// One cell for each pod that was seen.
    Cells(Vec<Cell>),
    /// There is nothing to judge, and why.
    Trouble(Trouble),
}

/// Why a block of one metric holds no data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
    /// The source did not answer, or with an error: its own words.
    Provider(String),
    /// A series belongs to no arm, to both, or is there twice: its labels.
    ArmsMixed(String),
    /// No series of the numerator, the denominator, or (with fewer than two common edges) the histogram.
    Absent(Part),
    /// The newest data are too old.
    Stale,
    /// The source's clock and ours are more than half a block apart: by so many seconds, source minus ours.
    ClockSkew(i64),
}

/// A part of a metric that can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// The events have never been seen for any arm, so that zero and a misspelt query look alike.
    NumeratorNeverSeen,
    /// The exposure.
    Denominator,
    /// Fewer than two common edges of a histogram.
    Edges,
    /// Everything.
    All,
}

/// One pod's part of one block for one metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The pod, by its place in the [`Roster`].
    pub pod: u32,
    /// What is odd about it.
    #[serde(default, skip_serializing_if = "Flags::is_plain")]
    pub flags: Flags,
    /// The integers.
    #[serde(flatten)]
    pub value: Value,
}

/// The integers of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// Events among exposure: errors among requests, restarts in pod-milliseconds.
    Count {
        /// How many happened.
        x: u64,
        /// How many could have.
        n: u64,
    },
    /// A histogram.
    Latency {
        /// All observations.
        n: u64,
        /// Observations above each edge of the metric's policy, in its order.
        above: Vec<u64>,
    },
    /// The mean of a level over the block.
    Gauge {
        /// The mean in millionths.
        micro: i64,
        /// Of how many samples.
        samples: u32,
    },
}

/// What is odd about a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flags {
    /// The pod is younger than the warm-up: kept in the record, not used as evidence.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub warm: bool,
    /// A scrape is missing: the counts of the gap came with the next block, or were dropped on both sides of the ratio.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gap: bool,
    /// The counter began anew so many times.
    #[serde(skip_serializing_if = "is_zero")]
    pub resets: u32,
    /// Exposure that came after the block was sealed, and is not in it.
    #[serde(skip_serializing_if = "is_zero_long")]
    pub late: u64,
    /// Samples that were not a number or not finite, and were dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub nan: u32,
    /// Edges of the policy, a bit for each place, that not all series of this block have: `above` goes without them.
    #[serde(skip_serializing_if = "is_zero")]
    pub lost: u32,
}

impl Flags {
    /// Nothing is odd.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero_long(value: &u64) -> bool {
    *value == 0
}

//! What makes a gate.yaml judge badly although it can be read: rules over its queries, and over what they give.
//!
//! Property: a query that gives no raw counts of both arms has a finding; each finding names its line, what is wrong there
//! and how to mend it. A rule never changes what is judged.

mod fixed;
mod live;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use fixed::{fixed, is_for_files};
pub use live::{Sample, live, questions};

/// What may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The query cannot be read.
    NotPromql,
    /// A window is longer than a block, so that blocks share data.
    WindowOverlap,
    /// A query within a query.
    Subquery,
    /// A rate where the counter itself is needed.
    RateOfCounts,
    /// A ratio where both counts are needed.
    Ratio,
    /// An average or quantile, of which no counts can be had.
    Average,
    /// Pods or arms are summed together.
    Summed,
    /// Another time than now.
    Shifted,
    /// Something else that is no plain selector.
    NotRaw,
    /// The selector takes one arm, or one pod, only.
    OneArm,
    /// A counter by its place, whose name is none of a counter.
    CounterName,
    /// A counter where a level is needed.
    CounterAsGauge,
    /// A part of a histogram where the histogram is needed.
    HistogramPart,
    /// A metric without the query that it needs.
    MissingQuery,
    /// Events without what they are counted against.
    MissingDenominator,
    /// Events and exposure are the same.
    SameQuery,
    /// Events that are no part of their exposure.
    NotAPart,
    /// Outcomes that come later, of a counter that counts them when they come.
    Maturity,
    /// No metric can lead to PASS.
    NoGuard,
    /// There are no such series.
    AbsentSeries,
    /// Series belong to no arm, to both, or name no pod.
    ArmsMixed,
    /// The counter falls often: it is a level.
    FallsOften,
    /// Values that count nothing.
    NotCounts,
    /// Very many series.
    Cardinality,
    /// The scrapes are not as far apart as is written.
    ScrapeInterval,
    /// The histogram has no such edge, or too few.
    Edges,
    /// A single stable pod shows nothing of how pods differ.
    OnePod,
}

impl Rule {
    /// Its name, as `window-overlap`.
    #[must_use]
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line of gate.yaml; 0 for the whole.
    pub line: u64,
    /// The rule.
    pub rule: Rule,
    /// The metric; empty for the whole.
    pub metric: String,
    /// The field.
    pub field: &'static str,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
}

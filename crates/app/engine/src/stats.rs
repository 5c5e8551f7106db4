//! What the engine knows of itself.

use std::{collections::BTreeMap, time::Duration};

use serin_calls::Posted;
use serin_kernel::Key;

use crate::measured::Measured;

/// Upper bounds of the pass histogram, in seconds: Argo's, so that its dashboards fit.
pub const PASS_SECONDS: &[f64] = &[0.01, 0.15, 0.25, 0.5, 1.0];
/// Upper bounds of the lateness histogram, in seconds. A timed step is promised to the second: below that is good.
pub const LATENESS_SECONDS: &[f64] = &[0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 30.0];

/// A histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Upper bounds, in seconds.
    pub bounds: &'static [f64],
    /// Observations at or below each bound (not summed up), and beyond the last.
    pub counts: Vec<u64>,
    /// Sum of all observations, in seconds.
    pub sum: f64,
}

impl Buckets {
    pub(crate) fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    pub(crate) fn observe(&mut self, value: Duration) {
        let seconds = value.as_secs_f64();
        let bucket = self.bounds.iter().position(|bound| seconds <= *bound).unwrap_or(self.bounds.len());
        self.counts[bucket] += 1;
        self.sum += seconds;
    }

    /// How many observations there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// What was done for one object.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectStats {
    /// How long its passes took.
    pub passes: Buckets,
    /// How many passes ended in a refusal, a panic or without an answer.
    pub errors: u64,
    /// Whether it is frozen.
    pub frozen: bool,
}

/// What was done for one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct KindStats {
    /// Objects due now.
    pub due: usize,
    /// Objects being planned now.
    pub running: usize,
    /// How late objects were planned that had asked for a time.
    pub lateness: Buckets,
}

/// The engine at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// By kind, under its plural name.
    pub kinds: BTreeMap<&'static str, KindStats>,
    /// By object; objects that are gone are left out.
    pub objects: BTreeMap<Key, ObjectStats>,
    /// Passes that ended in a conflict.
    pub conflicts: u64,
    /// Objects ever frozen, by reason: `panic`, `storm`, `endless`.
    pub frozen: BTreeMap<&'static str, u64>,
    /// What planners measured.
    pub measured: Measured,
    /// What became of the messages of plans.
    pub posted: Posted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut buckets = Buckets::new(PASS_SECONDS);
        for millis in [0, 10, 11, 1000, 1001] {
            buckets.observe(Duration::from_millis(millis));
        }
        assert_eq!(buckets.counts, [2, 1, 0, 0, 1, 1]);
        assert_eq!(buckets.total(), 5);
    }
}

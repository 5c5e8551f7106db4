//! Flagger's rule: a check a minute on the canary alone, against a threshold that somebody knew to set at twice the baseline.

use serin_gate::{Block, Word};

use super::{Feed, Judge, Reading, Series};
use crate::world::MINUTE;

/// Checks that must pass before promotion, and that may not pass before a rollback.
const PASSES: u32 = 10;
const FAILURES: u32 = 5;

/// Flagger's rule. A check without a value does not pass.
#[derive(Debug)]
pub struct Flagger {
    reading: Reading,
    feed: Feed,
    limit: f64,
    passed: u32,
    failed: u32,
}

impl Flagger {
    /// With the largest value that passes.
    #[must_use]
    pub fn new(reading: Reading, feed: Feed, limit: f64) -> Self {
        Self { reading, feed, limit, passed: 0, failed: 0 }
    }
}

impl Judge for Flagger {
    fn look(&mut self, _: &Block, series: &Series) -> Word {
        if !series.len().is_multiple_of(MINUTE) {
            return Word::Hold;
        }
        let value = |metric| self.reading.of(&series.latest(metric, self.feed.length()).canary);
        if (0..series.metrics()).all(|metric| value(metric) <= self.limit) {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        match (self.failed >= FAILURES, self.passed >= PASSES) {
            (true, _) => Word::Fail,
            (false, true) => Word::Pass,
            (false, false) => Word::Hold,
        }
    }
}

//! The rule of Argo Rollouts' analysis: ten measurements a minute apart, against a threshold at twice the baseline.

use serin_gate::{Block, Word};

use super::{Feed, Judge, Reading, Series};
use crate::world::MINUTE;

/// Measurements with a value, failures among them, and errors in a row, of which one more ends the analysis.
const COUNT: u32 = 10;
const FAILURES: u32 = 3;
const ERRORS: u32 = 4;

/// Argo's rule. A measurement without a value is an error, and does not count.
#[derive(Debug)]
pub struct Argo {
    reading: Reading,
    feed: Feed,
    limit: f64,
    metrics: Vec<Measured>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    count: u32,
    failed: u32,
    errors: u32,
}

impl Argo {
    /// With the largest value that is successful.
    #[must_use]
    pub fn new(reading: Reading, feed: Feed, limit: f64) -> Self {
        Self { reading, feed, limit, metrics: Vec::new() }
    }
}

impl Judge for Argo {
    fn look(&mut self, _: &Block, series: &Series) -> Word {
        if !series.len().is_multiple_of(MINUTE) {
            return Word::Hold;
        }
        self.metrics.resize(series.metrics(), Measured::default());
        for (metric, measured) in self.metrics.iter_mut().enumerate() {
            if measured.count >= COUNT {
                continue;
            }
            let value = self.reading.of(&series.latest(metric, self.feed.length()).canary);
            if value.is_nan() {
                measured.errors += 1;
                continue;
            }
            measured.errors = 0;
            measured.count += 1;
            measured.failed += u32::from(value > self.limit);
        }
        let is_over = |measured: &Measured| measured.failed > FAILURES || measured.errors > ERRORS;
        match (self.metrics.iter().any(is_over), self.metrics.iter().all(|measured| measured.count >= COUNT))
        {
            (true, _) => Word::Fail,
            (false, true) => Word::Pass,
            (false, false) => Word::Hold,
        }
    }
}

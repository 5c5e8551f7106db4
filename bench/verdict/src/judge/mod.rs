//! Who judges a rollout: the gate, and three rivals by their own rules on the same sums.

mod argo;
mod flagger;
mod kayenta;
mod serin;

pub use argo::Argo;
pub use flagger::Flagger;
pub use kayenta::Kayenta;
pub use serin::{Serin, Watched};

use serin_gate::{Block, Word};

use crate::world::{Arms, EDGES, EXPOSURE, MINUTE, Sums};

/// Who looks after each block, and says FAIL or PASS once.
pub trait Judge {
    /// What is said as of this block, HOLD for nothing yet. `series` ends with it.
    fn look(&mut self, block: &Block, series: &Series) -> Word;
}

/// The sums of every block so far, by metric.
#[derive(Debug, Default)]
pub struct Series {
    blocks: Vec<Vec<Arms>>,
}

/// How a rival reads a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Events over exposure.
    Share,
    /// The 99th percentile in milliseconds, in straight lines within a bucket as Prometheus has it.
    P99,
    /// The mean level.
    Level,
}

/// Which points rivals are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// One for each minute.
    Minutes,
    /// The mean of the latest five minutes, every so many blocks; the first one after five minutes.
    Windows(usize),
}

/// Blocks of a window of five minutes.
const WINDOW: usize = 5 * MINUTE;

impl Series {
    /// Adds a block.
    pub fn push(&mut self, arms: Vec<Arms>) {
        self.blocks.push(arms);
    }

    /// How many blocks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    fn metrics(&self) -> usize {
        self.blocks.first().map_or(0, Vec::len)
    }

    /// Sums of the latest `length` blocks, fewer at the start.
    fn latest(&self, metric: usize, length: usize) -> Arms {
        let mut sum = Arms::default();
        for block in &self.blocks[self.blocks.len().saturating_sub(length)..] {
            let add = |to: &mut Sums, from: &Sums| to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            add(&mut sum.canary, &block[metric].canary);
            add(&mut sum.stable, &block[metric].stable);
        }
        sum
    }
}

impl Feed {
    /// The length of what a check at this moment sees.
    fn length(self) -> usize {
        match self {
            Self::Minutes => MINUTE,
            Self::Windows(_) => WINDOW,
        }
    }
}

impl Reading {
    /// The value; NaN without exposure.
    fn of(self, sums: &Sums) -> f64 {
        let exposure = sums[EXPOSURE] as f64;
        match self {
            _ if sums[EXPOSURE] == 0 => f64::NAN,
            Self::Share | Self::Level => sums[0] as f64 / exposure,
            Self::P99 => p99(sums, exposure),
        }
    }
}

fn p99(sums: &Sums, exposure: f64) -> f64 {
    let rank = 0.01 * exposure;
    // The first edge with at most 1 % above it ends the bucket of the percentile.
    let Some(end) = (0..EDGES.len()).find(|edge| sums[*edge] as f64 <= rank) else {
        return EDGES[EDGES.len() - 1];
    };
    let (from, before) = if end == 0 { (0.0, exposure) } else { (EDGES[end - 1], sums[end - 1] as f64) };
    let within = before - sums[end] as f64;
    from + (EDGES[end] - from) * ((before - rank) / within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_read_as_prometheus_reads_it() {
        // 1000 durations: 900 up to 50 ms, 80 up to 100, 20 up to 250.
        let sums = [100, 20, 0, 0, 0, 0, 0, 1000];
        assert!((Reading::P99.of(&sums) - 175.0).abs() < 1e-9);
        assert!((Reading::P99.of(&[1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000]) - 5000.0).abs() < 1e-9);
        assert!(Reading::P99.of(&[0; 8]).is_nan());
    }

    #[test]
    fn the_latest_blocks_are_summed() {
        let mut series = Series::default();
        for x in 1..=5 {
            let mut arms = Arms::default();
            (arms.canary[0], arms.stable[EXPOSURE]) = (x, 10);
            series.push(vec![arms]);
        }
        let sum = series.latest(0, 4);
        assert_eq!((sum.canary[0], sum.stable[EXPOSURE]), (14, 40));
        assert_eq!(series.latest(0, 99).canary[0], 15);
    }
}

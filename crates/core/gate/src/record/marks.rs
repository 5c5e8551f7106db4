//! What stood behind a look, as hashes and as places of the grid.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{
    grid::{self, LogLikelihood, POINTS},
    interval,
};
use sha2::{Digest as _, Sha256};

use super::hex;
use crate::{
    LineState,
    engine::{Gate, Look},
};

/// Chance with which an interval misses the ratio at any look.
const MISSES: f64 = 0.05;
/// Likelihoods are hashed in steps of 2^-30.
const STEPS: f64 = (1u32 << 30) as f64;

/// What stood behind one look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The look, by its place.
    pub look: usize,
    /// SHA-256 over the policy, the past and all blocks up to here.
    pub inputs: String,
    /// Each metric.
    pub metrics: Vec<MarkedMetric>,
}

/// What stood behind one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkedMetric {
    /// SHA-256 of its log-likelihoods: little-endian doubles in steps of 2^-30, of the whole and of the step, line by line.
    pub likelihood: String,
    /// Where the ratio of each line lies with 95 % confidence at every look; none where no ratio of the grid fits.
    pub intervals: Vec<Option<Interval>>,
    /// The ratio of each line that fits best, as a place of the grid.
    pub best: Vec<u16>,
    /// Events and exposure of the canary, then of the stable version, of each line; 0 for a gauge.
    pub counts: Vec<[u64; 4]>,
}

/// The first and the last place of the grid that the data do not rule out: the ratio is 2^((place - 160)/32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval(pub u16, pub u16);

impl Interval {
    /// The ratios at both ends.
    #[must_use]
    pub fn ratios(self) -> (f64, f64) {
        (ratio(self.0), ratio(self.1))
    }
}

/// The ratio at a place; the last one for a place beyond the grid.
pub(super) fn ratio(place: u16) -> f64 {
    grid::ratio(usize::from(place).min(POINTS - 1))
}

impl Mark {
    /// What stands behind `look` now.
    pub(super) fn new(place: usize, look: &Look, gate: &Gate, inputs: &str) -> Self {
        let metrics = look.metrics.iter().zip(&gate.policy().metrics).enumerate();
        let marked = metrics.map(|(place, (look, metric))| {
            let lines = gate.lines(place);
            let spread = |line: usize| look.lines.get(line).map_or(look.spread, |line| line.spread);
            let places = |(place, line): (usize, &LineState)| {
                // The spread is that of the record, so that the interval follows from it alone.
                let spread = super::columns::rounded(spread(place));
                interval::places(line.whole, line.phi, spread, MISSES)
                    .map(|(first, last)| Interval(first as u16, last as u16))
            };
            let counts = |line: &LineState| {
                let ((x, y), (n, m)) = (line.events, line.exposures);
                // Of a metric of which fewer are worse the arms have changed places.
                if metric.down_is_bad { [y, m, x, n] } else { [x, n, y, m] }
            };
            MarkedMetric {
                likelihood: hashed(&lines),
                intervals: lines.iter().enumerate().map(places).collect(),
                best: lines.iter().map(best).collect(),
                counts: lines.iter().map(counts).collect(),
            }
        });
        Self { look: place, inputs: inputs.to_owned(), metrics: marked.collect() }
    }
}

fn best(line: &LineState) -> u16 {
    let higher = |best: usize, j: usize| if line.whole.at(j) > line.whole.at(best) { j } else { best };
    // Without data all places are equal, and the middle is as good as any.
    (0..POINTS).fold(grid::HALF, higher) as u16
}

fn hashed(lines: &[LineState]) -> String {
    let mut hash = Sha256::new();
    let mut add = |likelihood: &LogLikelihood| {
        for j in 0..POINTS {
            // Adding zero makes one zero of the two.
            let steps = (likelihood.at(j) * STEPS).round() + 0.0;
            hash.update(steps.to_le_bytes());
        }
    };
    for line in lines {
        add(line.whole);
        add(line.step);
    }
    hex(&hash.finalize())
}

/// The hash of what came before and of one thing more.
pub(super) fn chained(before: &str, more: &impl Serialize) -> String {
    let mut hash = Sha256::new();
    hash.update(before.as_bytes());
    // What is recorded has no keys that JSON cannot write.
    hash.update(serde_json::to_vec(more).unwrap_or_default());
    hex(&hash.finalize())
}

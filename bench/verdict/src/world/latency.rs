//! Durations of requests, as a histogram shows them.

use serin_gate::{Cell, Flags, Value};

use super::{BLOCK_SECONDS, Now, Unfold, Wander};
use crate::dice::Dice;

/// Edges of the buckets in milliseconds.
pub const EDGES: [f64; 7] = [50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0];
const MEDIAN: f64 = 80.0;
const SIGMA: f64 = 0.6;
/// Shares above each edge are read from a table over the shift of the log, in between by straight lines: 1e-5 off.
const SHIFT_MAX: f64 = 3.0;
const SHIFTS: usize = 1200;

/// Lognormal durations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Requests a second, both arms together.
    pub rps: f64,
    /// Standard deviation of pods' lasting log durations.
    pub pod_sd: f64,
    /// How all durations wander.
    pub shared: Wander,
    /// What is wrong with the canary.
    pub shift: Shift,
}

/// What is wrong with durations. The ratio of the rollout says by how much; 1 is no harm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shift {
    /// All take so many times as long.
    All,
    /// This share of them does.
    Part(f64),
}

impl Shift {
    fn mixed(self, ratio: f64, shares: impl Fn(f64) -> [f64; EDGES.len()]) -> [f64; EDGES.len()] {
        let slow = shares(ratio.ln());
        match self {
            Self::All => slow,
            Self::Part(part) => {
                let well = shares(0.0);
                std::array::from_fn(|edge| well[edge] + part * (slow[edge] - well[edge]))
            }
        }
    }

    /// Shares above each edge when the canary is so much worse; 1 gives the stable version's.
    #[must_use]
    pub fn shares(self, ratio: f64) -> [f64; EDGES.len()] {
        self.mixed(ratio, |log| EDGES.map(|edge| above(edge, log)))
    }
}

/// A histogram at work.
pub(super) struct Unfolding {
    law: Latency,
    pods: Vec<f64>,
    shared: f64,
    table: &'static [[f64; EDGES.len()]],
}

impl Latency {
    pub(super) fn unfold(&self, pods: u32, dice: &mut Dice) -> Unfolding {
        Unfolding {
            law: *self,
            pods: (0..pods).map(|_| self.pod_sd * dice.normal()).collect(),
            shared: self.shared.sd * dice.normal(),
            table: table(),
        }
    }
}

fn table() -> &'static [[f64; EDGES.len()]] {
    static TABLE: std::sync::LazyLock<Vec<[f64; EDGES.len()]>> = std::sync::LazyLock::new(|| {
        let shift = |place: usize| (place as f64 / SHIFTS as f64 * 2.0 - 1.0) * SHIFT_MAX;
        (0..=SHIFTS).map(|place| EDGES.map(|edge| above(edge, shift(place)))).collect()
    });
    &TABLE
}

/// Share of durations above an edge when the log is shifted.
fn above(edge: f64, shift: f64) -> f64 {
    let z = ((edge / MEDIAN).ln() - shift) / SIGMA;
    libm::erfc(z / std::f64::consts::SQRT_2) / 2.0
}

impl Unfolding {
    fn shares(&self, shift: f64) -> [f64; EDGES.len()] {
        let place = ((0.5 * shift / SHIFT_MAX + 0.5) * SHIFTS as f64).clamp(0.0, SHIFTS as f64 - 1.0);
        let (low, part) = (place as usize, place.fract());
        std::array::from_fn(|edge| {
            let (from, to) = (self.table[low][edge], self.table[low + 1][edge]);
            from + part * (to - from)
        })
    }

    fn canary_shares(&self, shift: f64, ratio: f64) -> [f64; EDGES.len()] {
        self.law.shift.mixed(ratio, |log| self.shares(shift + log))
    }
}

impl Unfold for Unfolding {
    fn block(&mut self, now: Now, dice: &mut Dice) -> Vec<Vec<Cell>> {
        let Wander { memory, sd } = self.law.shared;
        self.shared = memory * self.shared + (1.0 - memory * memory).sqrt() * sd * dice.normal();
        let requests = self.law.rps * f64::from(BLOCK_SECONDS);
        let cells = now.pods().map(|(pod, canary)| {
            let shift = self.shared + self.pods[pod as usize];
            let shares = if canary { self.canary_shares(shift, now.ratio) } else { self.shares(shift) };
            let mean = requests * now.share(canary);
            let (mut above, mut sum) = (vec![0; EDGES.len()], 0);
            // From the slowest bucket down: independent counts of the buckets make up a Poisson number of requests.
            for edge in (0..EDGES.len()).rev() {
                let faster = shares.get(edge + 1).copied().unwrap_or(0.0);
                sum += dice.poisson(mean * (shares[edge] - faster));
                above[edge] = sum;
            }
            let n = sum + dice.poisson(mean * (1.0 - shares[0]));
            Cell { pod, flags: Flags::default(), value: Value::Latency { n, above } }
        });
        vec![cells.collect()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_distribution() {
        let law = Latency { rps: 1.0, pod_sd: 0.0, shared: Wander::NONE, shift: Shift::All };
        let unfolding = law.unfold(1, &mut Dice::new(1));
        for shift in [-1.234, 0.0, 0.0017, 0.405, 2.3] {
            for (edge, share) in EDGES.iter().zip(unfolding.shares(shift)) {
                assert!((share - above(*edge, shift)).abs() < 2e-5, "{edge} at {shift}");
            }
        }
        // 1 % are slower than 323 ms.
        assert!((above(323.0, 0.0) - 0.01).abs() < 1e-4);
    }
}

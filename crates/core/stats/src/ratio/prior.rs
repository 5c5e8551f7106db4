//! Averages over the grid: which log ratios a hypothesis holds likely.
//!
//! Pods differ, and that does not average out in time: a canary of three pods that is exactly as good as the stable version
//! still has, for as long as it runs, the rate that its three pods happen to have. So "as good" is not one ratio but a
//! normal spread around it, whose width depends on the number of pods alone.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    grid::{HALF, POINTS, STEP, Values, log_ratio},
    math::{exp, log, log_sum_exp},
};

/// Least spread of the log ratio: where pods are placed always makes some difference.
pub const LEAST_SPREAD: f64 = 0.03;

/// A distribution on the grid, as logarithms and as plain weights, which sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// The logarithm of each weight.
    pub logs: Box<Values>,
    /// Each weight; 0 where it is below what a number can hold.
    pub weights: Box<Values>,
}

/// How far above the tolerated ratio a defect may lie, in octaves, and how likely. Half of the weight is on factors of 1.4
/// to 2, because those decide how long the hard cases take; the tail lets a factor of ten fire in the first block.
const HARM: [(f64, f64); 9] = [
    (0.25, 0.10),
    (0.5, 0.20),
    (1.0, 0.20),
    (1.5, 0.14),
    (2.0, 0.11),
    (2.5, 0.08),
    (3.0, 0.07),
    (3.5, 0.05),
    (4.0, 0.05),
];

impl Prior {
    /// A mixture of normal distributions of standard deviation `spread` on the grid, each cut off at its ends and summing
    /// to 1: means (log ratios) and their shares.
    #[must_use]
    pub fn mixture(parts: &[(f64, f64)], spread: f64) -> Self {
        let mut terms = vec![[0.0; POINTS]; parts.len()];
        for (terms, (mean, share)) in terms.iter_mut().zip(parts) {
            *terms = std::array::from_fn(|j| {
                let distance = log_ratio(j) - mean;
                -(distance * distance) / (2.0 * spread * spread)
            });
            let (total, share) = (log_sum_exp(&terms[..]), log(*share));
            *terms = terms.map(|term| term + share - total);
        }
        let logs: Values = match &terms[..] {
            [only] => *only,
            _ => std::array::from_fn(|j| {
                let column: Vec<f64> = terms.iter().map(|terms| terms[j]).collect();
                log_sum_exp(&column)
            }),
        };
        Self { weights: Box::new(logs.map(exp)), logs: Box::new(logs) }
    }
}

/// The four averages of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypotheses {
    /// Worse than tolerated.
    pub harm: Prior,
    /// As good as tolerated.
    pub tolerated: Prior,
    /// No worse than the margin.
    pub no_worse: Prior,
    /// At the margin.
    pub margin: Prior,
    /// The spread that they were made with.
    pub spread: f64,
}

impl Hypotheses {
    /// For a tolerated ratio, a margin above it, and the spread of the log ratio between equal versions.
    #[must_use]
    pub fn new(tolerated: f64, margin: f64, spread: f64) -> Self {
        let (r0, r1) = (log(tolerated), log(margin));
        let highest = HALF as f64 * STEP;
        let harm = HARM.map(|(octaves, share)| ((r0 + octaves * std::f64::consts::LN_2).min(highest), share));
        Self {
            harm: Prior::mixture(&harm, spread),
            tolerated: Prior::mixture(&[(r0, 1.0)], spread),
            no_worse: Prior::mixture(&[(0.0, 0.6), (r1 / 2.0, 0.2), (-r1, 0.2)], spread),
            margin: Prior::mixture(&[(r1, 1.0)], spread),
            spread,
        }
    }
}

/// Hypotheses that were made before: ten thousand metrics of one policy share a few.
///
/// The spread is rounded up to the next of 64 steps an octave (1.1 %), so that a slowly changing number of pods does not
/// ask for new ones at every block. Up, because a wider spread claims less.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    made: BTreeMap<(u64, u64, u32), Arc<Hypotheses>>,
}

/// Steps of the spread in an octave.
const SPREADS: f64 = 64.0;
/// Hypotheses that are kept: 20 KiB each.
const KEPT: usize = 2048;

impl Shelf {
    /// The hypotheses of a metric, made or found.
    #[must_use]
    pub fn get(&mut self, tolerated: f64, margin: f64, spread: f64) -> Arc<Hypotheses> {
        let octaves = log(spread.max(LEAST_SPREAD) / LEAST_SPREAD) / std::f64::consts::LN_2;
        // A spread that lies on a step stays there, whatever the last bit of the logarithm.
        let step = (octaves * SPREADS - 1e-9).ceil().max(0.0) as u32;
        let key = (tolerated.to_bits(), margin.to_bits(), step);
        if self.made.len() >= KEPT && !self.made.contains_key(&key) {
            self.made.clear();
        }
        let make = || {
            let spread = LEAST_SPREAD * exp(f64::from(step) / SPREADS * std::f64::consts::LN_2);
            Arc::new(Hypotheses::new(tolerated, margin, spread))
        };
        Arc::clone(self.made.entry(key).or_insert_with(make))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prior_sums_to_one_even_at_the_end_of_the_grid() {
        for (tolerated, margin, spread) in [(1.0, 1.3, 0.03), (1.1, 2.0, 0.1), (4.0, 30.0, 0.7)] {
            let made = Hypotheses::new(tolerated, margin, spread);
            for prior in [&made.harm, &made.tolerated, &made.no_worse, &made.margin] {
                let sum: f64 = prior.weights.iter().sum();
                assert!((sum - 1.0).abs() < 1e-12, "{tolerated} {margin} {spread}: {sum}");
            }
        }
    }

    #[test]
    fn the_shelf_rounds_the_spread_up_by_at_most_one_step_and_shares_what_it_made() {
        let mut shelf = Shelf::default();
        for thousandths in 1..900 {
            let spread = f64::from(thousandths) / 1000.0;
            let got = shelf.get(1.1, 2.0, spread).spread;
            let asked = spread.max(LEAST_SPREAD);
            assert!(got >= asked * (1.0 - 1e-12) && got <= asked * 1.011, "{spread} gave {got}");
        }
        assert!(Arc::ptr_eq(&shelf.get(1.1, 2.0, 0.1), &shelf.get(1.1, 2.0, 0.1)));
        let on_a_step = shelf.get(1.1, 2.0, 0.2).spread;
        assert_eq!(shelf.get(1.1, 2.0, on_a_step).spread.to_bits(), on_a_step.to_bits());
    }
}

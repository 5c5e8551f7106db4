//! Levels: the paired difference of two arms' logarithms, batch by batch.
//!
//! Pairing removes every swing that the arms share. What remains is correlated in time, so blocks are joined to batches long
//! enough to be nearly independent (Künsch 1989), and pods differ, which no time averages out. The normal form is that behind
//! the asymptotic confidence sequences of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024).

use serde::{Deserialize, Serialize};

use super::{
    dispersion::shrunk,
    grid::{Values, log_ratio},
};

/// Lengths of batches, in blocks.
const LENGTHS: [usize; 5] = [1, 2, 4, 8, 16];
/// Correlation of neighbouring batches below which they count as independent.
const INDEPENDENT: f64 = 0.15;
/// Spread of levels between pods of which nothing is known, and what that belief is worth in pods.
const PRIOR_SPREAD: f64 = 0.05;
const PRIOR_PODS: f64 = 4.0;
/// The spread when the stable version has one pod, whose difference to others nobody has seen.
const ONE_POD: f64 = 0.15;

/// The noise of one gauge, from the stable version's past.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Noise {
    /// Blocks in a batch.
    pub length: usize,
    /// Variance of one pod's batch mean around its own level.
    pub variance: f64,
    /// Degrees of freedom of that variance.
    pub freedom: f64,
    /// Spread of the levels between pods.
    pub between_pods: f64,
}

impl Noise {
    /// The variance of a batch's difference between arms of so many pods, as an upper bound.
    #[must_use]
    pub fn of_difference(&self, canary: f64, stable: f64) -> f64 {
        self.variance * (1.0 / canary + 1.0 / stable) * (1.0 + (2.0 / self.freedom).sqrt())
    }
}

/// The noise from `levels`: the logarithm of the level for each pod and block, all rows equally long. None without two
/// batches of the shortest length, or when nothing ever moves (a constant says nothing about how it will move).
#[must_use]
pub fn noise(levels: &[Vec<f64>]) -> Option<Noise> {
    let (pods, blocks) = (levels.len(), levels.first()?.len());
    let free_pods = if pods > 1 { pods as f64 - 1.0 } else { 1.0 };
    // What all pods share is taken out; with one pod there is nobody to share with, and its own mean is.
    let shared: Vec<f64> = (0..blocks)
        .map(
            |block| {
                if pods > 1 { levels.iter().map(|row| row[block]).sum::<f64>() / pods as f64 } else { 0.0 }
            },
        )
        .collect();
    let own: Vec<Vec<f64>> = levels
        .iter()
        .map(|row| row.iter().zip(&shared).map(|(level, shared)| level - shared).collect())
        .collect();
    let means: Vec<f64> = own.iter().map(|row| row.iter().sum::<f64>() / blocks as f64).collect();
    let mut chosen = None;
    for length in LENGTHS {
        let batches = blocks / length;
        if batches < 2 {
            break;
        }
        let (mut squares, mut neighbours) = (0.0, 0.0);
        for (row, mean) in own.iter().zip(&means) {
            let batch = |part: &[f64]| part.iter().sum::<f64>() / length as f64 - mean;
            let off: Vec<f64> = row.chunks_exact(length).map(batch).collect();
            squares += off.iter().map(|value| value * value).sum::<f64>();
            neighbours += off.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>();
        }
        if squares <= 0.0 {
            return None;
        }
        let correlation = neighbours / squares + 1.0 / batches as f64;
        let freedom = free_pods * (batches as f64 - 1.0);
        let mut variance = squares / freedom;
        if correlation > 0.0 {
            variance *= (1.0 + correlation) / (1.0 - correlation.min(0.8));
        }
        let between_pods = if pods > 1 {
            let mean = means.iter().sum::<f64>() / pods as f64;
            let seen = means.iter().map(|u| (u - mean).powi(2)).sum::<f64>() / free_pods;
            let own_share = (seen - variance / batches as f64).max(0.0);
            let relative = PRIOR_SPREAD * PRIOR_SPREAD / (variance / batches as f64);
            let information = free_pods * relative / (1.0 + relative);
            shrunk(PRIOR_SPREAD * PRIOR_SPREAD, PRIOR_PODS, own_share, information).sqrt()
        } else {
            ONE_POD
        };
        chosen = Some(Noise { length, variance, freedom, between_pods });
        if correlation < INDEPENDENT {
            break;
        }
    }
    chosen
}

/// What a batch with mean log difference `difference` adds to the likelihood: −(D − η)² / 2σ².
#[must_use]
pub fn terms(difference: f64, variance: f64) -> Values {
    std::array::from_fn(|j| {
        let off = difference - log_ratio(j);
        -(off * off) / (2.0 * variance)
    })
}

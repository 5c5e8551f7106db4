//! How many pods an arm amounts to, and how far that lets its rate lie from its version's.

use super::prior::LEAST_SPREAD;

/// (Σ n)² / Σ n²: pods that carry little count for little (Kish 1965). 0 without exposure.
#[must_use]
pub fn effective(exposures: impl IntoIterator<Item = u64>) -> f64 {
    let (mut sum, mut squares) = (0.0, 0.0);
    for exposure in exposures {
        sum += exposure as f64;
        squares += exposure as f64 * exposure as f64;
    }
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// The spread of the log ratio between versions that are equal: sqrt(τ² (1/Kc + 1/Ks) + 0.03²).
#[must_use]
pub fn spread(between_pods: f64, canary: f64, stable: f64) -> f64 {
    (between_pods * between_pods * (1.0 / canary + 1.0 / stable) + LEAST_SPREAD * LEAST_SPREAD).sqrt()
}

//! "Below a share that nobody would act upon": evidence without a comparison.

use super::math::{exp, log, log_sum_exp};

/// How many times rarer than the floor the events may really be.
const RARER: [f64; 4] = [1.0 / 2.0, 1.0 / 4.0, 1.0 / 16.0, 1.0 / 256.0];

/// log E of "the canary's rate is below `floor`", from its events and exposure alone: an average of Poisson likelihood
/// ratios against `floor` narrowed by twice the spread of pods. Passes a release without errors against a stable version
/// without errors, which no comparison can.
#[must_use]
pub fn log_below(events: u64, exposure: u64, floor: f64, phi: f64, spread: f64) -> f64 {
    let narrowed = floor * exp(-2.0 * spread);
    let quarter = -log(4.0);
    let terms = RARER.map(|rarer| {
        quarter + (events as f64 * log(rarer) + (1.0 - rarer) * narrowed * exposure as f64) / phi
    });
    log_sum_exp(&terms)
}

//! Several e-values to one.

use super::math::{log, log_sum_exp};

/// One half over everything, one half shared equally by the planned steps: those begun with their own evidence, those not
/// begun with 1. So a defect that shows only at a later step is not diluted by the good data before it.
#[must_use]
pub fn restarted(whole: f64, steps: &[f64], planned: usize) -> f64 {
    let planned = planned.max(steps.len()).max(1);
    let waiting = (planned - steps.len()) as f64;
    let mut terms: Vec<f64> = steps.to_vec();
    if waiting > 0.0 {
        terms.push(log(waiting));
    }
    let half = -std::f64::consts::LN_2;
    log_sum_exp(&[half + whole, half + log_sum_exp(&terms) - log(planned as f64)])
}

/// The weighted average: valid whatever the dependence between them.
#[must_use]
pub fn average(logs: &[f64], weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    let terms: Vec<f64> =
        logs.iter().zip(weights).map(|(value, weight)| value + log(weight / total)).collect();
    log_sum_exp(&terms)
}

/// The product: only for members that share nothing (users, pods, dependencies).
#[must_use]
pub fn product(logs: &[f64]) -> f64 {
    logs.iter().sum()
}

/// The smallest: valid for "one of the nulls holds".
#[must_use]
pub fn minimum(logs: &[f64]) -> f64 {
    logs.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Half the relative and half the absolute evidence; the relative alone without a floor.
#[must_use]
pub fn halves(relative: f64, absolute: Option<f64>) -> f64 {
    let half = -std::f64::consts::LN_2;
    absolute.map_or(relative, |absolute| log_sum_exp(&[half + relative, half + absolute]))
}

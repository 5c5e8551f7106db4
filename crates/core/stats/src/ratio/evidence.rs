//! How strongly the counts speak: e-values of "worse than tolerated" and of "no worse than the margin".
//!
//! Each is a ratio of two averages of one likelihood. If the release is as good as tolerated, the chance that the first ever
//! reaches 1/α is at most α, however often one looks (Ville 1939); likewise for the second at the margin.

use super::{
    grid::{LogLikelihood, POINTS, Values},
    math::{dot, exp, largest, log, log_sum_exp},
    prior::{Hypotheses, Prior},
};

/// The likelihood divided by the dispersion, ready for averages over the grid.
#[derive(Clone, Debug)]
pub struct Tempered {
    logs: Values,
    peak: f64,
    /// e^(logs - peak).
    heights: Values,
}

/// Below this an average in plain numbers may have lost terms, and is taken in logarithms.
const FAINT: f64 = 1e-200;
/// Below the peak by more than this a height is nothing, in plain numbers.
const DEPTH: f64 = -700.0;

impl Tempered {
    /// The likelihood for a dispersion of `phi`, at least 1.
    #[must_use]
    pub fn new(likelihood: &LogLikelihood, phi: f64) -> Self {
        Self::of(&likelihood.tempered(phi))
    }

    /// The same with `events` more of the canary (or fewer, below zero), each of which adds `unit` to the likelihood.
    #[must_use]
    pub fn with_more(likelihood: &LogLikelihood, phi: f64, events: f64, unit: &Values) -> Self {
        Self::of(&std::array::from_fn(|j| (likelihood.at(j) + events * unit[j]) / phi))
    }

    fn of(logs: &Values) -> Self {
        let peak = largest(logs);
        let heights = logs.map(|value| if value - peak < DEPTH { 0.0 } else { exp(value - peak) });
        Self { logs: *logs, peak, heights }
    }

    /// The logarithm of the likelihood's average under `prior`.
    #[must_use]
    pub fn average(&self, prior: &Prior) -> f64 {
        let plain = dot(&self.heights, &prior.weights);
        if plain > FAINT {
            return self.peak + log(plain);
        }
        // The prior may give only e^-2000 at the peak: then the sum lives where neither factor does.
        let terms: Values = std::array::from_fn(|j| self.logs[j] + prior.logs[j]);
        log_sum_exp(&terms)
    }

    /// The logarithm of the likelihood's average under plain `weights` that sum to `total`; minus infinity where plain
    /// numbers cannot hold it.
    pub(super) fn average_of(&self, weights: &Values, total: f64) -> f64 {
        self.peak + log(dot(&self.heights, weights) / total)
    }

    /// log E of "worse than tolerated".
    #[must_use]
    pub fn log_harm(&self, hypotheses: &Hypotheses) -> f64 {
        self.average(&hypotheses.harm) - self.average(&hypotheses.tolerated)
    }

    /// log E of "no worse than the margin".
    #[must_use]
    pub fn log_no_worse(&self, hypotheses: &Hypotheses) -> f64 {
        self.average(&hypotheses.no_worse) - self.average(&hypotheses.margin)
    }

    /// The place with the highest likelihood: the ratio that fits best.
    #[must_use]
    pub fn best(&self) -> usize {
        (0..POINTS).fold(0, |best, j| if self.logs[j] > self.logs[best] { j } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::grid::Counts;

    #[test]
    fn without_data_the_evidence_is_exactly_one() {
        let made = Hypotheses::new(1.1, 2.0, 0.1);
        let nothing = Tempered::new(&LogLikelihood::default(), 3.0);
        assert!(nothing.log_harm(&made).abs() < 1e-12);
        assert!(nothing.log_no_worse(&made).abs() < 1e-12);
    }

    #[test]
    fn more_events_of_the_canary_mean_more_harm_and_less_safety() {
        let made = Hypotheses::new(1.1, 2.0, 0.1);
        let values = |x: u64| {
            let mut likelihood = LogLikelihood::default();
            likelihood.add(&Counts { x, y: 60 - x, n_canary: 1000, n_stable: 9000 });
            let tempered = Tempered::new(&likelihood, 1.3);
            (tempered.log_harm(&made), tempered.log_no_worse(&made))
        };
        for x in 0..60 {
            let ((harm, safe), (more_harm, less_safe)) = (values(x), values(x + 1));
            assert!(more_harm > harm && less_safe < safe, "at {x} of 60");
        }
    }

    #[test]
    fn an_average_far_from_the_peak_is_taken_in_logarithms() {
        let mut likelihood = LogLikelihood::default();
        likelihood.add(&Counts { x: 100_000, y: 1000, n_canary: 1000, n_stable: 1000 });
        let tempered = Tempered::new(&likelihood, 1.0);
        let narrow = Prior::mixture(&[(0.0, 1.0)], 0.03);
        let log_average = tempered.average(&narrow);
        assert!(log_average.is_finite() && log_average < tempered.peak - 700.0, "{log_average}");
    }
}

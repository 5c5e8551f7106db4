//! Evidence over the steps of a plan.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{
    combine,
    grid::{Counts, LogLikelihood, Values},
    prior::Hypotheses,
    worst::Worst,
};

/// The hypotheses of a look: those of the whole rollout, and those of the step that it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// With the margin of the whole.
    pub whole: &'a Hypotheses,
    /// With the margin of this step.
    pub step: &'a Hypotheses,
    /// Steps that are planned.
    pub steps: usize,
}

/// Evidence of a stretch of blocks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stretch {
    likelihood: LogLikelihood,
    worst: Worst,
}

impl Stretch {
    fn add(&mut self, terms: &Values, counts: Option<(&Counts, f64)>) {
        self.likelihood.add_terms(terms);
        if let Some((counts, tolerated)) = counts {
            self.worst.add(counts, tolerated);
        }
    }

    fn log_harm(&self, phi: f64, hypotheses: &Hypotheses) -> f64 {
        self.worst.without(&self.likelihood, phi).log_harm(hypotheses)
    }
}

/// The log-likelihood of all blocks and of this step's. Harm mixes both, with a restart at every step, so that a defect
/// which begins under higher load is not diluted; no harm rests on this step alone, so that it is not hidden either.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stepped {
    whole: Stretch,
    /// None in the first step, where it would be `whole`.
    step: Option<Stretch>,
    /// Evidence of harm of each finished step.
    finished: Vec<f64>,
}

impl Stepped {
    /// Adds what a block says; of counts also how far the canary stands above the tolerated ratio.
    pub(super) fn add(&mut self, terms: &Values, counts: Option<(&Counts, f64)>) {
        self.whole.add(terms, counts);
        if let Some(step) = &mut self.step {
            step.add(terms, counts);
        }
    }

    /// log E of harm over the rollout, and of no harm in this step, each divided by a φ of its own.
    pub(super) fn look(&self, phi: f64, cautious_phi: f64, asked: Asked) -> (f64, f64) {
        let step = self.step.as_ref().unwrap_or(&self.whole);
        let in_step = step.log_harm(phi, asked.whole);
        let harm = if asked.steps <= 1 && self.finished.is_empty() {
            in_step
        } else {
            let steps: Vec<f64> = self.finished.iter().copied().chain([in_step]).collect();
            combine::restarted(self.whole.log_harm(phi, asked.whole), &steps, asked.steps)
        };
        (harm, step.worst.again(&step.likelihood, cautious_phi).log_no_worse(asked.step))
    }

    /// Ends a step: its evidence of harm stays as it is, and a new one begins.
    pub(super) fn next(&mut self, phi: f64, hypotheses: &Hypotheses) {
        let step = self.step.as_ref().unwrap_or(&self.whole);
        self.finished.push(step.log_harm(phi, hypotheses));
        self.step = Some(Stretch::default());
    }

    /// As if `more` times what this step has brought had come in addition.
    pub(super) fn grown(&self, more: f64) -> Self {
        let mut grown = self.clone();
        let terms = self.likelihoods().1.tempered(1.0 / more);
        grown.add(&terms, None);
        grown
    }

    /// Of the whole rollout, and of this step.
    pub(super) fn likelihoods(&self) -> (&LogLikelihood, &LogLikelihood) {
        (&self.whole.likelihood, &self.step.as_ref().unwrap_or(&self.whole).likelihood)
    }
}

#[cfg(test)]
mod tests {
    use serin_stats::ratio::grid::{self, POINTS};

    use super::*;

    #[test]
    fn grown_by_as_much_again_is_as_if_each_block_of_the_step_had_come_twice() {
        let counts = |x| Counts { x, y: 9, n_canary: 100, n_stable: 900 };
        let terms = |x| grid::terms(&counts(x)).unwrap();
        let (mut once, mut twice) = (Stepped::default(), Stepped::default());
        for steps in [&mut once, &mut twice] {
            steps.add(&terms(3), None);
            steps.next(1.0, &Hypotheses::new(1.1, 2.0, 0.1));
        }
        once.add(&terms(1), None);
        (0..2).for_each(|_| twice.add(&terms(1), None));
        let (grown, twice) = (once.grown(1.0), twice.likelihoods());
        for (a, b) in [(grown.likelihoods().0, twice.0), (grown.likelihoods().1, twice.1)] {
            assert!((0..POINTS).all(|j| (a.at(j) - b.at(j)).abs() < 1e-12));
        }
    }
}

//! Evidence over the steps of a plan.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{
    combine,
    evidence::Tempered,
    grid::{LogLikelihood, Values},
    prior::Hypotheses,
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

/// The log-likelihood of all blocks and of this step's. Harm mixes both, with a restart at every step, so that a defect
/// which begins under higher load is not diluted; no harm rests on this step alone, so that it is not hidden either.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stepped {
    whole: LogLikelihood,
    /// None in the first step, where it would be `whole`.
    step: Option<LogLikelihood>,
    /// Evidence of harm of each finished step.
    finished: Vec<f64>,
}

impl Stepped {
    pub(super) fn add(&mut self, terms: &Values) {
        self.whole.add_terms(terms);
        if let Some(step) = &mut self.step {
            step.add_terms(terms);
        }
    }

    /// log E of harm over the rollout, and of no harm in this step.
    pub(super) fn look(&self, phi: f64, asked: Asked) -> (f64, f64) {
        let whole = Tempered::new(&self.whole, phi);
        let step = self.step.as_ref().map(|step| Tempered::new(step, phi));
        let step = step.as_ref().unwrap_or(&whole);
        let in_step = step.log_harm(asked.whole);
        let harm = if asked.steps <= 1 && self.finished.is_empty() {
            in_step
        } else {
            let steps: Vec<f64> = self.finished.iter().copied().chain([in_step]).collect();
            combine::restarted(whole.log_harm(asked.whole), &steps, asked.steps)
        };
        (harm, step.log_no_worse(asked.step))
    }

    /// Ends a step: its evidence of harm stays as it is, and a new one begins.
    pub(super) fn next(&mut self, phi: f64, hypotheses: &Hypotheses) {
        let step = self.step.as_ref().unwrap_or(&self.whole);
        self.finished.push(Tempered::new(step, phi).log_harm(hypotheses));
        self.step = Some(LogLikelihood::default());
    }

    /// Of the whole rollout, and of this step.
    pub(super) fn likelihoods(&self) -> (&LogLikelihood, &LogLikelihood) {
        (&self.whole, self.step.as_ref().unwrap_or(&self.whole))
    }
}

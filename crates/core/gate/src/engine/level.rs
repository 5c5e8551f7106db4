//! One gauge: paired differences of both arms' levels, in batches.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{
    gauge::{self, Noise},
    grid::LogLikelihood,
    math::log,
    prior::Hypotheses,
    worst::Worst,
};

use super::{
    line::LineLook,
    stepped::{Asked, Stepped},
};

/// The state of one gauge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Level {
    /// None without a past: then nothing can be said.
    pub noise: Option<Noise>,
    offset: i64,
    evidence: Stepped,
    /// Differences of the batch that is being filled.
    batch: Vec<f64>,
}

/// The logarithm of a level in millionths, with the offset; none when that is not above zero.
fn log_level(micro: f64, offset: i64) -> Option<f64> {
    let level = micro + offset as f64;
    (level > 0.0).then(|| log(level))
}

impl Level {
    /// Nothing seen yet, with a past of mean levels in millionths for each pod and block.
    pub(super) fn new(past: &[Vec<i64>], offset: i64) -> Self {
        let logs: Option<Vec<Vec<f64>>> = past
            .iter()
            .map(|row| row.iter().map(|micro| log_level(*micro as f64, offset)).collect())
            .collect();
        let noise = logs.as_deref().and_then(gauge::noise);
        Self { noise, offset, evidence: Stepped::default(), batch: Vec::new() }
    }

    /// Adds a block: the means of both arms in millionths, and how many pods each amounts to.
    pub(super) fn add(&mut self, canary: f64, stable: f64, pods: (f64, f64), down_is_bad: bool) {
        let Some(noise) = &self.noise else { return };
        let logs = (log_level(canary, self.offset), log_level(stable, self.offset));
        let (Some(canary), Some(stable)) = logs else { return };
        let difference = canary - stable;
        self.batch.push(if down_is_bad { -difference } else { difference });
        if self.batch.len() < noise.length {
            return;
        }
        let mean = self.batch.iter().sum::<f64>() / self.batch.len() as f64;
        self.evidence.add(&gauge::terms(mean, noise.of_difference(pods.0, pods.1)), None);
        self.batch.clear();
    }

    /// The evidence as of now.
    pub(super) fn look(&self, asked: Asked) -> LineLook {
        let (harm, no_worse) = self.evidence.look(1.0, 1.0, asked);
        LineLook { harm, no_worse, phi: 1.0, cautious_phi: 1.0, spread: asked.whole.spread }
    }

    /// Ends a step. A batch that it began is dropped: it would mix two weights.
    pub(super) fn next_step(&mut self, hypotheses: &Hypotheses) {
        self.evidence.next(1.0, hypotheses);
        self.batch.clear();
    }

    /// log E of harm of each finished step.
    pub(super) fn finished(&self) -> &[f64] {
        self.evidence.finished()
    }

    /// The log-likelihood of the whole rollout and of this step.
    pub(super) fn likelihoods(&self) -> (&LogLikelihood, &LogLikelihood) {
        self.evidence.likelihoods()
    }

    /// No block of a gauge stands out: it is drawn with its noise.
    pub(super) fn worst(&self) -> (&Worst, &Worst) {
        self.evidence.worst()
    }
}

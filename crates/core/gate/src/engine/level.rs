//! One gauge: paired differences of both arms' levels, in batches.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{
    gauge::{self, Noise},
    grid::LogLikelihood,
    math::log,
    prior::Hypotheses,
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

    /// The evidence as of now, if its noise were so many times larger.
    pub(super) fn look(&self, asked: Asked, bursts: f64) -> LineLook {
        let (harm, no_worse) = self.evidence.look(bursts, bursts, asked);
        LineLook { harm, no_worse, phi: bursts, cautious_phi: bursts, spread: asked.whole.spread }
    }

    /// As if `more` times what this step has brought had come in addition.
    pub(super) fn grown(&self, more: f64) -> Self {
        Self { evidence: self.evidence.grown(more), ..self.clone() }
    }

    /// Ends a step. A batch that it began is dropped: it would mix two weights.
    pub(super) fn next_step(&mut self, hypotheses: &Hypotheses) {
        self.evidence.next(1.0, hypotheses);
        self.batch.clear();
    }

    /// The log-likelihood of the whole rollout and of this step.
    pub(super) fn likelihoods(&self) -> (&LogLikelihood, &LogLikelihood) {
        self.evidence.likelihoods()
    }
}

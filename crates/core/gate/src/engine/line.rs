//! One count line: the events of one metric, or of one edge of a histogram.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{
    absolute, combine,
    dispersion::{self, Measured, PRIOR_EVENTS, Past, Running},
    grid::{self, Counts, LogLikelihood},
    prior::Hypotheses,
};

use super::stepped::{Asked, Stepped};

/// The state of one line: two numbers for each of 321 points, and a handful of sums. Nothing grows with time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    /// What the past says of bursts and pods.
    pub past: Measured,
    evidence: Stepped,
    running: Running,
    /// Events and exposure of the canary in this step.
    step_events: u64,
    step_exposure: u64,
    /// Events of both arms so far, canary first.
    pub events: (u64, u64),
    /// Exposure of both arms so far.
    pub exposures: (u64, u64),
}

/// What a line says at a look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LineLook {
    /// log E of harm over the whole rollout.
    pub harm: f64,
    /// log E of no harm in this step.
    pub no_worse: f64,
    /// What the log-likelihood was divided by, for harm.
    pub phi: f64,
    /// What it was divided by for no harm.
    pub cautious_phi: f64,
    /// The spread of the log ratio between equal versions.
    pub spread: f64,
}

impl Line {
    /// Nothing seen yet. Without a past the line rests on what is usual.
    pub(super) fn new(counts: &[Vec<u64>], exposures: &[u64]) -> Self {
        let past = if counts.is_empty() {
            dispersion::unknown()
        } else {
            dispersion::measure(&Past { counts, exposures })
        };
        Self {
            past,
            evidence: Stepped::default(),
            running: Running::default(),
            step_events: 0,
            step_exposure: 0,
            events: (0, 0),
            exposures: (0, 0),
        }
    }

    /// Adds a block's sums, and events and exposure of each of the canary's pods.
    pub(super) fn add(&mut self, counts: &Counts, canary: &[(u64, u64)], tolerated: f64) {
        let sum = |(a, b): (u64, u64), (c, d): (u64, u64)| (a.saturating_add(c), b.saturating_add(d));
        (self.step_events, self.step_exposure) =
            sum((self.step_events, self.step_exposure), (counts.x, counts.n_canary));
        self.events = sum(self.events, (counts.x, counts.y));
        self.exposures = sum(self.exposures, (counts.n_canary, counts.n_stable));
        self.running.add(counts, canary);
        if let Some(terms) = grid::terms(counts) {
            self.evidence.add(&terms, Some((counts, tolerated)));
        }
    }

    /// φ as of now.
    pub(super) fn phi(&self) -> f64 {
        self.running.phi(self.past.phi, PRIOR_EVENTS)
    }

    /// The evidence as of now, if its events came in bursts so many times larger.
    pub(super) fn look(&self, asked: Asked, floor: f64, bursts: f64) -> LineLook {
        let (phi, spread) = (self.phi() * bursts, asked.whole.spread);
        let cautious_phi = self.running.cautious_phi(self.past.slow_phi(), PRIOR_EVENTS) * bursts;
        let (harm, relative) = self.evidence.look(phi, cautious_phi, asked);
        let below = || absolute::log_below(self.step_events, self.step_exposure, floor, cautious_phi, spread);
        let no_worse = combine::halves(relative, (floor > 0.0).then(below));
        LineLook { harm, no_worse, phi, cautious_phi, spread }
    }

    /// As if `more` times what this step has brought had come in addition.
    pub(super) fn grown(&self, more: f64) -> Self {
        let times = |count: u64| (count as f64 * (1.0 + more)).round() as u64;
        Self {
            evidence: self.evidence.grown(more),
            step_events: times(self.step_events),
            step_exposure: times(self.step_exposure),
            ..self.clone()
        }
    }

    /// Ends a step.
    pub(super) fn next_step(&mut self, hypotheses: &Hypotheses) {
        self.evidence.next(self.phi(), hypotheses);
        (self.step_events, self.step_exposure) = (0, 0);
    }

    /// The log-likelihood of the whole rollout and of this step.
    pub(super) fn likelihoods(&self) -> (&LogLikelihood, &LogLikelihood) {
        self.evidence.likelihoods()
    }
}

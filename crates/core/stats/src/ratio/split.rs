//! Whether traffic is split as intended.

use serde::{Deserialize, Serialize};

use super::{
    combine,
    evidence::Tempered,
    grid::{Counts, LogLikelihood},
    prior::Hypotheses,
};

/// Evidence that the canary's share of requests is not the one that the router was told.
///
/// The requests of each arm are the events and the intended weights the exposure; too much and too little count alike.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Split {
    more: LogLikelihood,
    less: LogLikelihood,
}

impl Split {
    /// Adds a block: the requests of both arms, and the weights that they should have.
    pub fn add(&mut self, canary: u64, stable: u64, canary_weight: u64, stable_weight: u64) {
        let counts = Counts { x: canary, y: stable, n_canary: canary_weight, n_stable: stable_weight };
        self.more.add(&counts);
        self.less.add(&Counts { x: stable, y: canary, n_canary: stable_weight, n_stable: canary_weight });
    }

    /// log E of "the odds are off by more than tolerated" for requests that come in clumps of `phi`, with hypotheses whose
    /// margin plays no part.
    #[must_use]
    pub fn log_wrong(&self, phi: f64, hypotheses: &Hypotheses) -> f64 {
        let sides = [&self.more, &self.less].map(|side| Tempered::new(side, phi).log_harm(hypotheses));
        combine::average(&sides, &[1.0, 1.0])
    }

    /// The place of the ratio of odds that fits best.
    #[must_use]
    pub fn best(&self) -> usize {
        Tempered::new(&self.more, 1.0).best()
    }
}

//! Whether the router does what it was told.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::{
    dispersion::{self, Past, Running},
    grid::Counts,
    math::log,
    prior::{LEAST_SPREAD, Shelf},
    split::Split,
};

use crate::{
    block::{Block, Cell, Roster, Value},
    history,
    hold::Hold,
};

/// One wrong alarm in a thousand rollouts: it blocks everything, so it must be rare.
const ALPHA: f64 = 0.001;
/// Odds that may be off without a word.
const TOLERATED: f64 = 1.1;
/// What a weight is a part of.
const WHOLE: u32 = 10_000;

/// Requests come in clumps (sessions, kept connections) of a size that the stable version's past shows. Without a past the
/// check starts from clumps of 5, a belief worth 2 blocks, and is looked at later.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Clumps {
    phi: f64,
    worth: f64,
    first_look: u32,
}

/// Requests in a clump of a service of which nothing is known.
pub(super) const UNKNOWN_CLUMPS: f64 = 5.0;
const UNKNOWN: Clumps = Clumps { phi: UNKNOWN_CLUMPS, worth: 2.0, first_look: 20 };

/// The check since the weight was last set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SplitCheck {
    clumps: Clumps,
    weight: Option<u32>,
    split: Split,
    running: Running,
    blocks: u32,
    requests: (u64, u64),
}

/// What the check says at a look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SplitLook {
    /// log E of "the odds are off by more than a tenth".
    pub log_wrong: f64,
    /// Requests of the canary and of the stable version since the weight was set.
    pub requests: (u64, u64),
    /// The canary's share as intended, in parts of 10,000.
    pub intended: u32,
}

impl SplitCheck {
    /// Measures how requests clump, from the metric whose exposure they are.
    pub(super) fn new(metric: usize, past: &[Block], roster: &Roster) -> Self {
        let table = history::table(past, roster, metric);
        let requests = |cell: &Cell| match &cell.value {
            Value::Count { n, .. } | Value::Latency { n, .. } => *n,
            Value::Gauge { .. } => 0,
        };
        let clumps = if table.blocks() >= history::FEWEST && table.rows.len() > 1 {
            let counts = table.map(requests);
            let exposures = vec![1; counts.len()];
            let phi = dispersion::measure(&Past { counts: &counts, exposures: &exposures }).phi;
            Clumps { phi, worth: dispersion::PRIOR_EVENTS, first_look: 5 }
        } else {
            UNKNOWN
        };
        Self {
            clumps,
            weight: None,
            split: Split::default(),
            running: Running::default(),
            blocks: 0,
            requests: (0, 0),
        }
    }

    /// Adds a block's requests under a confirmed weight; another weight begins anew.
    pub(super) fn add(&mut self, weight: u32, canary: u64, stable: u64) {
        if weight == 0 || weight >= WHOLE {
            return;
        }
        if self.weight != Some(weight) {
            let clumps = self.clumps;
            let (split, running) = (Split::default(), Running::default());
            *self = Self { clumps, weight: Some(weight), split, running, blocks: 0, requests: (0, 0) };
        }
        let (own, rest) = (u64::from(weight), u64::from(WHOLE - weight));
        self.split.add(canary, stable, own, rest);
        self.running.add(&Counts { x: canary, y: stable, n_canary: own, n_stable: rest }, &[]);
        self.blocks += 1;
        self.requests = (self.requests.0.saturating_add(canary), self.requests.1.saturating_add(stable));
    }

    /// Requests in a clump, from the past.
    pub(super) fn clumps(&self) -> f64 {
        self.clumps.phi
    }

    /// The evidence so far; none before the first look of a weight.
    pub(super) fn look(&self, priors: &mut Shelf) -> Option<SplitLook> {
        let intended = self.weight?;
        if self.blocks < self.clumps.first_look {
            return None;
        }
        let phi = self.running.phi(self.clumps.phi, self.clumps.worth);
        let hypotheses = priors.get(TOLERATED, TOLERATED, LEAST_SPREAD);
        Some(SplitLook {
            log_wrong: self.split.log_wrong(phi, &hypotheses),
            requests: self.requests,
            intended,
        })
    }
}

impl SplitLook {
    /// The reason to hold, when the split is wrong beyond doubt.
    pub(crate) fn hold(&self) -> Option<Hold> {
        let (canary, stable) = self.requests;
        let all = (canary as f64 + stable as f64).max(1.0);
        let observed = (canary as f64 / all * f64::from(WHOLE)).round() as u32;
        crate::decide::reaches(self.log_wrong, log(1.0 / ALPHA))
            .then_some(Hold::SplitWrong { observed, intended: self.intended })
    }
}

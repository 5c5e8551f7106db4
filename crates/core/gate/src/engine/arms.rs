//! The pods of both arms, as far as one metric has seen them.

use serde::{Deserialize, Serialize};
use serin_stats::ratio::pods;

use crate::block::Arm;

/// Exposure of each pod since the rollout began, and from it how many pods each arm amounts to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Exposures {
    canary: Vec<u64>,
    stable: Vec<u64>,
}

impl Exposures {
    /// Adds what `pod` was exposed to.
    pub(super) fn add(&mut self, arm: Arm, pod: u32, exposure: u64) {
        let pods = match arm {
            Arm::Canary => &mut self.canary,
            Arm::Stable => &mut self.stable,
        };
        let place = pod as usize;
        if pods.len() <= place {
            pods.resize(place + 1, 0);
        }
        pods[place] = pods[place].saturating_add(exposure);
    }

    /// Effective pods of the canary and of the stable version; at least one each.
    pub(super) fn effective(&self) -> (f64, f64) {
        let of = |pods: &[u64]| pods::effective(pods.iter().copied()).max(1.0);
        (of(&self.canary), of(&self.stable))
    }
}

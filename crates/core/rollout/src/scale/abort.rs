//! Weights on the way back: an aborted update whose stable version has been scaled down meanwhile.

use super::{Step, Whole};

/// What the way back follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// All pods and all traffic.
    pub whole: Whole,
    /// Available pods of the stable version.
    pub stable_available: u32,
    /// Available pods of the new version.
    pub new_available: u32,
    /// Whether the new version stays whole until all traffic is back: `abortScaleDownDelaySeconds` is set and above 0.
    pub keeps_new: bool,
}

/// What a router is to be told on the way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The weight that the new version's pod count follows.
    pub desired: u32,
    /// The weight that the router gets.
    pub weight: u32,
}

impl Fallback {
    /// The weight to go back to next: the last `setWeight` of the whole list whose pods are fewer than what the new
    /// version still has to hold; 0 when there is none.
    #[must_use]
    pub fn desired(&self, steps: &[Step]) -> u32 {
        let missing = self.whole.replicas.saturating_sub(self.stable_available);
        let held = if self.keeps_new { missing } else { missing.max(self.new_available) };
        let weights = steps.iter().rev().filter_map(|step| step.weight);
        weights.into_iter().find(|&weight| self.whole.replicas_for(weight) < held).unwrap_or(0)
    }

    /// The weight to send, `recorded` being the canary weight that the router has now (none before the first time).
    ///
    /// Traffic never rises on the way back, and never returns to stable pods that are not there to take it. Only with
    /// a dynamic stable version; otherwise the weight is 0 at once.
    #[must_use]
    pub fn sent(&self, steps: &[Step], recorded: Option<u32>) -> Sent {
        let max = self.whole.max_weight;
        if self.whole.replicas == 0 {
            return Sent { desired: 0, weight: 0 };
        }
        let desired = self.desired(steps);
        let carried = self.whole.weight_of(self.stable_available);
        let missing = max.saturating_sub(carried);
        let weight = match recorded {
            None => missing.max(desired),
            Some(current) if desired == 0 => missing.min(current),
            Some(current) if carried < max.saturating_sub(desired) => current,
            Some(current) => desired.min(current),
        };
        Sent { desired, weight }
    }
}

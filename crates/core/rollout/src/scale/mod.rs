//! How many pods each version should have: values in, numbers out.
//!
//! Properties, each held by a test below: with the counts that [`basic`] returns, ready pods never go under
//! `replicas - unavailable` by our doing and wanted pods never over `replicas + surge` when they were not over it
//! before; repeated while pods become available, it reaches the counts that [`approximate`] names in a bounded number
//! of passes; and no rule here uses a float, so a count cannot depend on rounding.
//!
//! Reason: these numbers decide whether users are served during an update; they are the same on every machine and can
//! be searched exhaustively.
//!
//! Mechanics: the caller reads ReplicaSets into [`Set`]s, finds the [`Target`] of the current step with [`target`], and
//! asks [`basic`] (no router: replicas are the weight) or [`routed`] (a router holds the weight) for the next counts.

mod abort;
mod approximate;
mod basic;
mod fenceposts;
mod older;
mod reached;
mod routed;
mod target;

#[cfg(test)]
mod tests;

pub use abort::{Fallback, Sent};
pub use approximate::approximate;
pub use basic::{Basic, basic};
pub use fenceposts::{Fenceposts, fenceposts};
pub use older::{budget, drain, healthy};
pub use reached::{Threshold, new_is_reached, stable_is_reached};
pub use routed::{Routed, Weights, at_least, routed};
pub use target::{CanaryScale, Course, Step, Target, target, weight};

/// One version's ReplicaSet, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// Pods wanted: `spec.replicas`.
    pub spec: u32,
    /// Pods ready for at least `minReadySeconds`: `status.availableReplicas`.
    pub available: u32,
}

/// How many pods the two versions should have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pods of the new version.
    pub canary: u32,
    /// Pods of the stable version.
    pub stable: u32,
}

/// What "all of it" is: all pods and all traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Pods of a finished update: the `spec.replicas` of the whole.
    pub replicas: u32,
    /// The weight that stands for all traffic; 100 unless a router has another scale. 0 counts as 1.
    pub max_weight: u32,
}

impl Whole {
    /// The whole of the usual scale, 100.
    #[must_use]
    pub const fn hundred(replicas: u32) -> Self {
        Self { replicas, max_weight: 100 }
    }

    /// The fewest pods that carry `weight`, rounded up.
    #[must_use]
    pub fn replicas_for(self, weight: u32) -> u32 {
        narrow((u64::from(self.replicas) * u64::from(weight)).div_ceil(self.scale()))
    }

    /// The largest weight that `pods` carry, rounded down; 0 when the whole has no pods.
    #[must_use]
    pub fn weight_of(self, pods: u32) -> u32 {
        let weight = (u64::from(self.max_weight) * u64::from(pods)).checked_div(u64::from(self.replicas));
        narrow(weight.unwrap_or(0))
    }

    fn scale(self) -> u64 {
        u64::from(self.max_weight.max(1))
    }
}

/// A count as the API takes it: a replica count is a 32 bit signed integer.
fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).min(i32::MAX as u32)
}

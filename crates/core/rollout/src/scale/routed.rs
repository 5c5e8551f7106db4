//! Counts beside a router: the router holds the weight, pods only have to carry it.

use super::{Counts, Target, Whole};

/// Shares of traffic, as the router was last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// Share of the new version.
    pub canary: u32,
    /// Share of the stable version.
    pub stable: u32,
}

/// What the counts beside a router follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routed {
    /// All pods and all traffic.
    pub whole: Whole,
    /// What the current step asks for.
    pub target: Target,
    /// Fewest pods of a version that has any (`minPodsPerReplicaSet`); 0 for no such rule.
    pub min_pods: u32,
    /// Whether the stable version shrinks while its traffic does (`dynamicStableScale`).
    pub dynamic: bool,
    /// What the router was last told; none before the first time.
    pub actual: Option<Weights>,
    /// Whether the update was aborted.
    pub aborted: bool,
}

/// The counts of both versions. They reach their goal at once: `maxSurge` and `maxUnavailable` do not slow them.
///
/// A count asked for by number is used as it is, uncapped, and leaves the stable version whole. With a dynamic stable
/// version, neither side ever has fewer pods than its actual traffic needs: the stable side shrinks only after the
/// router was told, and an aborted canary only after traffic went back.
#[must_use]
pub fn routed(pass: &Routed) -> Counts {
    let Routed { whole, min_pods, .. } = *pass;
    let (canary, weight) = match pass.target {
        Target::Replicas(replicas) => (replicas, 0),
        Target::Weight(weight) => (at_least(whole.replicas_for(weight), min_pods, whole.replicas), weight),
    };
    if !pass.dynamic {
        return Counts { canary, stable: whole.replicas };
    }
    let actual = pass.actual.unwrap_or_default();
    let stable =
        whole.replicas_for(whole.max_weight.saturating_sub(weight)).max(whole.replicas_for(actual.stable));
    let held = if pass.aborted { whole.replicas_for(actual.canary) } else { 0 };
    Counts {
        canary: at_least(canary.max(held), min_pods, whole.replicas),
        stable: at_least(stable, min_pods, whole.replicas),
    }
}

/// `count`, raised to `min_pods` (but not over `replicas`) unless it is 0.
#[must_use]
pub fn at_least(count: u32, min_pods: u32, replicas: u32) -> u32 {
    if count == 0 { 0 } else { count.max(min_pods.min(replicas)) }
}

//! One pass of an update without a router: replicas are the weight.

use super::{Counts, Fenceposts, Set, narrow};

/// What one pass knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basic {
    /// Pods of a finished update.
    pub replicas: u32,
    /// How far the update may stray from that.
    pub posts: Fenceposts,
    /// The counts to reach, from [`super::approximate`]; ignored when `stable` is none.
    pub desired: Counts,
    /// The new version; none before its ReplicaSet exists.
    pub new: Option<Set>,
    /// The stable version, if it is another one than `new`. None leads `new` straight to all pods.
    pub stable: Option<Set>,
    /// Pods wanted in all other versions together. While there are any, nothing is scaled down here: they go first.
    pub older_spec: u32,
}

/// The counts to set in this pass; unchanged counts mean that the pass has nothing to do, for now or for good.
///
/// Up first, as far as the surge reaches: the stable version before the new one. Then down, as far as enough pods stay
/// available: the side that the update takes from. Pods of the draining side count as available whether they are or
/// not (broken pods must not block their own removal; a ReplicaSet deletes its unready pods first), those of the other
/// side only when they are.
#[must_use]
pub fn basic(pass: &Basic) -> Counts {
    let desired = match pass.stable {
        Some(_) => pass.desired,
        None => Counts { canary: pass.replicas, stable: 0 },
    };
    let raised = raise(pass, desired);
    if pass.older_spec > 0 {
        return raised;
    }
    lower(pass, desired, raised)
}

fn raise(pass: &Basic, desired: Counts) -> Counts {
    let (new, stable) = (spec(pass.new), spec(pass.stable));
    let used = u64::from(new) + u64::from(stable) + u64::from(pass.older_spec);
    let room = narrow(u64::from(pass.posts.max_allowed(pass.replicas)).saturating_sub(used));
    let stable_up = desired.stable.saturating_sub(stable).min(room);
    let new_up = desired.canary.saturating_sub(new).min(room - stable_up);
    Counts { canary: new + new_up, stable: stable + stable_up }
}

fn lower(pass: &Basic, desired: Counts, raised: Counts) -> Counts {
    let increasing = spec(pass.new) <= desired.canary;
    let pool = u64::from(countable(pass.new, !increasing)) + u64::from(countable(pass.stable, increasing));
    let min_available = pass.posts.min_available(pass.replicas);
    let spare = narrow(pool.saturating_sub(u64::from(min_available)));
    if spare == 0 {
        return raised;
    }
    let max_allowed = pass.posts.max_allowed(pass.replicas);
    let limits = Limits { max_allowed, min_available };
    if !increasing {
        let drain = Side::drained(pass.new, desired.canary, spare, raised.canary);
        let (canary, stable) = limits.adjust(drain, Side { set: pass.stable, count: raised.stable });
        Counts { canary, stable }
    } else if pass.stable.is_some() {
        let drain = Side::drained(pass.stable, desired.stable, spare, raised.stable);
        let (stable, canary) = limits.adjust(drain, Side { set: pass.new, count: raised.canary });
        Counts { canary, stable }
    } else {
        raised
    }
}

/// A version and the count it is about to get.
#[derive(Clone, Copy)]
struct Side {
    set: Option<Set>,
    count: u32,
}

impl Side {
    /// The side that is taken from: down to `desired`, by at most `spare` pods, from what it has.
    fn drained(set: Option<Set>, desired: u32, spare: u32, count: u32) -> Self {
        let has = spec(set);
        let count = if desired < has { desired.max(has.saturating_sub(spare)) } else { count };
        Self { set, count }
    }
}

struct Limits {
    max_allowed: u32,
    min_available: u32,
}

impl Limits {
    /// Brings the two counts within the most allowed, at the cost of the kept side first, but never by taking available
    /// pods that are needed. Returns the drained and the kept side's counts.
    fn adjust(&self, drain: Side, keep: Side) -> (u32, u32) {
        let Some(kept) = keep.set else {
            return (drain.count, keep.count);
        };
        let over = |drained: u32, kept: u32| {
            narrow((u64::from(drained) + u64::from(kept)).saturating_sub(u64::from(self.max_allowed)))
        };
        let mut count = keep.count.saturating_sub(over(drain.count, keep.count));
        let available = available(drain.set).min(drain.count).saturating_add(kept.available.min(count));
        let lost = kept.available.saturating_sub(count);
        let needed = self.min_available.saturating_sub(available);
        count += lost.min(needed);
        (drain.count.saturating_sub(over(drain.count, count)), count)
    }
}

/// The pods of `set` that count towards availability when something is scaled down.
fn countable(set: Option<Set>, ignoring_availability: bool) -> u32 {
    let Some(set) = set else { return 0 };
    if ignoring_availability { set.spec } else { set.available.min(set.spec) }
}

fn spec(set: Option<Set>) -> u32 {
    set.map_or(0, |set| set.spec)
}

fn available(set: Option<Set>) -> u32 {
    set.map_or(0, |set| set.available)
}

//! How many pods each ReplicaSet should have, and what their annotations should say.
//!
//! Invariants, each held by a test:
//! 1. Without a router, available pods never go under what `maxUnavailable` leaves, by our doing.
//! 2. A ReplicaSet that a Service selects or a router sends to is not scaled down as an old one.
//! 3. While `spec.paused`, only a change of `spec.replicas` scales anything.

use std::{collections::BTreeMap, time::Duration};

use serin_api::rollout::{AbortScaleDown, RolloutStatus};
use serin_kernel::Moment;

use crate::{
    course,
    scale::{self, Basic, Counts},
    scene::Scene,
    services,
    set::{Set, count},
    split,
};

/// What one ReplicaSet should become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Goal {
    /// Pods wanted; none leaves them.
    pub(crate) replicas: Option<u32>,
    /// What becomes of its scale-down deadline; none leaves it.
    pub(crate) deadline: Option<Deadline>,
}

/// What becomes of a scale-down deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// It is this.
    At(Moment),
    /// There is none any more.
    Gone,
}

/// What all ReplicaSets should become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Goals {
    /// By index in the scene.
    pub(crate) sets: BTreeMap<usize, Goal>,
    /// When to look again.
    pub(crate) wake: Option<Moment>,
}

impl Goals {
    fn replicas(&mut self, index: usize, replicas: u32) {
        self.sets.entry(index).or_default().replicas = Some(replicas);
    }

    fn deadline(&mut self, index: usize, deadline: Deadline) {
        self.sets.entry(index).or_default().deadline = Some(deadline);
    }

    fn wake(&mut self, at: Moment) {
        self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
    }
}

/// What the ReplicaSets should become in this pass, in which the routers are told `sent` (none: they are left alone).
pub(crate) fn goals(scene: &Scene<'_>, next: &RolloutStatus, sent: Option<u32>) -> Goals {
    let mut goals = Goals::default();
    if scene.rollout.spec.paused {
        resize_while_paused(scene, next, sent, &mut goals);
        return goals;
    }
    let stable = scene.with_hash(&next.stable_rs);
    if let Some(index) = stable
        && scene.sets[index].deadline.is_some()
    {
        goals.deadline(index, Deadline::Gone);
    }
    if scene.is_routed() {
        routed(scene, next, sent, &mut goals);
    } else {
        basic(scene, next, &mut goals);
    }
    goals
}

fn basic(scene: &Scene<'_>, next: &RolloutStatus, goals: &mut Goals) {
    take_deadline(scene, scene.new, goals);
    let posts = split::fenceposts(scene);
    let old: Vec<usize> = split::others(scene, next).collect();
    let counts = scale::basic(&Basic {
        replicas: scene.replicas(),
        posts,
        desired: split::counts(scene, next),
        new: Some(scene.wanted().counts()),
        stable: split::stable(scene, next).map(Set::counts),
        older_spec: old.iter().map(|&index| scene.sets[index].spec).fold(0, u32::saturating_add),
    });
    place(scene, next, one_at_a_time(scene, next, counts), goals);
    drain(scene, old, posts, goals);
}

/// Pods that leave the stable version make room for the new one: it grows with the next look, by all that is free then
/// and in one go, as Argo's does.
fn one_at_a_time(scene: &Scene<'_>, next: &RolloutStatus, counts: Counts) -> Counts {
    let has = scene.wanted().spec;
    let shrinks = split::stable(scene, next).is_some_and(|stable| counts.stable < stable.spec);
    let canary = if shrinks { counts.canary.min(has) } else { counts.canary };
    Counts { canary, ..counts }
}

/// Old versions without a router: first what is not ready of each, then as much as the whole can spare.
fn drain(scene: &Scene<'_>, mut old: Vec<usize>, posts: scale::Fenceposts, goals: &mut Goals) {
    old.retain(|&index| scene.sets[index].spec > 0);
    old.sort_by_key(|&index| std::cmp::Reverse(scene.sets[index].revision));
    // Only a pod that is not ready is sure to be the first to go: in the place of one that is ready, though not for long
    // enough, an available one may be taken, and so on with the next look.
    let present = |&index: &usize| {
        let set = &scene.sets[index];
        scale::healthy(scale::Set { spec: set.spec, available: set.available.max(set.ready) })
    };
    let healthy: Vec<u32> = old.iter().map(present).collect();
    // A status may still count pods that an earlier pass, or this one, has given up.
    let kept = |(index, set): (usize, &Set<'_>)| {
        let goal = goals.sets.get(&index).and_then(|goal| goal.replicas).unwrap_or(set.spec);
        scale::healthy(set.counts()).min(goal)
    };
    let kept = scene.sets.iter().enumerate().map(kept).fold(0, u32::saturating_add);
    let spare = scale::budget(kept, scene.replicas(), posts);
    for (&index, count) in old.iter().zip(scale::drain(&healthy, spare)) {
        goals.replicas(index, count);
    }
}

fn routed(scene: &Scene<'_>, next: &RolloutStatus, sent: Option<u32>, goals: &mut Goals) {
    let counts = split::placed(scene, next, sent);
    let held = next.abort && split::stable(scene, next).is_some() && abort_delay(scene, next, goals);
    if held {
        if let Some(index) = scene.with_hash(&next.stable_rs) {
            goals.replicas(index, counts.stable);
        }
    } else {
        take_deadline(scene, scene.new, goals);
        place(scene, next, counts, goals);
    }
    retire(scene, next, goals);
}

/// The pods of an aborted canary stay until traffic has surely left them. Returns whether this decides about them.
fn abort_delay(scene: &Scene<'_>, next: &RolloutStatus, goals: &mut Goals) -> bool {
    let new = scene.wanted();
    let stable = split::stable(scene, next).map_or(0, |set| set.available);
    let delay = match scene.canary.abort_scale_down() {
        AbortScaleDown::Never => {
            let has_scale = scene.steps().iter().any(|step| step.set_canary_scale.is_some());
            // Left at its size, unless a `setCanaryScale` that survives the abort says another.
            let asked = split::counts(scene, next).canary;
            goals.replicas(scene.new, if has_scale && 0 < asked { asked } else { new.spec });
            take_deadline(scene, scene.new, goals);
            return true;
        }
        AbortScaleDown::AfterSeconds(_)
            if scene.is_dynamic() && scene.canary.abort_scale_down_delay_seconds.is_none() =>
        {
            return false;
        }
        AbortScaleDown::AfterSeconds(seconds) => Duration::from_secs(u64::from(count(seconds))),
    };
    goals.replicas(scene.new, new.spec);
    if new.spec == 0 || stable < scene.replicas() || 0 < split::aborted(scene, next).weight {
        return true;
    }
    let now = scene.now.truncated();
    match new.deadline {
        None => {
            goals.deadline(scene.new, Deadline::At(now.plus(delay)));
            goals.wake(now.plus(delay));
        }
        Some(deadline) if scene.now < deadline => goals.wake(deadline),
        Some(_) => goals.replicas(scene.new, 0),
    }
    true
}

/// Old versions behind a router: kept for a while after promotion, and gone at once when they were never stable.
fn retire(scene: &Scene<'_>, next: &RolloutStatus, goals: &mut Goals) {
    let mut old: Vec<usize> = split::others(scene, next).collect();
    old.sort_by_key(|&index| std::cmp::Reverse(scene.sets[index].revision));
    let used = used_hashes(scene);
    let promoted = course::is_promoted(scene, next);
    let limit = scene.canary.scale_down_delay_revision_limit();
    let mut waiting = 0;
    for index in old {
        let set = &scene.sets[index];
        if used.contains(&set.hash) {
            continue;
        }
        if set.spec == 0 {
            if set.deadline.is_some() {
                goals.deadline(index, Deadline::Gone);
            }
            continue;
        }
        let waits = promoted || set.deadline.is_some();
        let seconds = count(scene.canary.scale_down_delay_seconds());
        if !waits || scene.is_dynamic() || waiting >= limit || seconds == 0 {
            goals.replicas(index, 0);
            continue;
        }
        waiting += 1;
        match set.deadline {
            None => {
                let deadline = scene.now.truncated().plus(Duration::from_secs(u64::from(seconds)));
                goals.deadline(index, Deadline::At(deadline));
                goals.wake(deadline);
            }
            Some(deadline) if scene.now < deadline => goals.wake(deadline),
            Some(_) => goals.replicas(index, 0),
        }
    }
}

/// The versions that a router or a Service still sends requests to.
fn used_hashes(scene: &Scene<'_>) -> Vec<String> {
    let namespace = &scene.object().meta().namespace;
    let names = [&scene.canary.canary_service, &scene.canary.stable_service];
    let services = names.into_iter().filter(|name| !name.is_empty());
    let live = services.filter_map(|name| {
        let key = serin_api::kinds::SERVICE.key(namespace.clone(), name.clone());
        services::selected(scene.observed.get(&key)?)
    });
    let recorded = scene.status().canary.weights.iter().flat_map(|weights| {
        [&weights.canary.pod_template_hash, &weights.stable.pod_template_hash].map(Clone::clone)
    });
    live.chain(recorded).chain([scene.status().stable_rs.clone()]).collect()
}

fn place(scene: &Scene<'_>, next: &RolloutStatus, counts: Counts, goals: &mut Goals) {
    goals.replicas(scene.new, counts.canary);
    if let Some(index) = scene.with_hash(&next.stable_rs).filter(|&index| index != scene.new) {
        goals.replicas(index, counts.stable);
    }
}

/// While a person holds the Rollout, an autoscaler's change of its size still counts: for the versions that run, at the
/// weight of the current step, and at once.
fn resize_while_paused(scene: &Scene<'_>, next: &RolloutStatus, sent: Option<u32>, goals: &mut Goals) {
    let replicas = scene.replicas();
    let stable = scene.with_hash(&next.stable_rs);
    let active = [Some(scene.new), stable].into_iter().flatten().filter(|&index| 0 < scene.sets[index].spec);
    if active.clone().all(|index| scene.sets[index].desired == Some(replicas)) {
        return;
    }
    let counts = if 0 < scene.wanted().spec && stable.is_some() {
        split::placed(scene, next, sent)
    } else {
        Counts { canary: replicas, stable: replicas }
    };
    for index in active {
        goals.replicas(index, if index == scene.new { counts.canary } else { counts.stable });
    }
}

fn take_deadline(scene: &Scene<'_>, index: usize, goals: &mut Goals) {
    if scene.sets[index].deadline.is_some() {
        goals.deadline(index, Deadline::Gone);
    }
}

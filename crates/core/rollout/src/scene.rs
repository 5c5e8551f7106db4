//! What one pass looks at: the Rollout as it means itself, and its ReplicaSets in their roles.
//!
//! Everything here is read once and stays as it is; what a pass decides is kept apart from what it saw.

use serin_api::{
    kinds,
    meta::LabelSelector,
    rollout::{CanaryStep, CanaryStrategy, Rollout, RolloutStatus},
};
use serin_kernel::{Key, Moment, Object, Observed};

use crate::{
    identify,
    resolve::Resolved,
    scale::{self, Whole},
    set::{Set, count},
    template,
};

/// One Rollout with the strategy canary, resolved and valid.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    /// All that was seen.
    pub(crate) observed: &'a Observed,
    /// The Rollout as read.
    pub(crate) rollout: &'a Rollout,
    /// Its strategy.
    pub(crate) canary: &'a CanaryStrategy,
    /// Which pods are its own.
    pub(crate) selector: LabelSelector,
    /// The generation of the workload that it refers to, if it refers to one.
    pub(crate) workload_generation: Option<i64>,
    /// Its ReplicaSets, the one for the wanted template among them, by age.
    pub(crate) sets: Vec<Set<'a>>,
    /// Index of the ReplicaSet for the wanted template.
    pub(crate) new: usize,
    /// Hash of the steps.
    pub(crate) step_hash: String,
    /// Now.
    pub(crate) now: Moment,
}

impl<'a> Scene<'a> {
    /// Puts the ReplicaSets in their roles; the one for the wanted template is named if there is none.
    pub(crate) fn look(
        observed: &'a Observed,
        rollout: &'a Rollout,
        (canary, resolved): (&'a CanaryStrategy, Resolved),
        objects: Vec<&'a Object>,
        next: &mut RolloutStatus,
        now: Moment,
    ) -> Self {
        let mut sets: Vec<Set<'a>> = objects.into_iter().map(Set::read).collect();
        sets.sort_by(|a, b| (a.created(), &a.name).cmp(&(b.created(), &b.name)));
        let found = identify::find(&sets, &resolved.template, &rollout.status);
        let new = found.unwrap_or_else(|| {
            let namespace = &observed.object.meta().namespace;
            let refused = observed.refused.as_ref().filter(|refused| refused.reason == "AlreadyExists");
            let is_taken = |name: &str| {
                let key = kinds::REPLICA_SET.key(namespace.clone(), name);
                observed.get(&key).is_some() || refused.is_some_and(|refused| refused.target == key)
            };
            let own = &observed.object.meta().name;
            let (name, hash) = identify::name(own, &resolved.template, &mut next.collision_count, is_taken);
            let labelled = template::with_hash_label(&resolved.template, &hash);
            sets.push(Set::planned(name, hash, 0, labelled));
            sets.len() - 1
        });
        Self {
            observed,
            rollout,
            canary,
            selector: resolved.selector,
            workload_generation: resolved.generation,
            sets,
            new,
            step_hash: template::step_hash(&canary.steps),
            now,
        }
    }

    /// The Rollout as an object.
    pub(crate) fn object(&self) -> &'a Object {
        &self.observed.object
    }

    /// The status that the Rollout has.
    pub(crate) fn status(&self) -> &'a RolloutStatus {
        &self.rollout.status
    }

    /// The ReplicaSet for the wanted template.
    pub(crate) fn wanted(&self) -> &Set<'a> {
        &self.sets[self.new]
    }

    /// The key of the ReplicaSet for the wanted template, which may not exist yet.
    pub(crate) fn wanted_key(&self) -> Key {
        kinds::REPLICA_SET.key(self.object().meta().namespace.clone(), self.wanted().name.clone())
    }

    /// The ReplicaSet with this hash.
    pub(crate) fn with_hash(&self, hash: &str) -> Option<usize> {
        if hash.is_empty() {
            return None;
        }
        if self.wanted().hash == hash {
            return Some(self.new);
        }
        self.sets.iter().position(|set| set.hash == hash)
    }

    /// Pods of a finished update.
    pub(crate) fn replicas(&self) -> u32 {
        count(self.rollout.spec.replicas())
    }

    /// All pods and all traffic.
    pub(crate) fn whole(&self) -> Whole {
        Whole { replicas: self.replicas(), max_weight: count(self.canary.max_weight()) }
    }

    /// Whether a router holds the weight.
    pub(crate) fn is_routed(&self) -> bool {
        self.canary.traffic_routing.is_some()
    }

    /// Whether the stable version shrinks as its traffic does.
    pub(crate) fn is_dynamic(&self) -> bool {
        self.is_routed() && self.canary.dynamic_stable_scale
    }

    /// The steps.
    pub(crate) fn steps(&self) -> &'a [CanaryStep] {
        &self.canary.steps
    }

    /// The index that says that all steps are done; none without steps.
    pub(crate) fn end(&self) -> Option<i32> {
        let steps = self.steps();
        (!steps.is_empty()).then(|| i32::try_from(steps.len()).unwrap_or(i32::MAX))
    }

    /// The parts of the steps that scale something.
    pub(crate) fn scale_steps(&self) -> Vec<scale::Step> {
        self.steps().iter().map(scale_step).collect()
    }

    /// The largest revision of the other ReplicaSets and one more: what the wanted one should have.
    pub(crate) fn revision(&self) -> i64 {
        let others = self.sets.iter().enumerate().filter(|&(index, _)| index != self.new);
        let largest = others.map(|(_, set)| set.revision).max().unwrap_or(0);
        self.wanted().revision.max(largest.saturating_add(1))
    }

    /// Available pods of all ReplicaSets.
    pub(crate) fn available(&self) -> u32 {
        self.sets.iter().map(|set| set.available).fold(0, u32::saturating_add)
    }
}

fn scale_step(step: &CanaryStep) -> scale::Step {
    let scale = step.set_canary_scale.as_ref().map(|scale| scale::CanaryScale {
        replicas: scale.replicas.map(count),
        weight: scale.weight.map(count),
        match_traffic: scale.match_traffic_weight,
    });
    scale::Step { weight: step.set_weight.map(count), scale }
}

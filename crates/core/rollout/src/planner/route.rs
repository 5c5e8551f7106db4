//! What the routers are told in a pass.

use serin_api::{names::EventReason, rollout::RolloutStatus};
use serin_kernel::Write;

use super::news::{News, tell_weight};
use crate::{
    routers,
    scene::Scene,
    split::{self, Split},
    tell::Tell,
};

/// What the routers are told in this pass.
pub(super) struct Routed {
    /// The weight, and which pods are on either side.
    pub(super) split: Split,
    /// The writes that tell them.
    pub(super) writes: Vec<Write>,
    /// Whether traffic leaves the new version.
    pub(super) is_falling: bool,
    /// What they cannot do.
    pub(super) error: Option<String>,
}

/// Decides the weight and what tells it to the routers; the record goes into `next`.
pub(super) fn route(scene: &Scene<'_>, next: &mut RolloutStatus, news: &mut News) -> Routed {
    let split = split::split(scene, next);
    let none = Routed { split: split.clone(), writes: Vec::new(), is_falling: false, error: None };
    if !scene.is_routed() {
        next.canary.weights = None;
        return none;
    }
    let Some(weight) = split.weight else {
        return none;
    };
    let recorded = scene.status().canary.weights.as_ref();
    let before = split::current(scene);
    match routers::writes(scene, weight) {
        Ok(writes) => {
            let record = split::record(scene, next, &split.canary_hash, weight);
            tell_weight(recorded.cloned(), &record, news);
            next.canary.weights = Some(record);
            Routed { split, writes, is_falling: weight < before, error: None }
        }
        Err(error) => {
            news.late.push(Tell::warning(EventReason::TrafficRoutingError, error.to_string()));
            Routed { error: Some(error.to_string()), ..none }
        }
    }
}

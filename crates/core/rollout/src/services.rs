//! Which pods each Service selects.
//!
//! Invariants, each held by a test:
//! 1. A Service is switched only to a ReplicaSet with an available pod; one that was not managed before, only when all
//!    pods are available.
//! 2. While pods behind the canary Service still have traffic, it keeps them.

use serde_json::{Value, json};
use serin_api::{
    kinds,
    names::{EventReason, annotations, labels},
    rollout::RolloutStatus,
};
use serin_kernel::{Change, Object, Write};

use crate::{
    scene::Scene,
    set::Set,
    split::{self, Split},
    tell::Tell,
};

/// The switch of the stable Service, if it is due.
pub(crate) fn stable(scene: &Scene<'_>, next: &RolloutStatus) -> Option<Write> {
    let index = scene.with_hash(&next.stable_rs)?;
    switch(scene, &scene.canary.stable_service, &scene.sets[index])
}

/// The switch of the canary Service, if it is due.
pub(crate) fn canary(scene: &Scene<'_>, next: &RolloutStatus, split: &Split) -> Option<Write> {
    if split.holds_canary {
        return None;
    }
    let goes_back = next.abort.then(|| split::stable(scene, next)).flatten();
    switch(scene, &scene.canary.canary_service, goes_back.unwrap_or(scene.wanted()))
}

fn switch(scene: &Scene<'_>, name: &str, to: &Set<'_>) -> Option<Write> {
    if name.is_empty() {
        return None;
    }
    let namespace = scene.object().meta().namespace.clone();
    let service = scene.observed.get(&kinds::SERVICE.key(namespace, name))?;
    let selected = selected(service);
    let owner = service.meta().annotations.get(annotations::MANAGED_BY);
    let adopted = owner.is_some_and(|owner| *owner == scene.object().meta().name);
    if selected.as_deref() == Some(&to.hash) && adopted {
        return None;
    }
    let ready = if adopted { 0 < to.available } else { 0 < to.spec && to.spec <= to.available };
    if !ready {
        return None;
    }
    let patch = json!({
        "metadata": {"annotations": {annotations::MANAGED_BY: scene.object().meta().name}},
        "spec": {"selector": {labels::POD_TEMPLATE_HASH: to.hash}},
    });
    let from = selected.unwrap_or_default();
    let text = format!("Switched selector for service '{name}' from '{from}' to '{}'", to.hash);
    let event = Tell::normal(EventReason::SwitchService, text).about(scene.object());
    Some(Write::unchanged(service, Change::Merge(patch)).telling(event))
}

/// The hash that a Service selects.
pub(crate) fn selected(service: &Object) -> Option<String> {
    let value = service.value();
    value.pointer("/spec/selector")?.get(labels::POD_TEMPLATE_HASH).and_then(Value::as_str).map(str::to_owned)
}

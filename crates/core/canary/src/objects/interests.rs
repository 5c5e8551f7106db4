//! Which objects must be seen.

use serin_api::{
    flagger::{Canary, PRIMARY_SUFFIX, ScalerKind},
    kinds,
};
use serin_kernel::{Interest, Key, Kind, Observed, Selector};

use super::{
    ObjectSettings, Shape,
    configs::references,
    knative,
    promoted::{history, is_lost, own_labels},
};

/// The fields that name what a Canary works on.
pub(crate) const TARGET: &str = "spec.targetRef.name";
pub(crate) const SERVICE: &str = "spec.service.name";
const SCALER: &str = "spec.autoscalerRef.name";

/// What the Canary itself names: the target, the primary, the Services, the scalers.
#[must_use]
pub fn interests(canary: &Canary) -> Vec<Interest> {
    claims(canary).into_iter().map(|(key, _)| Interest::Named(key)).collect()
}

/// What a Canary must have for itself, and the field that says so.
pub(crate) fn claims(canary: &Canary) -> Vec<(Key, &'static str)> {
    let Some(shape) = Shape::of(&canary.spec.target_ref) else { return Vec::new() };
    let target = canary.spec.target_ref.name.clone();
    let mut named = vec![(shape.kind(), target, TARGET)];
    if shape != Shape::Knative {
        named.push((shape.kind(), canary.primary_name(), TARGET));
    }
    match shape {
        Shape::Service => named.push((kinds::SERVICE, super::services::canary_copy(canary), TARGET)),
        Shape::Knative => {}
        Shape::Deployment | Shape::DaemonSet => {
            named.extend(super::services::names(canary).map(|name| (kinds::SERVICE, name, SERVICE)));
        }
    }
    if let Some((kind, name)) = scaler(canary) {
        named.push((kind, format!("{name}{PRIMARY_SUFFIX}"), SCALER));
        named.push((kind, name, SCALER));
    }
    let namespace = &canary.metadata.namespace;
    named.into_iter().map(|(kind, name, field)| (kind.key(namespace.clone(), name), field)).collect()
}

/// Kind and name of the target's scaler.
pub(super) fn scaler(canary: &Canary) -> Option<(Kind, String)> {
    let scaler = canary.spec.autoscaler_ref.as_ref()?;
    let kind = match scaler.scaler_kind()? {
        ScalerKind::HorizontalPodAutoscaler => kinds::HORIZONTAL_POD_AUTOSCALER,
        ScalerKind::ScaledObject => kinds::SCALED_OBJECT,
    };
    Some((kind, scaler.name.clone()))
}

/// What the target names, once it is seen: the ConfigMaps and Secrets of its template with their copies, the revisions of
/// a Knative Service; and when a primary is lost, what may tell how it was.
#[must_use]
pub fn further_interests(observed: &Observed, canary: &Canary, settings: &ObjectSettings) -> Vec<Interest> {
    let namespace = &canary.metadata.namespace;
    let Some(shape) = Shape::of(&canary.spec.target_ref) else { return Vec::new() };
    let key = shape.kind().key(namespace.clone(), canary.spec.target_ref.name.clone());
    let Some(target) = observed.get(&key) else { return Vec::new() };
    let body = target.value();
    let named = |kind: Kind, name: String| Interest::Named(kind.key(namespace.clone(), name));
    if shape == Shape::Knative {
        return knative::revisions(&body)
            .into_iter()
            .map(|name| named(kinds::KNATIVE_REVISION, name))
            .collect();
    }
    if !shape.has_pods() {
        return Vec::new();
    }
    let mut wanted = Vec::new();
    if settings.track_configs {
        for one in references(body.pointer("/spec/template").unwrap_or(&serde_json::Value::Null)) {
            wanted.push(named(one.kind, format!("{}{PRIMARY_SUFFIX}", one.name)));
            wanted.push(named(one.kind, one.name));
        }
    }
    if is_lost(observed, canary, shape) {
        wanted.extend([kinds::CONFIG_MAP, kinds::SECRET].map(Interest::Owned));
        if let (Some((kind, _)), Some(labels)) = (history(shape), own_labels(&body)) {
            let selector = Selector::equalities(&labels);
            wanted.push(Interest::Selected { kind, namespace: namespace.clone(), selector });
        }
    }
    wanted
}

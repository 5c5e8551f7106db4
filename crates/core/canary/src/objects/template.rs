//! The primary's pod template: the target's, with everything that tells its pods from the target's rewritten.

use serde_json::{Value, json};
use serin_api::flagger::PRIMARY_SUFFIX;
use serin_kernel::Kind;

use super::{
    Shape, Target,
    configs::with_copies,
    json::{list_mut, text},
    metadata::{FLAGGER_ID, without_flux},
    scale::without_zero,
};

impl Target<'_> {
    /// What the primary of `template` runs; `is_copied` says which ConfigMaps and Secrets it has copies of.
    pub(super) fn primary_template(&self, template: &Value, is_copied: impl Fn(Kind, &str) -> bool) -> Value {
        let mut own = template.clone();
        without_flux(own.pointer_mut("/metadata/labels"));
        without_flux(own.pointer_mut("/metadata/annotations"));
        set_text(&mut own, "labels", &self.label, &self.primary_value());
        with_copies(&mut own, is_copied);
        match self.shape {
            Shape::Deployment => self.keep_apart(&mut own),
            _ => without_zero(&mut own),
        }
        own
    }

    /// Rules that keep pods apart name the target's pods: the primary's have to name its own.
    fn keep_apart(&self, template: &mut Value) {
        let anti = "/spec/affinity/podAntiAffinity";
        for term in list_mut(template, &format!("{anti}/preferredDuringSchedulingIgnoredDuringExecution")) {
            self.rename(term.pointer_mut("/podAffinityTerm/labelSelector"));
        }
        for term in list_mut(template, &format!("{anti}/requiredDuringSchedulingIgnoredDuringExecution")) {
            self.rename(term.get_mut("labelSelector"));
        }
        for constraint in list_mut(template, "/spec/topologySpreadConstraints") {
            self.rename(constraint.get_mut("labelSelector"));
        }
    }

    /// Pods are told by the target's name there, whatever the value of their label is.
    fn rename(&self, selector: Option<&mut Value>) {
        let Some(selector) = selector else { return };
        let name = self.object.meta().name.as_str();
        let is_ours = |key: &str| self.settings.selector_labels.iter().any(|label| label == key);
        let primary = json!(format!("{name}{PRIMARY_SUFFIX}"));
        for expression in list_mut(selector, "/matchExpressions") {
            if text(expression, "/key").is_some_and(is_ours)
                && let Some(value) =
                    list_mut(expression, "/values").find(|value| value.as_str() == Some(name))
            {
                *value = primary.clone();
            }
        }
        for (key, value) in
            selector.get_mut("matchLabels").and_then(Value::as_object_mut).into_iter().flatten()
        {
            if is_ours(key) && value.as_str() == Some(name) {
                *value = primary.clone();
            }
        }
    }
}

/// Sets a label or an annotation of a template.
pub(super) fn set_text(template: &mut Value, part: &str, key: &str, value: &str) {
    if let Some(metadata) = template.as_object_mut().map(|map| map.entry("metadata").or_insert(Value::Null)) {
        if !metadata.is_object() {
            *metadata = json!({});
        }
        if !metadata.get(part).is_some_and(Value::is_object) {
            metadata[part] = json!({});
        }
        metadata[part][key] = json!(value);
    }
}

/// What a primary's template says, apart from which promotion it is of.
pub(super) fn without_id(template: &Value) -> Value {
    let mut own = template.clone();
    if let Some(annotations) = own.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.shift_remove(FLAGGER_ID);
    }
    own
}

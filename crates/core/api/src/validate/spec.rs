//! `spec`, apart from strategy and template.

use serde_json::Value;
use serin_lang::names;

use super::{
    Resolved,
    field::{ErrorKind, Errors},
    strategy, template,
};
use crate::{meta::LabelSelector, rollout::Rollout, wire::Wire};

pub(super) fn check(rollout: &Rollout, resolved: Option<Resolved<'_>>, errors: &mut Errors) {
    let spec = &rollout.spec;
    errors.not_negative("spec.replicas", spec.replicas());
    let selector = spec.selector.as_ref().or_else(|| resolved.and_then(|resolved| resolved.selector));
    match selector {
        Some(selector) => self::selector(selector, errors),
        // The workload that brings the selector is not known yet.
        None if spec.workload_ref.is_some() && resolved.is_none() => {}
        None => errors.required("spec.selector", "Rollout has missing field '.spec.selector'"),
    }
    match (&spec.workload_ref, resolved) {
        (None, _) => template::check(&spec.template, selector, errors),
        (Some(_), _) if !is_empty_template(&spec.template) => {
            let detail = "template must be empty for workload reference rollout";
            errors.add(ErrorKind::Internal, "spec.template", Value::Null, detail);
        }
        (Some(_), Some(resolved)) => template::check(resolved.template, selector, errors),
        (Some(_), None) => {}
    }
    workload_ref(rollout, errors);
    errors.not_negative("spec.minReadySeconds", spec.min_ready_seconds);
    errors.not_negative("spec.revisionHistoryLimit", spec.revision_history_limit());
    let deadline = spec.progress_deadline_seconds();
    errors.not_negative("spec.progressDeadlineSeconds", deadline);
    if deadline <= spec.min_ready_seconds {
        errors.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
    }
    strategy::check(rollout, errors);
}

/// A template that says nothing; clients send some of its containers empty.
fn is_empty_template(template: &Value) -> bool {
    match template {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_empty_template),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

fn workload_ref(rollout: &Rollout, errors: &mut Errors) {
    let Some(reference) = &rollout.spec.workload_ref else { return };
    if reference.scale_down().is_none() {
        let words = ["never", "onsuccess", "progressively"];
        errors.not_supported("spec.workloadRef.scaleDown", &reference.scale_down, &words);
    }
}

fn selector(selector: &LabelSelector, errors: &mut Errors) {
    let before = errors.0.len();
    for (key, value) in &selector.match_labels {
        errors.all_invalid("spec.selector.matchLabels", key, names::qualified(key));
        errors.all_invalid("spec.selector.matchLabels", value, names::label_value(value));
    }
    for (index, expression) in selector.match_expressions.iter().enumerate() {
        let path = format!("spec.selector.matchExpressions[{index}]");
        match (expression.operator.as_str(), expression.values.is_empty()) {
            ("In" | "NotIn", true) => {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.required(format!("{path}.values"), detail);
            }
            ("Exists" | "DoesNotExist", false) => {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.forbidden(format!("{path}.values"), detail);
            }
            ("In" | "NotIn" | "Exists" | "DoesNotExist", _) => {}
            (other, _) => errors.invalid(format!("{path}.operator"), other, "not a valid selector operator"),
        }
        errors.all_invalid(&format!("{path}.key"), &expression.key, names::qualified(&expression.key));
    }
    if selector.is_empty() {
        errors.invalid("spec.selector", selector.write(), "empty selector is invalid for deployment");
    } else if before < errors.0.len() {
        errors.invalid("spec.selector", selector.write(), "invalid label selector");
    }
}

//! `spec.strategy`: which of the two, and the fields of each apart from steps and routers.

use super::{field::Errors, routing, steps};
use crate::{
    rollout::{AntiAffinity, BlueGreenStrategy, CanaryStrategy, Rollout, RolloutAnalysis},
    wire::Wire,
};

/// Field paths whose value an analysis argument may take from the Rollout's metadata.
const METADATA_FIELDS: &[&str] =
    &["metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations"];

pub(super) fn check(rollout: &Rollout, errors: &mut Errors) {
    let strategy = &rollout.spec.strategy;
    match (&strategy.blue_green, &strategy.canary) {
        (None, None) => errors.required(
            "spec.strategy.strategy",
            "Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'",
        ),
        (Some(_), Some(_)) => {
            let both = "blueGreen: true canary: true";
            errors.invalid("spec.strategy.strategy", both, "Multiple Strategies can not be listed");
        }
        (Some(blue_green), None) => self::blue_green(rollout, blue_green, errors),
        (None, Some(canary)) => self::canary(canary, errors),
    }
}

fn blue_green(rollout: &Rollout, blue_green: &BlueGreenStrategy, errors: &mut Errors) {
    const PATH: &str = "spec.strategy.blueGreen";
    if blue_green.active_service == blue_green.preview_service {
        let detail = "This rollout uses the same service for the active and preview services, but two different services are required.";
        errors.invalid(format!("{PATH}.activeService"), blue_green.active_service.as_str(), detail);
    }
    if let Some(limit) = blue_green.scale_down_delay_revision_limit
        && rollout.spec.revision_history_limit() < limit
    {
        let detail =
            "This rollout's revision history limit can not be smaller than the rollout's scale down limit";
        errors.invalid(format!("{PATH}.scaleDownDelayRevisionLimit"), limit, detail);
    }
    anti_affinity(blue_green.anti_affinity.as_ref(), PATH, errors);
    for (name, found) in [
        ("prePromotionAnalysis", &blue_green.pre_promotion_analysis),
        ("postPromotionAnalysis", &blue_green.post_promotion_analysis),
    ] {
        if let Some(found) = found {
            analysis(found, &format!("{PATH}.{name}"), errors);
        }
    }
}

fn canary(canary: &CanaryStrategy, errors: &mut Errors) {
    const PATH: &str = "spec.strategy.canary";
    if !canary.canary_service.is_empty() && canary.canary_service == canary.stable_service {
        let detail = "This rollout uses the same service for the stable and canary services, but two different services are required.";
        errors.invalid(format!("{PATH}.stableService"), canary.stable_service.as_str(), detail);
    }
    routing::check(canary, errors);
    surge(canary, errors);
    for (index, step) in canary.steps.iter().enumerate() {
        steps::check(canary, step, &format!("{PATH}.steps[{index}]"), errors);
    }
    if let Some(background) = &canary.analysis {
        args(&background.args, &format!("{PATH}.analysis"), errors);
    }
    anti_affinity(canary.anti_affinity.as_ref(), PATH, errors);
    if let Some(threshold) = &canary.replica_progress_threshold {
        let path = format!("{PATH}.replicaProgressThreshold");
        if !["Percent", "Pods"].contains(&threshold.kind.as_str()) {
            errors.not_supported(format!("{path}.type"), &threshold.kind, &["Percent", "Pods"]);
        }
        errors.not_negative(format!("{path}.value"), threshold.value);
    }
}

/// Both at zero would leave no pod that an update may touch.
fn surge(canary: &CanaryStrategy, errors: &mut Errors) {
    let mut zeros = 0;
    let fields = [("maxSurge", canary.max_surge()), ("maxUnavailable", canary.max_unavailable())];
    for (name, value) in &fields {
        let path = format!("spec.strategy.canary.{name}");
        match value.number() {
            Ok(0) => zeros += 1,
            Ok(number) if number < 0 => {
                errors.invalid(path, value.to_value(), "must be greater than or equal to 0");
            }
            Ok(_) => {}
            Err(error) => errors.invalid(path, value.to_value(), error.to_string()),
        }
    }
    if zeros == fields.len() {
        let detail = "MaxSurge and MaxUnavailable both can not be zero";
        errors.invalid("spec.strategy.canary.maxSurge", fields[0].1.to_value(), detail);
    }
}

fn anti_affinity(affinity: Option<&AntiAffinity>, path: &str, errors: &mut Errors) {
    let Some(affinity) = affinity else { return };
    let path = format!("{path}.antiAffinity");
    if affinity.preferred.is_some() == affinity.required.is_some() {
        errors.invalid(path.as_str(), affinity.write(), "AntiAffinity must have exactly one strategy listed");
    }
    if let Some(preferred) = &affinity.preferred
        && !(1..=100).contains(&preferred.weight)
    {
        let path = format!("{path}.preferredDuringSchedulingIgnoredDuringExecution.weight");
        errors.invalid(path, preferred.weight, "AntiAffinity weight must be between 1-100");
    }
}

pub(super) fn analysis(analysis: &RolloutAnalysis, path: &str, errors: &mut Errors) {
    args(&analysis.args, path, errors);
}

fn args(args: &[crate::rollout::AnalysisRunArgument], path: &str, errors: &mut Errors) {
    for (index, argument) in args.iter().enumerate() {
        let Some(from) = &argument.value_from else { continue };
        let path = format!("{path}.args[{index}].valueFrom");
        if let Some(field) = &from.field_ref
            && !is_field(&field.field_path)
        {
            let detail = "Analyses arguments must refer to valid object metadata supported by downwardAPI";
            errors.invalid(format!("{path}.fieldRef.fieldPath"), field.field_path.as_str(), detail);
        }
        if let Some(word) = &from.pod_template_hash_value
            && !["Stable", "Latest"].contains(&word.as_str())
        {
            errors.not_supported(format!("{path}.podTemplateHashValue"), word, &["Latest", "Stable"]);
        }
    }
}

/// Metadata by the paths of the downward API; anything else is looked up in the Rollout when it is needed.
fn is_field(path: &str) -> bool {
    if !path.starts_with("metadata") {
        return !path.is_empty();
    }
    let subscript = ["metadata.labels['", "metadata.annotations['"];
    METADATA_FIELDS.contains(&path)
        || subscript.iter().any(|prefix| {
            path.strip_prefix(prefix)
                .and_then(|rest| rest.strip_suffix("']"))
                .is_some_and(|key| !key.is_empty())
        })
}

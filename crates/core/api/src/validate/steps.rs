//! `spec.strategy.canary.steps[]`.

use super::{field::Errors, strategy};
use crate::{
    rollout::{CanaryStep, CanaryStrategy, StringMatch, TrafficRouting},
    wire::Wire,
};

pub(super) fn check(canary: &CanaryStrategy, step: &CanaryStep, path: &str, errors: &mut Errors) {
    kinds(step, path, errors);
    let whole = canary.max_weight();
    if let Some(weight) = step.set_weight
        && !(0..=whole).contains(&weight)
    {
        let detail = format!("SetWeight needs to be between 0 and {whole}");
        errors.invalid(format!("{path}.setWeight"), weight, detail);
    }
    pause(step, path, errors);
    let routing = canary.traffic_routing.as_ref();
    if let Some(scale) = &step.set_canary_scale {
        let path = format!("{path}.setCanaryScale");
        if routing.is_none() {
            errors.invalid(path, scale.write(), "SetCanaryScale requires TrafficRouting to be set");
        } else {
            errors.not_negative(format!("{path}.replicas"), scale.replicas.unwrap_or(0));
            errors.not_negative(format!("{path}.weight"), scale.weight.unwrap_or(0));
        }
    }
    header_route(step, routing, path, errors);
    mirror_route(step, routing, path, errors);
    if let Some(analysis) = &step.analysis {
        strategy::analysis(analysis, &format!("{path}.analysis"), errors);
    }
    experiment(step, routing, path, errors);
    if let Some(plugin) = &step.plugin
        && plugin.name.is_empty()
    {
        errors.required(format!("{path}.plugin.name"), "");
    }
}

/// At least one field, and at most one of the four that take a step's place.
fn kinds(step: &CanaryStep, path: &str, errors: &mut Errors) {
    let exclusive = [
        ("setWeight", step.set_weight.is_some()),
        ("pause", step.pause.is_some()),
        ("experiment", step.experiment.is_some()),
        ("analysis", step.analysis.is_some()),
    ];
    let set: Vec<&str> = exclusive.iter().filter(|(_, set)| *set).map(|(name, _)| *name).collect();
    let detail =
        "Step must have one of the following set: experiment, setWeight, setCanaryScale, plugin or pause";
    if 1 < set.len() || step.kind().is_none() {
        errors.invalid(path, step.write(), detail);
    }
}

fn pause(step: &CanaryStep, path: &str, errors: &mut Errors) {
    let Some(pause) = &step.pause else { return };
    let path = format!("{path}.pause.duration");
    let written = pause.duration.as_ref().map(serin_lang::int_or_string::IntOrString::to_value);
    match pause.seconds() {
        Ok(None) => {}
        Ok(Some(seconds)) if 0 <= seconds => {}
        Ok(Some(seconds)) => errors.invalid(path, seconds, "Duration needs to be greater than 0"),
        Err(error) => {
            let detail = format!("Duration needs to be greater than 0 ({error})");
            errors.invalid(path, written.unwrap_or_default(), detail);
        }
    }
}

fn is_managed(routing: &TrafficRouting, name: &str) -> bool {
    routing.managed_routes.iter().any(|route| route.name == name)
}

const UNMANAGED: &str =
    "Steps define a route that does not exist in spec.strategy.canary.trafficRouting.managedRoutes";

fn header_route(step: &CanaryStep, routing: Option<&TrafficRouting>, path: &str, errors: &mut Errors) {
    let Some(route) = &step.set_header_route else { return };
    let path = format!("{path}.setHeaderRoute");
    let able = |it: &&TrafficRouting| {
        it.istio.is_some() || it.alb.is_some() || it.apisix.is_some() || it.has_plugins()
    };
    let Some(routing) = routing.filter(able) else {
        let detail = "SetHeaderRoute requires TrafficRouting, supports Istio and ALB and Apisix";
        errors.invalid(path, route.write(), detail);
        return;
    };
    if !is_managed(routing, &route.name) {
        errors.invalid(format!("{path}.name"), route.name.as_str(), UNMANAGED);
    }
    for (index, header) in route.matches.iter().enumerate() {
        let path = format!("{path}.match[{index}].headerValue");
        let value = &header.header_value;
        if routing.alb.is_some()
            && (value.exact.is_empty() || !value.prefix.is_empty() || !value.regex.is_empty())
        {
            errors.invalid(
                path,
                value.write(),
                "SetHeaderRoute match value invalid. ALB supports 'exact' value only",
            );
        } else {
            one_of(value, &path, errors);
        }
    }
}

fn mirror_route(step: &CanaryStep, routing: Option<&TrafficRouting>, path: &str, errors: &mut Errors) {
    let Some(route) = &step.set_mirror_route else { return };
    let path = format!("{path}.setMirrorRoute");
    let Some(routing) = routing.filter(|it| it.istio.is_some() || it.has_plugins()) else {
        let detail = "SetMirrorRoute requires TrafficRouting, supports Istio only";
        errors.invalid(path, route.write(), detail);
        return;
    };
    if !is_managed(routing, &route.name) {
        errors.invalid(format!("{path}.name"), route.name.as_str(), UNMANAGED);
    }
    for (index, found) in route.matches.iter().enumerate() {
        for (name, value) in [("method", &found.method), ("path", &found.path)] {
            if let Some(value) = value {
                one_of(value, &format!("{path}.match[{index}].{name}"), errors);
            }
        }
    }
}

fn one_of(value: &StringMatch, path: &str, errors: &mut Errors) {
    let set = [&value.exact, &value.prefix, &value.regex].into_iter().filter(|text| !text.is_empty()).count();
    let detail = match set {
        1 => return,
        0 => "StringMatch value missed, match value must have one of the following: exact, regex, prefix",
        _ => "StringMatch match value must have exactly one of the following: exact, regex, prefix",
    };
    errors.invalid(path, value.write(), detail);
}

fn experiment(step: &CanaryStep, routing: Option<&TrafficRouting>, path: &str, errors: &mut Errors) {
    let Some(experiment) = &step.experiment else { return };
    let weighs = routing
        .is_some_and(|it| it.smi.is_some() || it.alb.is_some() || it.istio.is_some() || it.has_plugins());
    for (index, template) in experiment.templates.iter().enumerate() {
        let path = format!("{path}.experiment.templates[{index}]");
        if let Some(weight) = template.weight
            && !weighs
        {
            let detail = "Experiment template weight is only available for TrafficRouting with SMI, ALB, Istio and Plugins at this time";
            errors.invalid(format!("{path}.weight"), weight, detail);
        }
        if !["canary", "stable"].contains(&template.spec_ref.as_str()) {
            errors.not_supported(format!("{path}.specRef"), &template.spec_ref, &["canary", "stable"]);
        }
    }
}

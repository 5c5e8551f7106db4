//! What the custom resource definitions accept and Serin has no machine for yet.
//!
//! Such a Rollout is never run by halves: the controller sets the `InvalidSpec` condition with these words and
//! leaves the pods as they are.

use super::field::{Errors, FieldError};
use crate::rollout::{CanaryStep, CanaryStrategy, Rollout, TrafficRouting};

/// Everything in `rollout` that Serin does not run yet, each with what to do about it.
#[must_use]
pub fn unsupported(rollout: &Rollout) -> Vec<FieldError> {
    let mut errors = Errors::default();
    let strategy = &rollout.spec.strategy;
    if strategy.blue_green.is_some() {
        let advice = "use strategy.canary, or let Argo Rollouts run this Rollout";
        refuse("spec.strategy.blueGreen", "blue-green Rollouts", advice, &mut errors);
    }
    if let Some(canary) = &strategy.canary {
        self::canary(canary, &mut errors);
    }
    errors.0
}

fn refuse(path: impl Into<String>, what: &str, advice: &str, errors: &mut Errors) {
    errors.forbidden(path, format!("Serin does not run {what} yet: {advice}"));
}

fn canary(canary: &CanaryStrategy, errors: &mut Errors) {
    const PATH: &str = "spec.strategy.canary";
    if canary.analysis.is_some() {
        let advice = "remove analysis, and judge the canary during a pause step";
        refuse(format!("{PATH}.analysis"), "background analysis", advice, errors);
    }
    if canary.ping_pong.is_some() {
        let advice = "use canaryService and stableService";
        refuse(format!("{PATH}.pingPong"), "ping-pong Services", advice, errors);
    }
    if let Some(routing) = &canary.traffic_routing {
        routers(routing, errors);
    }
    for (index, step) in canary.steps.iter().enumerate() {
        self::step(step, &format!("{PATH}.steps[{index}]"), errors);
    }
}

fn routers(routing: &TrafficRouting, errors: &mut Errors) {
    const PATH: &str = "spec.strategy.canary.trafficRouting";
    for (name, set, what) in [
        ("istio", routing.istio.is_some(), "traffic routing by Istio"),
        ("alb", routing.alb.is_some(), "traffic routing by AWS load balancers"),
        ("smi", routing.smi.is_some(), "traffic routing by SMI"),
        ("ambassador", routing.ambassador.is_some(), "traffic routing by Ambassador"),
        ("appMesh", routing.app_mesh.is_some(), "traffic routing by App Mesh"),
        ("traefik", routing.traefik.is_some(), "traffic routing by Traefik's own resources"),
        ("apisix", routing.apisix.is_some(), "traffic routing by APISIX"),
        ("plugins", routing.has_plugins(), "traffic routing by plugins"),
    ] {
        if set {
            refuse(format!("{PATH}.{name}"), what, "use trafficRouting.nginx, or no trafficRouting", errors);
        }
    }
}

fn step(step: &CanaryStep, path: &str, errors: &mut Errors) {
    let judge = "use a pause step and judge the canary yourself";
    for (name, set, what, advice) in [
        ("analysis", step.analysis.is_some(), "analysis steps", judge),
        ("experiment", step.experiment.is_some(), "experiment steps", judge),
        ("plugin", step.plugin.is_some(), "plugin steps", "remove the step"),
        ("setHeaderRoute", step.set_header_route.is_some(), "header routes", "remove the step"),
        ("setMirrorRoute", step.set_mirror_route.is_some(), "mirrored traffic", "remove the step"),
    ] {
        if set {
            refuse(format!("{path}.{name}"), what, advice, errors);
        }
    }
}

//! What a Rollout names must be there and fit: Services and Ingresses.
//!
//! Pure: the caller looks the names up and passes what was found. A name that was not looked up is not judged, so a
//! linter can pass only what stands in the same file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::field::{Errors, FieldError};
use crate::{
    names::{annotations::MANAGED_BY, labels::POD_TEMPLATE_HASH},
    network::{Ingress, Service},
    rollout::Rollout,
};

/// A name in a manifest, and the field that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Path of the field.
    pub path: String,
    /// Name of the object.
    pub name: String,
}

/// What was found by name; `None` where there is no such object.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// Services of the Rollout's namespace.
    pub services: BTreeMap<String, Option<Service>>,
    /// Ingresses of the Rollout's namespace.
    pub ingresses: BTreeMap<String, Option<Ingress>>,
}

/// The Services that `rollout` names.
#[must_use]
pub fn referenced_services(rollout: &Rollout) -> Vec<Reference> {
    let strategy = &rollout.spec.strategy;
    let mut named: Vec<(&str, &str)> = Vec::new();
    if let Some(blue_green) = &strategy.blue_green {
        named.push(("blueGreen.activeService", &blue_green.active_service));
        named.push(("blueGreen.previewService", &blue_green.preview_service));
    }
    if let Some(canary) = &strategy.canary {
        named.push(("canary.stableService", &canary.stable_service));
        named.push(("canary.canaryService", &canary.canary_service));
        if let Some(ping_pong) = &canary.ping_pong {
            named.push(("canary.pingPong.pingService", &ping_pong.ping_service));
            named.push(("canary.pingPong.pongService", &ping_pong.pong_service));
        }
        let alb = canary.traffic_routing.as_ref().and_then(|routing| routing.alb.as_ref());
        if let Some(alb) = alb {
            named.push(("canary.trafficRouting.alb.rootService", &alb.root_service));
        }
    }
    let references = named.into_iter().filter(|(_, name)| !name.is_empty());
    references
        .map(|(path, name)| Reference { path: format!("spec.strategy.{path}"), name: name.to_owned() })
        .collect()
}

/// The Ingresses that `rollout` names.
#[must_use]
pub fn referenced_ingresses(rollout: &Rollout) -> Vec<Reference> {
    let Some(routing) = rollout.canary().and_then(|canary| canary.traffic_routing.as_ref()) else {
        return Vec::new();
    };
    let mut references = Vec::new();
    let mut name = |path: String, name: &str| {
        if !name.is_empty() {
            let path = format!("spec.strategy.canary.trafficRouting.{path}");
            references.push(Reference { path, name: name.to_owned() });
        }
    };
    if let Some(nginx) = &routing.nginx {
        name("nginx.stableIngress".to_owned(), &nginx.stable_ingress);
        for (index, ingress) in nginx.stable_ingresses.iter().enumerate() {
            name(format!("nginx.stableIngresses[{index}]"), ingress);
        }
    }
    if let Some(alb) = &routing.alb {
        name("alb.ingress".to_owned(), &alb.ingress);
        for (index, ingress) in alb.ingresses.iter().enumerate() {
            name(format!("alb.ingresses[{index}]"), ingress);
        }
    }
    references
}

/// Everything that is wrong with what was found. `template` is the pod template that runs: the Rollout's own, or
/// that of the workload it refers to.
#[must_use]
pub fn validate_references(rollout: &Rollout, template: &Value, found: &References) -> Vec<FieldError> {
    let mut errors = Errors::default();
    for reference in referenced_services(rollout) {
        match found.services.get(&reference.name) {
            None => {}
            Some(None) => {
                let detail = format!("service \"{}\" not found", reference.name);
                errors.invalid(reference.path, reference.name, detail);
            }
            Some(Some(service)) => self::service(rollout, template, &reference, service, &mut errors),
        }
    }
    for reference in referenced_ingresses(rollout) {
        match found.ingresses.get(&reference.name) {
            None => {}
            Some(None) => {
                let detail = format!("ingress.networking.k8s.io \"{}\" not found", reference.name);
                errors.invalid(reference.path, reference.name, detail);
            }
            Some(Some(ingress)) => self::ingress(rollout, &reference, ingress, &mut errors),
        }
    }
    errors.0
}

fn service(
    rollout: &Rollout,
    template: &Value,
    reference: &Reference,
    service: &Service,
    errors: &mut Errors,
) {
    let Reference { path, name } = reference;
    for (key, value) in service.spec.selector.iter().filter(|(key, _)| *key != POD_TEMPLATE_HASH) {
        if template["metadata"]["labels"][key] != value.as_str() {
            let detail = format!("Service \"{name}\" has unmatch label \"{key}\" in rollout");
            errors.invalid(path.as_str(), name.as_str(), detail);
        }
    }
    let manager = service.metadata.annotations.get(MANAGED_BY);
    if manager.is_some_and(|manager| *manager != rollout.metadata.name) {
        let detail = format!("Service \"{name}\" is managed by another Rollout");
        errors.invalid(path.as_str(), name.as_str(), detail);
    }
}

/// A router needs a rule that sends requests to the stable Service (an ALB: to its root Service).
fn ingress(rollout: &Rollout, reference: &Reference, ingress: &Ingress, errors: &mut Errors) {
    let Some(canary) = rollout.canary() else { return };
    let alb = canary.traffic_routing.as_ref().and_then(|routing| routing.alb.as_ref());
    let root = alb.map(|alb| alb.root_service.as_str()).filter(|root| !root.is_empty());
    let is_alb = reference.path.contains(".trafficRouting.alb.");
    let service = root.filter(|_| is_alb).unwrap_or(&canary.stable_service);
    if !ingress.rule_services().contains(&service) {
        let detail = format!("ingress `{}` has no rules using service {service} backend", reference.name);
        errors.invalid(reference.path.as_str(), reference.name.as_str(), detail);
    }
}

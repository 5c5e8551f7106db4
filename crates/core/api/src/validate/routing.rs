//! `spec.strategy.canary.trafficRouting`, and the fields that only mean something with or without it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::field::{ErrorKind, Errors};
use crate::rollout::{AlbRouting, CanaryStrategy, IstioRouting, PingPong, TrafficRouting};

const CANARY: &str = "spec.strategy.canary";
const ROUTING: &str = "spec.strategy.canary.trafficRouting";
/// Seconds that an AWS target group may hold a client: one second to a week.
const STICKINESS_SECONDS: std::ops::RangeInclusive<i64> = 1..=604_800;

pub(super) fn check(canary: &CanaryStrategy, errors: &mut Errors) {
    if let Some(ping_pong) = &canary.ping_pong {
        self::ping_pong(canary, ping_pong, errors);
    }
    let Some(routing) = &canary.traffic_routing else {
        without(canary, errors);
        return;
    };
    if needs_services(canary, routing) {
        let services = [("stableService", &canary.stable_service), ("canaryService", &canary.canary_service)];
        for (name, service) in services.into_iter().filter(|(_, service)| service.is_empty()) {
            let detail = "Canary service and Stable service must to be set to use Traffic Routing";
            errors.invalid(format!("{CANARY}.{name}"), service.as_str(), detail);
        }
    }
    if let Some(whole) = routing.max_traffic_weight {
        let path = format!("{ROUTING}.maxTrafficWeight");
        if routing.nginx.is_none() && !routing.has_plugins() {
            let detail = "Canary maxTrafficWeight in traffic routing only supported in Nginx and Plugins";
            errors.invalid(path, whole, detail);
        } else if whole <= 0 {
            errors.invalid(path, whole, "must be greater than 0");
        }
    }
    if canary.dynamic_stable_scale
        && let Some(_) = canary.scale_down_delay_seconds
    {
        let detail = "Canary dynamicStableScale cannot be used with scaleDownDelaySeconds";
        errors.invalid(format!("{CANARY}.dynamicStableScale"), true, detail);
    }
    routers(routing, errors);
}

/// Fields that need a router.
fn without(canary: &CanaryStrategy, errors: &mut Errors) {
    if let Some(delay) = canary.scale_down_delay_seconds {
        let detail = "Canary scaleDownDelaySeconds can only be used with traffic routing";
        errors.invalid(format!("{CANARY}.scaleDownDelaySeconds"), delay, detail);
    }
    if canary.dynamic_stable_scale {
        let detail = "Canary dynamicStableScale can only be used with traffic routing";
        errors.invalid(format!("{CANARY}.dynamicStableScale"), true, detail);
    }
}

fn ping_pong(canary: &CanaryStrategy, ping_pong: &PingPong, errors: &mut Errors) {
    const PATH: &str = "spec.strategy.canary.pingPong";
    for (name, service) in
        [("pingService", &ping_pong.ping_service), ("pongService", &ping_pong.pong_service)]
    {
        if service.is_empty() {
            let detail = "Ping service and Pong service must to be set to use Ping-Pong feature";
            errors.invalid(format!("{PATH}.{name}"), "", detail);
        }
    }
    if !ping_pong.ping_service.is_empty() && ping_pong.ping_service == ping_pong.pong_service {
        let detail = "This rollout uses the same service for the ping and pong services, but two different services are required.";
        errors.invalid(format!("{PATH}.pingService"), ping_pong.ping_service.as_str(), detail);
    }
    let Some(routing) = &canary.traffic_routing else { return };
    if routing.alb.is_none() && routing.istio.is_none() && !routing.has_plugins() {
        errors.forbidden(PATH, "Ping-pong feature works with the ALB and Istio only");
    }
    if routing.alb.as_ref().is_some_and(|alb| alb.root_service.is_empty()) {
        let detail =
            "Root service field is required for the configuration with ALB and ping-pong feature enabled";
        errors.invalid(format!("{ROUTING}.alb.rootService"), "", detail);
    }
}

/// Routers that tell the two versions apart by Service.
fn needs_services(canary: &CanaryStrategy, routing: &TrafficRouting) -> bool {
    let pinged = canary.ping_pong.is_some();
    let istio_by_host = routing.istio.as_ref().is_some_and(|istio| istio.destination_rule.is_none());
    ((routing.alb.is_some() || istio_by_host) && !pinged)
        || routing.smi.is_some()
        || routing.apisix.is_some()
        || routing.ambassador.is_some()
        || routing.nginx.is_some()
        || routing.app_mesh.is_some()
        || routing.traefik.is_some()
}

fn routers(routing: &TrafficRouting, errors: &mut Errors) {
    if let Some(nginx) = &routing.nginx {
        let path = format!("{ROUTING}.nginx");
        let (single, several) = (&nginx.stable_ingress, &nginx.stable_ingresses);
        one_or_several(&path, ["stableIngress", "stableIngresses"], single, several, errors);
    }
    if let Some(alb) = &routing.alb {
        self::alb(alb, errors);
    }
    if let Some(istio) = &routing.istio {
        self::istio(istio, errors);
    }
    let mut names = BTreeSet::new();
    for (index, route) in routing.managed_routes.iter().enumerate() {
        if !names.insert(&route.name) {
            errors.duplicate(format!("{ROUTING}.managedRoutes[{index}].name"), &route.name);
        }
    }
}

fn one_or_several(path: &str, names: [&str; 2], single: &str, several: &[String], errors: &mut Errors) {
    let [one, many] = names;
    match (single.is_empty(), several.is_empty()) {
        (true, true) => errors.required(format!("{path}.{one}"), format!("{one} or {many} must be set")),
        (false, false) => {
            let detail = format!("either {one} or {many} can be set, not both");
            errors.invalid(format!("{path}.{one}"), single, detail);
        }
        _ => {}
    }
    let mut seen = BTreeSet::new();
    for (index, name) in several.iter().enumerate() {
        let path = format!("{path}.{many}[{index}]");
        if name.is_empty() {
            errors.required(path, "");
        } else if !seen.insert(name) {
            errors.duplicate(path, name);
        }
    }
}

fn alb(alb: &AlbRouting, errors: &mut Errors) {
    let path = format!("{ROUTING}.alb");
    one_or_several(&path, ["ingress", "ingresses"], &alb.ingress, &alb.ingresses, errors);
    if let Some(sticky) = &alb.stickiness_config
        && sticky.enabled
        && !STICKINESS_SECONDS.contains(&sticky.duration_seconds)
    {
        let detail = "must be between 1 and 604800 seconds";
        errors.invalid(format!("{path}.stickinessConfig.durationSeconds"), sticky.duration_seconds, detail);
    }
}

fn istio(istio: &IstioRouting, errors: &mut Errors) {
    let path = format!("{ROUTING}.istio");
    if istio.virtual_service.is_some() && !istio.virtual_services.is_empty() {
        let detail = "either virtualService or virtualServices can be set, not both";
        errors.add(ErrorKind::Forbidden, format!("{path}.virtualServices"), Value::Null, detail);
    }
    let mut seen = BTreeSet::new();
    for (index, service) in istio.virtual_services.iter().enumerate() {
        if !seen.insert(&service.name) {
            errors.duplicate(format!("{path}.virtualServices[{index}].name"), &service.name);
        }
    }
}

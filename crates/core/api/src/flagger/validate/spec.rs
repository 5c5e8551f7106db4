//! `Canary.spec`, apart from the analysis: references, Service, what a provider cannot do without.

use super::{Rules, analysis::count, provider, word};
use crate::{
    flagger::{
        AutoscalerRef, Canary, CanaryService, GATEWAY_GROUP, KNATIVE_API_VERSION, Provider, ScalerKind,
        Strategy, TargetKind,
    },
    network::PORT_MAX,
    validate::field::Errors,
};

pub(super) fn check(canary: &Canary, rules: Rules<'_>, errors: &mut Errors) {
    let spec = &canary.spec;
    word("spec.provider", &spec.provider, Provider::ALL, Provider::as_str, errors);
    target(canary, errors);
    errors.not_negative("spec.progressDeadlineSeconds", spec.progress_deadline_seconds());
    if let Some(scaler) = &spec.autoscaler_ref {
        autoscaler(scaler, errors);
    }
    match &spec.service {
        Some(service) => self::service(service, provider(canary, rules), errors),
        // Knative's own Service has its routes.
        None if spec.target_ref.is_knative() => {}
        None => errors.required("spec.service.port", "set the port of the Service that users call"),
    }
    needs(canary, provider(canary, rules), errors);
    if rules.no_cross_namespace_refs {
        namespaces(canary, errors);
    }
}

fn target(canary: &Canary, errors: &mut Errors) {
    let (spec, target) = (&canary.spec, &canary.spec.target_ref);
    for (field, text) in [("apiVersion", &target.api_version), ("kind", &target.kind), ("name", &target.name)]
    {
        if text.is_empty() {
            errors.required(format!("spec.targetRef.{field}"), "name the workload");
        }
    }
    word("spec.targetRef.kind", &target.kind, TargetKind::ALL, TargetKind::as_str, errors);
    let wants_knative = spec.provider == Provider::Knative;
    if wants_knative && !target.is_knative() {
        let detail = format!("provider knative needs a Service of {KNATIVE_API_VERSION}");
        errors.invalid("spec.targetRef", format!("{} {}", target.api_version, target.kind), detail);
    }
    if target.is_knative() && !wants_knative {
        errors.invalid(
            "spec.provider",
            spec.provider.as_str(),
            "a Service of Knative needs provider knative",
        );
    }
    if target.is_knative() && spec.autoscaler_ref.is_some() {
        errors.forbidden("spec.autoscalerRef", "a Service of Knative scales itself: remove it");
    }
}

fn autoscaler(scaler: &AutoscalerRef, errors: &mut Errors) {
    word("spec.autoscalerRef.kind", &scaler.kind, ScalerKind::ALL, ScalerKind::as_str, errors);
    if scaler.name.is_empty() {
        errors.required("spec.autoscalerRef.name", "name the autoscaler");
    }
    let Some(replicas) = &scaler.primary_scaler_replicas else { return };
    let path = "spec.autoscalerRef.primaryScalerReplicas";
    for (field, number) in [("minReplicas", replicas.min_replicas), ("maxReplicas", replicas.max_replicas)] {
        if let Some(number) = number.filter(|number| *number < 1) {
            errors.invalid(format!("{path}.{field}"), number, "must be greater than or equal to 1");
        }
    }
    if let (Some(min), Some(max)) = (replicas.min_replicas, replicas.max_replicas)
        && max < min
    {
        errors.invalid(format!("{path}.maxReplicas"), max, "must not be smaller than minReplicas");
    }
}

fn service(service: &CanaryService, provider: Provider, errors: &mut Errors) {
    const PATH: &str = "spec.service";
    if !(1..=PORT_MAX).contains(&service.port) {
        errors.invalid(format!("{PATH}.port"), service.port, format!("must be between 1 and {PORT_MAX}"));
    }
    for (field, text, duration) in [
        ("timeout", &service.timeout, service.timeout()),
        ("backendTimeout", &service.backend_timeout, service.backend_timeout()),
    ] {
        // Contour has a word for a request without an end.
        if let (Err(error), true) = (duration, provider != Provider::Contour) {
            errors.invalid(format!("{PATH}.{field}"), text.as_str(), error.to_string());
        }
    }
    if service.delegation && !(service.hosts.is_empty() && service.gateways.is_empty()) {
        let detail = "a VirtualService that another delegates to has neither hosts nor gateways: remove them";
        errors.forbidden(format!("{PATH}.delegation"), detail);
    }
    if let Some(retries) = &service.retries {
        count(&format!("{PATH}.retries.attempts"), retries.attempts, errors);
    }
    for (index, mirror) in service.mirror.iter().enumerate() {
        if mirror.backend_ref.name.is_empty() {
            errors.required(
                format!("{PATH}.mirror[{index}].backendRef.name"),
                "name the Service to copy requests to",
            );
        }
    }
}

/// What a provider cannot do without.
fn needs(canary: &Canary, provider: Provider, errors: &mut Errors) {
    let spec = &canary.spec;
    let service = spec.service.as_ref();
    let (path, missing, what) = match provider {
        Provider::Nginx | Provider::Skipper => {
            let detail = "name the Ingress with the users' traffic";
            ("spec.ingressRef", spec.ingress_ref.as_ref().is_none_or(|it| it.name.is_empty()), detail)
        }
        Provider::Apisix => {
            let detail = "name the ApisixRoute with the users' traffic";
            ("spec.routeRef", spec.route_ref.as_ref().is_none_or(|it| it.name.is_empty()), detail)
        }
        Provider::GatewayApiV1 | Provider::GatewayApiV1Beta1 => {
            let missing = service.is_none_or(|it| it.gateway_refs.is_empty());
            (
                "spec.service.gatewayRefs",
                missing,
                "name the Gateway, or whatever else the HTTPRoute belongs to",
            )
        }
        Provider::AppMesh => {
            let missing = service.is_none_or(|it| it.mesh_name.is_empty());
            ("spec.service.meshName", missing, "name the mesh")
        }
        _ => return,
    };
    if missing {
        errors.required(path, format!("provider {provider} needs it: {what}"));
    }
    for (index, parent) in service.into_iter().flat_map(|it| it.gateway_refs.iter().enumerate()) {
        if parent.name.is_empty() {
            let detail = format!("name the parent, by default a Gateway of {GATEWAY_GROUP}");
            errors.required(format!("spec.service.gatewayRefs[{index}].name"), detail);
        }
    }
}

/// References to other namespaces; an absent namespace is the Canary's own.
fn namespaces(canary: &Canary, errors: &mut Errors) {
    let own = canary.metadata.namespace.as_str();
    let mut same = |path: String, namespace: &str| {
        if namespace != own {
            let detail = format!("references to other namespaces are switched off: must be {own:?}");
            errors.invalid(path, namespace, detail);
        }
    };
    if let Some(upstream) = &canary.spec.upstream_ref {
        same("spec.upstreamRef.namespace".to_owned(), upstream.namespace(own));
    }
    let Some(analysis) = &canary.spec.analysis else { return };
    for (index, metric) in analysis.metrics.iter().enumerate() {
        if let Some(template) = &metric.template_ref {
            same(format!("spec.analysis.metrics[{index}].templateRef.namespace"), template.namespace(own));
        }
    }
    for (index, alert) in analysis.alerts.iter().enumerate() {
        let path = format!("spec.analysis.alerts[{index}].providerRef.namespace");
        same(path, alert.provider_ref.namespace(own));
    }
}

/// What a provider does in another way than the Canary says, without a word.
pub(super) fn doubts(canary: &Canary, provider: Provider, errors: &mut Errors) {
    match provider {
        Provider::Nginx => weighed_and_matched(canary, errors),
        Provider::GatewayApiV1 | Provider::GatewayApiV1Beta1 => unsaid(canary, provider, errors),
        _ => {}
    }
}

/// Annotations of an Ingress lead all that match, or a share of all: with both, the first step has all the weight there is.
fn weighed_and_matched(canary: &Canary, errors: &mut Errors) {
    let analysis = canary.spec.analysis.as_ref();
    let is_matched = analysis.is_some_and(|analysis| !analysis.matches.is_empty());
    if is_matched && canary.spec.strategy() == Strategy::Canary && !canary.spec.skip_analysis {
        let detail = "provider nginx sends all that match to the new version at the first step, which so is the last: \
            set iterations, or remove match";
        errors.forbidden("spec.analysis.match", detail);
    }
}

/// What a route of the Gateway API cannot say.
fn unsaid(canary: &Canary, provider: Provider, errors: &mut Errors) {
    let Some(service) = &canary.spec.service else { return };
    let is_old = provider == Provider::GatewayApiV1Beta1;
    let cors = service.cors_policy.as_ref();
    let has_patterns = cors.is_some_and(|cors| !cors.allow_origins.is_empty());
    for (field, is_said, detail) in [
        ("timeout", is_old && !service.timeout.is_empty(), "use gatewayapi:v1"),
        ("backendTimeout", is_old && !service.backend_timeout.is_empty(), "use gatewayapi:v1"),
        ("corsPolicy", is_old && cors.is_some(), "use gatewayapi:v1"),
        ("corsPolicy.allowOrigins", !is_old && has_patterns, "list the origins in allowOrigin"),
        ("retries", service.retries.is_some(), "remove it, or set it in a policy of the Gateway"),
        (
            "trafficPolicy",
            service.traffic_policy.is_some(),
            "remove it, or set it in a policy of the Gateway",
        ),
    ] {
        if is_said {
            let detail = format!("provider {provider} cannot do it and it is not looked at: {detail}");
            errors.forbidden(format!("spec.service.{field}"), detail);
        }
    }
}

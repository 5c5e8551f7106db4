//! What a Canary says of the road to its versions, in the words of the routers.

use serin_api::{
    flagger::{Canary, CanaryService, Provider as Word, SessionAffinity, Strategy},
    kinds,
    meta::LabelsAndAnnotations,
    wire::Wire,
};
use serin_kernel::{Meta, Owner};
use serin_traffic::{AppMeshVersion, Front, GatewayVersion, Provider, SmiVersion, front};

use crate::{
    objects::{LEFT_ALONE, PRIMARY_REVISION},
    settings::Settings,
};

/// Holds what an adopted object was before.
const ORIGINAL: &str = "flagger.kubernetes.io/original-configuration";
/// Names the mesh of Kuma.
const KUMA_MESH: &str = "kuma.io/mesh";
/// Behind a version of the Service Mesh Interface: that the adapter for Istio reads it.
const FOR_ISTIO: &str = ":istio";
/// Switches the access log of App Mesh on.
const ACCESS_LOG: &str = "appmesh.flagger.app/accesslog";

/// What routes the traffic of a Canary whose provider is `word`, which [`Word::of`] reads.
pub(crate) fn provider(word: &str) -> Provider {
    let smi = |version| Provider::Smi { version, istio: word.ends_with(FOR_ISTIO) };
    match Word::of(word) {
        Word::Apisix => Provider::Apisix,
        Word::AppMesh => Provider::AppMesh(AppMeshVersion::V1Beta1),
        Word::AppMeshV1Beta2 => Provider::AppMesh(AppMeshVersion::V1Beta2),
        Word::Contour => Provider::Contour,
        Word::GatewayApiV1 => Provider::Gateway(GatewayVersion::V1),
        Word::GatewayApiV1Beta1 => Provider::Gateway(GatewayVersion::V1Beta1),
        Word::Gloo => Provider::Gloo,
        Word::Istio => Provider::Istio,
        Word::Knative => Provider::Knative,
        Word::Kubernetes => Provider::Kubernetes,
        Word::Kuma => Provider::Kuma,
        Word::Nginx => Provider::Nginx,
        Word::Skipper => Provider::Skipper,
        Word::Linkerd | Word::SmiV1Alpha1 => smi(SmiVersion::V1Alpha1),
        Word::Osm | Word::SmiV1Alpha2 => smi(SmiVersion::V1Alpha2),
        Word::SmiV1Alpha3 => smi(SmiVersion::V1Alpha3),
        Word::Traefik => Provider::Traefik,
    }
}

/// The front of a Canary with the metadata `meta`, whose pods `selector` tells. Cookies and iterations are as in the
/// status.
pub(crate) fn front(canary: &Canary, meta: &Meta, settings: &Settings, selector: front::Selector) -> Front {
    let spec = &canary.spec;
    let service = spec.service.clone().unwrap_or_default();
    let analysis = spec.analysis.clone().unwrap_or_default();
    let source = spec.ingress_ref.as_ref().or(spec.route_ref.as_ref()).map(|it| it.name.clone());
    Front {
        owner: Some(Owner::controller_ref(kinds::CANARY, meta)),
        namespace: meta.namespace.clone(),
        apex: canary.apex_name().to_owned(),
        primary: canary.primary_service_name(),
        canary: canary.canary_service_name(),
        target: spec.target_ref.name.clone(),
        selector,
        port: port(&service),
        hosts: service.hosts.clone(),
        gateways: service.gateways.clone(),
        gateway_refs: service.gateway_refs.iter().map(Wire::write).collect(),
        delegation: service.delegation,
        matches: service.matches.iter().map(Wire::write).collect(),
        trial: analysis.matches.iter().map(Wire::write).collect(),
        rewrite: service.rewrite.as_ref().map(|rewrite| front::Rewrite {
            uri: text(&rewrite.uri),
            authority: text(&rewrite.authority),
            kind: text(&rewrite.kind),
        }),
        timeout: text(&service.timeout),
        backend_timeout: text(&service.backend_timeout),
        retries: service.retries.as_ref().map(|retries| front::Retries {
            attempts: positive(retries.attempts),
            per_try_timeout: text(&retries.per_try_timeout),
            retry_on: text(&retries.retry_on),
        }),
        headers: service.headers.as_ref().map(Wire::write),
        cors: service.cors_policy.as_ref().map(Wire::write),
        policy: service.traffic_policy.as_ref().map(Wire::write),
        mirrors: service.mirror.iter().map(Wire::write).collect(),
        mirror_percent: analysis.mirror_weight.map(|weight| positive(Some(weight))),
        iterative: spec.strategy() != Strategy::Canary,
        iterated: 0 < canary.status.iterations,
        backends: service.backends.clone(),
        mesh: meta.annotations.get(KUMA_MESH).cloned().or_else(|| text(&service.mesh_name)),
        access_log: meta.annotations.get(ACCESS_LOG).is_some_and(|value| value == "enabled"),
        source,
        upstream: spec.upstream_ref.as_ref().map(|upstream| front::Upstream {
            namespace: upstream.namespace.clone(),
            name: upstream.name.clone(),
        }),
        metadata: metadata(service.apex.as_ref()),
        affinity: analysis.session_affinity.as_ref().map(|affinity| self::affinity(affinity, canary)),
        marks: front::Marks {
            left_alone: LEFT_ALONE.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            original: ORIGINAL.to_owned(),
            revision: PRIMARY_REVISION.to_owned(),
        },
        settings: front::Settings {
            ingress_class: text(&settings.ingress_class),
            annotation_prefix: settings.ingress_annotations_prefix.clone(),
        },
    }
}

fn port(service: &CanaryService) -> front::Port {
    front::Port {
        number: u16::try_from(service.port).unwrap_or_default(),
        name: text(&service.port_name),
        target: service.target_port.clone(),
        app_protocol: text(&service.app_protocol),
        discovery: service.port_discovery,
    }
}

fn affinity(affinity: &SessionAffinity, canary: &Canary) -> front::Affinity {
    let status = &canary.status;
    let interval =
        canary.spec.analysis.as_ref().map_or(0, |analysis| analysis.interval().nanos() / 1_000_000_000);
    front::Affinity {
        cookie_name: affinity.cookie_name.clone(),
        primary_cookie_name: text(&affinity.primary_cookie_name),
        max_age: u64::try_from(affinity.max_age()).unwrap_or(0),
        primary_max_age: u64::try_from(interval).unwrap_or(0),
        domain: text(&affinity.domain),
        http_only: affinity.http_only,
        partitioned: affinity.partitioned,
        path: text(&affinity.path),
        same_site: text(&affinity.same_site),
        secure: affinity.secure,
        cookies: front::Cookies {
            current: status.session_affinity_cookie.clone(),
            previous: status.previous_session_affinity_cookie.clone(),
            primary: status.primary_session_affinity_cookie.clone(),
        },
    }
}

fn metadata(wanted: Option<&LabelsAndAnnotations>) -> front::Metadata {
    let wanted = wanted.cloned().unwrap_or_default();
    front::Metadata { labels: wanted.labels, annotations: wanted.annotations }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn positive(number: Option<i32>) -> u32 {
    number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_those_of_the_provider_that_the_word_means() {
        let smi = |version, istio| Provider::Smi { version, istio };
        for (word, provider) in [
            ("linkerd", smi(SmiVersion::V1Alpha1, false)),
            ("osm", smi(SmiVersion::V1Alpha2, false)),
            ("smi:v1alpha1", smi(SmiVersion::V1Alpha1, false)),
            ("smi:v1alpha2:istio", smi(SmiVersion::V1Alpha2, true)),
            ("smi:v1alpha3:linkerd", smi(SmiVersion::V1Alpha3, false)),
            ("smi:v1alpha31", smi(SmiVersion::V1Alpha3, false)),
            ("appmesh", Provider::AppMesh(AppMeshVersion::V1Beta1)),
            ("appmesh:v1beta2", Provider::AppMesh(AppMeshVersion::V1Beta2)),
            ("gloo:v1", Provider::Gloo),
            ("gatewayapi:v1beta1", Provider::Gateway(GatewayVersion::V1Beta1)),
            ("gatewayapi:v1", Provider::Gateway(GatewayVersion::V1)),
            ("nobody-knows", Provider::Istio),
        ] {
            assert_eq!(super::provider(word), provider, "{word}");
        }
        // Each word that a Canary may say has routes of its own name.
        for word in Word::ALL {
            let told = format!("{:?}", super::provider(word.as_str())).to_lowercase();
            let family = word.as_str().split(':').next().unwrap_or_default();
            let family = match family {
                "linkerd" | "osm" => "smi",
                "gatewayapi" => "gateway",
                other => other,
            };
            assert!(told.starts_with(family), "{word:?}: {told}");
        }
    }
}

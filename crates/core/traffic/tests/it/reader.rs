//! A manifest of the other controller, read into a front: as much as the recordings need.

use std::collections::BTreeMap;

use serde_json::Value;
use serin_kernel::Owner;
use serin_lang::int_or_string::IntOrString;
use serin_traffic::{
    AppMeshVersion, Front, GatewayVersion, Provider, SmiVersion,
    front::{Affinity, Marks, Metadata, Port, Retries, Rewrite, Selector, Settings, Upstream},
};

/// The marks that tell GitOps tools to leave an object alone.
pub(crate) fn marks() -> Marks {
    let alone = [
        ("helm.toolkit.fluxcd.io/driftDetection", "disabled"),
        ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    ];
    Marks {
        left_alone: alone.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        original: "flagger.kubernetes.io/original-configuration".to_owned(),
        revision: "flagger.app/primary-revision".to_owned(),
    }
}

/// The providers by the words of the manifests.
pub(crate) fn provider(word: &str) -> Provider {
    let smi = |version| Provider::Smi { version, istio: false };
    match word {
        "apisix" => Provider::Apisix,
        "appmesh" => Provider::AppMesh(AppMeshVersion::V1Beta1),
        "appmesh:v1beta2" => Provider::AppMesh(AppMeshVersion::V1Beta2),
        "contour" => Provider::Contour,
        "gatewayapi:v1" => Provider::Gateway(GatewayVersion::V1),
        "gatewayapi:v1beta1" => Provider::Gateway(GatewayVersion::V1Beta1),
        "gloo" => Provider::Gloo,
        "istio" => Provider::Istio,
        "knative" => Provider::Knative,
        "kubernetes" => Provider::Kubernetes,
        "kuma" => Provider::Kuma,
        "linkerd" | "smi:v1alpha1" => smi(SmiVersion::V1Alpha1),
        "nginx" => Provider::Nginx,
        "osm" | "smi:v1alpha2" => smi(SmiVersion::V1Alpha2),
        "skipper" => Provider::Skipper,
        "smi:v1alpha3" => smi(SmiVersion::V1Alpha3),
        "traefik" => Provider::Traefik,
        other => panic!("{other} is no provider of a recording"),
    }
}

/// The front of a manifest whose workload has these labels in its selector.
pub(crate) fn front(manifest: &Value, selector: &Value) -> Front {
    let (spec, meta) = (&manifest["spec"], &manifest["metadata"]);
    let (service, analysis) = (&spec["service"], &spec["analysis"]);
    let target = text(&spec["targetRef"]["name"]).unwrap();
    let apex = text(&service["name"]).unwrap_or_else(|| target.clone());
    let (key, value) = selector.as_object().and_then(|labels| labels.iter().next()).unzip();
    Front {
        owner: Some(Owner {
            api_version: "flagger.app/v1beta1".to_owned(),
            kind: "Canary".to_owned(),
            name: text(&meta["name"]).unwrap(),
            uid: "<uid>".to_owned(),
            controller: true,
        }),
        namespace: text(&meta["namespace"]).unwrap(),
        primary: format!("{apex}-primary"),
        canary: format!("{apex}-canary"),
        apex,
        target,
        selector: Selector {
            key: key.cloned().unwrap_or_default(),
            value: value.and_then(text).unwrap_or_default(),
        },
        port: port(service),
        hosts: texts(&service["hosts"]),
        gateways: texts(&service["gateways"]),
        gateway_refs: list(&service["gatewayRefs"]),
        delegation: service["delegation"] == true,
        matches: list(&service["match"]),
        trial: list(&analysis["match"]),
        rewrite: present(&service["rewrite"]).map(|rewrite| Rewrite {
            uri: text(&rewrite["uri"]),
            authority: text(&rewrite["authority"]),
            kind: text(&rewrite["type"]),
        }),
        timeout: text(&service["timeout"]),
        backend_timeout: text(&service["backendTimeout"]),
        retries: present(&service["retries"]).map(|retries| Retries {
            attempts: retries["attempts"].as_u64().unwrap_or_default() as u32,
            per_try_timeout: text(&retries["perTryTimeout"]),
            retry_on: text(&retries["retryOn"]),
        }),
        headers: present(&service["headers"]).cloned(),
        cors: present(&service["corsPolicy"]).cloned(),
        policy: present(&service["trafficPolicy"]).cloned(),
        mirrors: list(&service["mirror"]),
        mirror_percent: analysis["mirrorWeight"].as_u64().map(|percent| percent as u32),
        iterative: 0 < analysis["iterations"].as_i64().unwrap_or_default(),
        iterated: false,
        backends: texts(&service["backends"]),
        mesh: text(&service["meshName"]).or_else(|| text(&meta["annotations"]["kuma.io/mesh"])),
        access_log: meta["annotations"]["appmesh.flagger.app/accesslog"] == "enabled",
        source: text(&spec["ingressRef"]["name"]).or_else(|| text(&spec["routeRef"]["name"])),
        upstream: present(&spec["upstreamRef"]).map(|upstream| Upstream {
            namespace: text(&upstream["namespace"]).unwrap_or_default(),
            name: text(&upstream["name"]).unwrap(),
        }),
        metadata: metadata(&service["apex"]),
        affinity: present(&analysis["sessionAffinity"]).map(affinity),
        marks: marks(),
        settings: Settings {
            ingress_class: None,
            annotation_prefix: "nginx.ingress.kubernetes.io".to_owned(),
        },
    }
}

fn port(service: &Value) -> Port {
    Port {
        number: service["port"].as_u64().unwrap_or_default() as u16,
        name: text(&service["portName"]),
        target: IntOrString::from_value(&service["targetPort"]),
        app_protocol: text(&service["appProtocol"]),
        discovery: service["portDiscovery"] == true,
    }
}

fn affinity(said: &Value) -> Affinity {
    Affinity {
        cookie_name: text(&said["cookieName"]).unwrap(),
        primary_cookie_name: text(&said["primaryCookieName"]),
        max_age: said["maxAge"].as_u64().unwrap_or_default(),
        ..Affinity::default()
    }
}

fn metadata(said: &Value) -> Metadata {
    let map = |value: &Value| -> BTreeMap<String, String> {
        let fields = value.as_object().into_iter().flatten();
        fields.map(|(key, value)| (key.clone(), text(value).unwrap())).collect()
    };
    Metadata { labels: map(&said["labels"]), annotations: map(&said["annotations"]) }
}

fn present(value: &Value) -> Option<&Value> {
    Some(value).filter(|value| !value.is_null())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().filter_map(text).collect()
}

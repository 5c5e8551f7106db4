//! Kinds that meshes, gateways and autoscalers bring, as definitions that keep whatever they are given: what a scenario holds
//! is what the controller writes, and no controller of theirs is there to refuse it.

use anyhow::{Result, bail};
use kube::Client;
use serde_json::{Value, json};

use crate::cluster::{Kind, create, get, has_code};
use crate::target::{SERVED_PAUSE, SERVED_TRIES};

/// Istio's routes.
pub const VIRTUAL_SERVICE: Kind =
    Kind::new("/apis/networking.istio.io/v1beta1", "virtualservices", "VirtualService");
/// Istio's policies.
pub const DESTINATION_RULE: Kind =
    Kind::new("/apis/networking.istio.io/v1beta1", "destinationrules", "DestinationRule");
/// Routes of the Gateway API.
pub const HTTP_ROUTE: Kind = Kind::new("/apis/gateway.networking.k8s.io/v1", "httproutes", "HTTPRoute");
/// Traefik's weighted services.
pub const TRAEFIK_SERVICE: Kind = Kind::new("/apis/traefik.io/v1alpha1", "traefikservices", "TraefikService");
/// Contour's routes.
pub const HTTP_PROXY: Kind = Kind::new("/apis/projectcontour.io/v1", "httpproxies", "HTTPProxy");
/// Splits of the service mesh interface, as Linkerd reads them.
pub const TRAFFIC_SPLIT: Kind =
    Kind::new("/apis/split.smi-spec.io/v1alpha1", "trafficsplits", "TrafficSplit");
/// APISIX' routes.
pub const APISIX_ROUTE: Kind = Kind::new("/apis/apisix.apache.org/v2", "apisixroutes", "ApisixRoute");
/// Gloo's routes.
pub const ROUTE_TABLE: Kind = Kind::new("/apis/gateway.solo.io/v1", "routetables", "RouteTable");
/// Gloo's destinations.
pub const UPSTREAM: Kind = Kind::new("/apis/gloo.solo.io/v1", "upstreams", "Upstream");
/// Kuma's routes, which are of the whole cluster.
pub const TRAFFIC_ROUTE: Kind =
    Kind { is_namespaced: false, ..Kind::new("/apis/kuma.io/v1alpha1", "trafficroutes", "TrafficRoute") };
/// KEDA's autoscalers.
pub const SCALED_OBJECT: Kind = Kind::new("/apis/keda.sh/v1alpha1", "scaledobjects", "ScaledObject");
/// Knative's services.
pub const KNATIVE_SERVICE: Kind = Kind::new("/apis/serving.knative.dev/v1", "services", "Service");
/// Knative's revisions.
pub const KNATIVE_REVISION: Kind = Kind::new("/apis/serving.knative.dev/v1", "revisions", "Revision");
/// Flagger's templates of queries.
pub const METRIC_TEMPLATE: Kind = Kind::new("/apis/flagger.app/v1beta1", "metrictemplates", "MetricTemplate");
/// Flagger's chats.
pub const ALERT_PROVIDER: Kind = Kind::new("/apis/flagger.app/v1beta1", "alertproviders", "AlertProvider");

/// All of them.
pub const KINDS: [Kind; 15] = [
    VIRTUAL_SERVICE,
    DESTINATION_RULE,
    HTTP_ROUTE,
    TRAEFIK_SERVICE,
    HTTP_PROXY,
    TRAFFIC_SPLIT,
    APISIX_ROUTE,
    ROUTE_TABLE,
    UPSTREAM,
    TRAFFIC_ROUTE,
    SCALED_OBJECT,
    KNATIVE_SERVICE,
    KNATIVE_REVISION,
    METRIC_TEMPLATE,
    ALERT_PROVIDER,
];

/// Defines those that Serin does not bring itself, and waits until all are served.
pub async fn install(client: &Client) -> Result<()> {
    let foreign = KINDS.into_iter().filter(|kind| !kind.api.contains("flagger.app"));
    for kind in foreign {
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        match create(client, path, &definition(kind)).await {
            Err(error) if !has_code(&error, 409) => return Err(error),
            _ => {}
        }
    }
    for kind in KINDS {
        let mut tries = 0..SERVED_TRIES;
        while get(client, &format!("{}/{}", kind.api, kind.plural)).await.is_err() {
            if tries.next().is_none() {
                bail!("{} {} are not served 10 s after their definition was created", kind.api, kind.plural);
            }
            tokio::time::sleep(SERVED_PAUSE).await;
        }
    }
    Ok(())
}

fn definition(kind: Kind) -> Value {
    let (group, version) = kind.group_and_version();
    let Kind { plural, name, is_namespaced, .. } = kind;
    let scope = if is_namespaced { "Namespaced" } else { "Cluster" };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": format!("{plural}.{group}"),
            // Groups of kubernetes.io and k8s.io are the API server's own unless this is said.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": plural, "kind": name, "singular": name.to_lowercase(), "listKind": format!("{name}List")},
            "versions": [{
                "name": version,
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                "subresources": {"status": {}},
            }],
        },
    })
}

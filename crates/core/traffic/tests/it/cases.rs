//! Every provider with a front that asks for much, and with the objects that it copies from.

use serde_json::json;
use serin_kernel::Kind;
use serin_traffic::{
    AppMeshVersion, Front, GatewayVersion, Provider, SmiVersion, Split,
    front::{Affinity, Cookies, Upstream},
};

use crate::{reader, world::World};

/// A provider at work.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) provider: Provider,
    pub(crate) front: Front,
    pub(crate) world: World,
    /// The splits that it can carry.
    pub(crate) splits: Vec<Split>,
}

/// A front that asks for much.
pub(crate) fn front() -> Front {
    let manifest = json!({
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "podinfo"},
            "ingressRef": {"name": "web"},
            "service": {
                "port": 80, "targetPort": 9898, "portName": "http", "timeout": "15s", "backendTimeout": "5s",
                "hosts": ["app.example.com"], "gateways": ["public"], "meshName": "global",
                "gatewayRefs": [{"name": "gateway", "namespace": "ingress"}],
                "match": [{"uri": {"prefix": "/api"}, "method": {"exact": "GET"}}, {"uri": {"exact": "/x"}}],
                "rewrite": {"uri": "/", "authority": "inner", "type": "ReplacePrefixMatch"},
                "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "5xx,reset"},
                "headers": {
                    "request": {"add": {"x-b": "2", "x-a": "1"}, "remove": ["x-c"]},
                    "response": {"set": {"x-d": "4"}},
                },
                "corsPolicy": {"allowOrigin": ["https://example.com"], "allowMethods": ["GET"], "maxAge": "1h"},
                "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}},
                "backends": ["backend", "arn:aws:x"],
                "apex": {"labels": {"team": "blue"}, "annotations": {"note": "apex"}},
            },
            "analysis": {"stepWeight": 10},
        },
    });
    reader::front(&manifest, &json!({"app": "podinfo"}))
}

/// The front of an A/B test.
fn trial() -> Front {
    let matches =
        json!([{"headers": {"x-user": {"exact": "insider"}}}, {"headers": {"cookie": {"exact": "canary"}}}]);
    Front { trial: matches.as_array().cloned().unwrap(), iterative: true, ..front() }
}

/// The front of a run that keeps users with their version.
fn affine() -> Front {
    let cookies =
        Cookies { current: "c=abc".to_owned(), previous: "c=old".to_owned(), primary: "p=xyz".to_owned() };
    let affinity = Affinity {
        cookie_name: "c".to_owned(),
        primary_cookie_name: Some("p".to_owned()),
        primary_max_age: 60,
        cookies,
        ..Affinity::default()
    };
    Front { affinity: Some(affinity), ..front() }
}

fn mirrored() -> Split {
    Split { mirrored: true, ..Split::PRIMARY }
}

pub(crate) fn cases() -> Vec<Case> {
    let weights: Vec<Split> = [0, 1, 50, 99, 100].map(|canary| Split::new(100 - canary, canary)).into();
    let with = |more: &[Split]| [&weights[..], more].concat();
    let iterative = Front { iterative: true, ..front() };
    let mut cases = Vec::new();
    let mut add = |name: &str, provider: Provider, front: Front, splits: Vec<Split>| {
        let world = sources();
        cases.push(Case { name: format!("{provider:?} {name}"), provider, front, world, splits });
    };
    let tcp = {
        let mut front = front();
        front.port.app_protocol = Some("TCP".to_owned());
        front.matches = vec![json!({"port": 80})];
        front
    };
    add("weights", Provider::Istio, front(), with(&[mirrored()]));
    add("tcp", Provider::Istio, tcp, with(&[]));
    add("trial", Provider::Istio, trial(), with(&[]));
    add("affinity", Provider::Istio, affine(), with(&[]));
    for version in [GatewayVersion::V1, GatewayVersion::V1Beta1] {
        let provider = Provider::Gateway(version);
        add("weights", provider, front(), with(&[]));
        add("iterations", provider, iterative.clone(), with(&[mirrored()]));
        add("trial", provider, trial(), with(&[]));
        add("affinity", provider, affine(), with(&[]));
    }
    for provider in [Provider::Nginx, Provider::Skipper] {
        add("weights", provider, front(), with(&[]));
    }
    add("trial", Provider::Nginx, trial(), vec![Split::PRIMARY, Split::new(0, 100)]);
    add("weights", Provider::Traefik, front(), with(&[]));
    for provider in [
        Provider::Contour,
        Provider::Gloo,
        Provider::AppMesh(AppMeshVersion::V1Beta1),
        Provider::AppMesh(AppMeshVersion::V1Beta2),
    ] {
        add("weights", provider, front(), with(&[]));
        add("trial", provider, trial(), with(&[]));
    }
    let upstream = Upstream { namespace: "test".to_owned(), name: "settings".to_owned() };
    add("settings", Provider::Gloo, Front { upstream: Some(upstream), ..front() }, with(&[]));
    for version in [SmiVersion::V1Alpha1, SmiVersion::V1Alpha2, SmiVersion::V1Alpha3] {
        let istio = version == SmiVersion::V1Alpha1;
        add("weights", Provider::Smi { version, istio }, front(), with(&[]));
    }
    for provider in [Provider::Apisix, Provider::Kuma] {
        add("weights", provider, front(), with(&[]));
    }
    let knative = Front { target: "own".to_owned(), ..front() };
    add("weights", Provider::Knative, knative, with(&[]));
    cases
}

/// The objects with users' traffic that providers copy from.
fn sources() -> World {
    let path = |path: &str, service: &str| json!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": {"number": 80}}}});
    let paths = json!([path("/", "podinfo"), path("/other", "other")]);
    let rules = json!([{"host": "a", "http": {"paths": paths}}, {"host": "bare"}]);
    let meta = json!({
        "labels": {"app": "web"},
        "annotations": {
            "kubernetes.io/ingress.class": "x", "nginx.ingress.kubernetes.io/canary-weight": "7",
            "zalando.org/skipper-predicate": "Host(/a/)", "kubectl.kubernetes.io/last-applied-configuration": "{}",
        },
    });
    let mut world = World::default();
    let key = serin_api::kinds::INGRESS.key("test", "web");
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta,
        "spec": {"ingressClassName": "x", "rules": rules},
    });
    world.put(&key, ingress);
    let route = Kind::namespaced("apisix.apache.org", "v2", "ApisixRoute", "apisixroutes");
    let backends = |service: &str| json!([{"serviceName": service, "servicePort": 80, "subset": "s"}]);
    let http =
        json!([{"name": "a", "backends": backends("other")}, {"name": "b", "backends": backends("podinfo")}]);
    world.put(
        &route.key("test", "web"),
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"http": http}}),
    );
    let upstream = Kind::namespaced("gloo.solo.io", "v1", "Upstream", "upstreams");
    let spec = json!({"loadBalancerConfig": {"roundRobin": {}}, "useHttp2": true, "static": {}});
    world.put(
        &upstream.key("test", "settings"),
        json!({"metadata": {"labels": {"app": "web"}}, "spec": spec}),
    );
    let knative = Kind::namespaced("serving.knative.dev", "v1", "Service", "services");
    let spec = json!({"template": {"spec": {}}});
    let traffic = json!([
        {"latestRevision": true, "revisionName": "own-1", "percent": 0},
        {"revisionName": "own-1", "percent": 100, "latestRevision": false},
    ]);
    let mark = json!({"flagger.app/primary-revision": "own-1"});
    let object = json!({"metadata": {"annotations": mark}, "spec": spec, "status": {"traffic": traffic}});
    world.put(&knative.key("test", "own"), object);
    world
}

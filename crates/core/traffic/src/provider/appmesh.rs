//! AWS App Mesh: virtual nodes for the versions, and virtual services whose routes split requests between them.
//!
//! Two services are made: the apex, which is split, and one that always leads to the version under trial.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_kernel::{Key, Kind, Observed};
use serin_lang::{duration::GoDuration, int_or_string::IntOrString};

use super::{Route, existing, no_routes};
use crate::{
    Error, Front, Split, Wanted,
    cursor::{Cursor, Read},
    wanted::filled,
};

const GROUP: &str = "appmesh.k8s.aws";
/// How long a try may take when nothing is said.
const TRY_MILLISECONDS: i64 = 250;
/// After which failures there is another try when nothing is said.
const TRY_ON: &str = "gateway-error";
/// Routes of an A/B test by their order: those that match come first.
const MATCHING_PRIORITY: u32 = 10;
const REST_PRIORITY: u32 = 20;

/// A version of App Mesh's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AppMeshVersion {
    /// `v1beta1`.
    V1Beta1,
    /// `v1beta2`.
    V1Beta2,
}

/// App Mesh, `v1beta1`: routes are in the virtual service.
pub(crate) struct V1Beta1;

/// App Mesh, `v1beta2`: routes are in a virtual router.
pub(crate) struct V1Beta2;

impl Route for V1Beta1 {
    fn keys(&self, front: &Front) -> Vec<Key> {
        let nodes = [&front.apex, &front.primary, &front.canary].map(|name| node_v1beta1(front, name));
        let services = [&front.apex, &front.canary].map(|name| service_v1beta1(front, name));
        nodes.into_iter().chain(services).collect()
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let mesh = front.mesh.as_ref().filter(|mesh| !mesh.is_empty());
        let mesh = mesh.ok_or_else(|| Error::Unsupported {
            field: "meshName".to_owned(),
            problem: "mesh name cannot be empty".to_owned(),
        })?;
        let node = |name: &str, host: &str| {
            let backend = |name: &String| json!({"virtualService": {"virtualServiceName": name}});
            let log = json!({"accessLog": {"file": {"path": "/dev/stdout"}}});
            let spec = json!({
                "meshName": mesh,
                "listeners": [{"portMapping": port(front, front.port.number)}],
                "serviceDiscovery": {"dns": {"hostName": format!("{host}.{}", front.namespace)}},
                "backends": filled(front.backends.iter().map(backend).collect::<Vec<_>>()),
                "logging": front.access_log.then_some(log),
            });
            marked(front, Wanted::new(node_v1beta1(front, name), spec))
        };
        let service = |name: &String, split: Split, is_apex: bool| -> Result<Wanted, Error> {
            let router =
                json!({"name": name, "listeners": [{"portMapping": port(front, front.port.number)}]});
            let split = routes(front, &V1BETA1, name, split, is_apex)?;
            let spec = json!({"meshName": mesh, "virtualRouter": router, "routes": split});
            Ok(exposed(front, Wanted::new(service_v1beta1(front, name), spec), is_apex))
        };
        Ok(vec![
            node(&front.apex, &front.primary),
            node(&front.primary, &front.primary),
            node(&front.canary, &front.canary),
            service(&front.apex, split, true)?.adopting(self.read(front, observed).is_err()),
            service(&front.canary, Split::new(0, 100), false)?,
        ])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        read(front, &service_v1beta1(front, &front.apex), &V1BETA1, observed)
    }

    fn adopted(&self, front: &Front) -> Vec<Key> {
        vec![service_v1beta1(front, &front.apex)]
    }
}

impl Route for V1Beta2 {
    fn keys(&self, front: &Front) -> Vec<Key> {
        let [node, router, service] = kinds();
        let nodes = [&front.primary, &front.canary].map(|name| key(node, front, name));
        let rest = [&front.apex, &front.canary]
            .into_iter()
            .flat_map(|name| [key(router, front, name), key(service, front, name)]);
        nodes.into_iter().chain(rest).collect()
    }

    fn wanted(&self, front: &Front, split: Split, observed: &Observed) -> Result<Vec<Wanted>, Error> {
        let [node, router, service] = kinds();
        let number = match front.port.target {
            Some(IntOrString::Int(target)) if 0 < target => target as u16,
            _ => front.port.number,
        };
        let time_out = time_out(front)?;
        let node = |name: &String, pods: &str| {
            let backend = |name: &String| match name.strip_prefix("arn:aws") {
                Some(_) => json!({"virtualService": {"virtualServiceARN": name}}),
                None => json!({"virtualService": {"virtualServiceRef": {"name": name}}}),
            };
            let listener = json!({
                "portMapping": port(front, number),
                "timeout": time_out.as_ref().map(|time_out| json!({"http": time_out})),
            });
            let host = format!("{name}.{}.svc.cluster.local.", front.namespace);
            let spec = json!({
                "listeners": [listener],
                "serviceDiscovery": {"dns": {"hostname": host}},
                "podSelector": {"matchLabels": BTreeMap::from([(&front.selector.key, pods)])},
                "backends": filled(front.backends.iter().map(backend).collect::<Vec<_>>()),
            });
            marked(front, Wanted::new(key(node, front, name), spec)).with_defaults(is_default)
        };
        let router = |name: &String, split: Split, is_apex: bool| -> Result<Wanted, Error> {
            let split = routes(front, &V1BETA2, name, split, is_apex)?;
            let spec = json!({"listeners": [{"portMapping": port(front, number)}], "routes": split});
            Ok(Wanted::new(key(router, front, name), spec).with_defaults(is_default))
        };
        let service = |name: &String, is_apex: bool| {
            let spec = json!({"provider": {"virtualRouter": {"virtualRouterRef": {"name": name}}}});
            let wanted = Wanted::new(key(service, front, name), spec).with_defaults(is_default);
            exposed(front, wanted, is_apex)
        };
        Ok(vec![
            node(&front.primary, &format!("{}-primary", front.target)),
            node(&front.canary, &front.target),
            router(&front.apex, split, true)?.adopting(self.read(front, observed).is_err()),
            service(&front.apex, true),
            router(&front.canary, Split::new(0, 100), false)?,
            service(&front.canary, false),
        ])
    }

    fn read(&self, front: &Front, observed: &Observed) -> Result<Split, Error> {
        let [_, router, _] = kinds();
        read(front, &key(router, front, &front.apex), &V1BETA2, observed)
    }

    fn adopted(&self, front: &Front) -> Vec<Key> {
        let [_, router, _] = kinds();
        vec![key(router, front, &front.apex)]
    }
}

/// How the two versions of the API write the same route.
struct Words {
    route: &'static str,
    target: fn(&str) -> Value,
    name: for<'a> fn(&Cursor<'a>) -> Result<&'a str, Error>,
    per_try: fn(i64) -> (&'static str, Value),
    knows_time_out: bool,
}

const V1BETA1: Words = Words {
    route: "http",
    target: |name| json!({ "virtualNodeName": name }),
    name: |target| target.at("virtualNodeName")?.text(),
    per_try: |milliseconds| ("perRetryTimeoutMillis", json!(milliseconds)),
    knows_time_out: false,
};

const V1BETA2: Words = Words {
    route: "httpRoute",
    target: |name| json!({"virtualNodeRef": {"name": name}}),
    name: |target| target.at("virtualNodeRef")?.at("name")?.text(),
    per_try: |milliseconds| ("perRetryTimeout", json!({"unit": "ms", "value": milliseconds})),
    knows_time_out: true,
};

/// What App Mesh's own controller fills in.
fn is_default(field: &str, _value: &Value) -> bool {
    field == "awsName" || field == "meshRef"
}

const fn kinds() -> [Kind; 3] {
    [
        Kind::namespaced(GROUP, "v1beta2", "VirtualNode", "virtualnodes"),
        Kind::namespaced(GROUP, "v1beta2", "VirtualRouter", "virtualrouters"),
        Kind::namespaced(GROUP, "v1beta2", "VirtualService", "virtualservices"),
    ]
}

fn key(kind: Kind, front: &Front, name: &str) -> Key {
    kind.key(front.namespace.clone(), name)
}

fn node_v1beta1(front: &Front, name: &str) -> Key {
    key(Kind::namespaced(GROUP, "v1beta1", "VirtualNode", "virtualnodes"), front, name)
}

fn service_v1beta1(front: &Front, name: &str) -> Key {
    let kind = Kind::namespaced(GROUP, "v1beta1", "VirtualService", "virtualservices");
    key(kind, front, &format!("{name}.{}", front.namespace))
}

fn port(front: &Front, number: u16) -> Value {
    let is_grpc = front.port.name.as_ref().is_some_and(|name| name.contains("grpc"));
    json!({"port": number, "protocol": if is_grpc { "grpc" } else { "http" }})
}

/// A node has the marks alone.
fn marked(front: &Front, wanted: Wanted) -> Wanted {
    wanted.dressed(BTreeMap::new(), front.marks.left_alone.clone()).sharing_labels().sharing_annotations()
}

/// The apex is told to App Mesh's gateway if it has hosts.
fn exposed(front: &Front, wanted: Wanted, is_apex: bool) -> Wanted {
    if !is_apex || front.hosts.is_empty() {
        return wanted;
    }
    let domains: String = front.hosts.iter().flat_map(|host| [host, ","]).collect();
    let mut told = vec![("expose", "true".to_owned()), ("domain", domains)];
    told.extend(front.timeout.iter().map(|time_out| ("timeout", time_out.clone())));
    told.extend(front.retries.iter().map(|retries| ("retries", retries.attempts.to_string())));
    let told = told.into_iter().map(|(name, value)| (format!("gateway.{GROUP}/{name}"), value));
    wanted.dressed(BTreeMap::new(), told.collect()).sharing_labels().sharing_annotations()
}

/// The routes of the service called `name`.
fn routes(
    front: &Front,
    words: &Words,
    name: &str,
    split: Split,
    is_apex: bool,
) -> Result<Vec<Value>, Error> {
    let target = |name: &str, weight: u32| {
        let mut target = (words.target)(name);
        target["weight"] = json!(weight);
        target
    };
    let both = || vec![target(&front.canary, split.canary.0), target(&front.primary, split.primary.0)];
    let retries = retries(front, words)?;
    let time_out = time_out(front)?.filter(|_| words.knows_time_out);
    let route = |name: String, priority: Option<u32>, headers: Option<Value>, targets: Vec<Value>| {
        let route = json!({
            "match": {"prefix": front.prefix(), "headers": headers},
            "timeout": time_out,
            "retryPolicy": retries,
            "action": {"weightedTargets": targets},
        });
        json!({"name": name, "priority": priority, words.route: route})
    };
    if front.trial.is_empty() || !is_apex {
        return Ok(vec![route(name.to_owned(), None, None, both())]);
    }
    let headers = front.trial_headers().into_iter().map(|(name, said)| json!({"name": name, "match": said}));
    let headers = filled(headers.collect::<Vec<_>>());
    let rest = vec![target(&front.primary, 100)];
    Ok(vec![
        route(format!("{name}-a"), Some(MATCHING_PRIORITY), headers, both()),
        route(format!("{name}-b"), Some(REST_PRIORITY), None, rest),
    ])
}

fn retries(front: &Front, words: &Words) -> Result<Option<Value>, Error> {
    let Some(retries) = &front.retries else { return Ok(None) };
    let milliseconds = match &retries.per_try_timeout {
        Some(text) => milliseconds("retries.perTryTimeout", text)?,
        None => TRY_MILLISECONDS,
    };
    let (field, per_try) = (words.per_try)(milliseconds);
    Ok(Some(json!({
        field: per_try,
        "maxRetries": retries.attempts.max(1),
        "httpRetryEvents": retries.events().unwrap_or_else(|| vec![TRY_ON]),
    })))
}

fn time_out(front: &Front) -> Result<Option<Value>, Error> {
    let Some(text) = &front.timeout else { return Ok(None) };
    let value = milliseconds("timeout", text)?;
    Ok(Some(json!({"perRequest": {"unit": "ms", "value": value}})))
}

fn milliseconds(field: &str, text: &str) -> Result<i64, Error> {
    const NANOSECONDS: i64 = 1_000_000;
    match GoDuration::parse(text) {
        Ok(duration) => Ok(duration.nanos() / NANOSECONDS),
        Err(error) => Err(Error::Unsupported { field: field.to_owned(), problem: error.to_string() }),
    }
}

/// The split that the first route of an object says.
fn read(front: &Front, key: &Key, words: &Words, observed: &Observed) -> Result<Split, Error> {
    let read = Read::new(existing(observed, key)?);
    let (mut primary, mut canary) = (0, 0);
    if let Some(first) = read.at(&["spec", "routes"])?.items()?.first() {
        for target in first.at(words.route)?.at("action")?.at("weightedTargets")?.items()? {
            let name = (words.name)(&target)?;
            if name == front.primary {
                primary = target.at("weight")?.weight()?;
            } else if name == front.canary {
                canary = target.at("weight")?.weight()?;
            }
        }
    }
    let split = Split::new(primary, canary);
    (!split.is_void()).then_some(split).ok_or_else(|| no_routes(front, key))
}

//! A few objects, and writes to them as an API server would take them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use serin_api::{flagger::Canary, kinds};
use serin_canary::objects::{ObjectSettings, Target, Trouble};
use serin_kernel::{Change, Key, Kind, Object, Observed, Precondition, Write};

const KINDS: [Kind; 36] = [
    kinds::DEPLOYMENT,
    kinds::DAEMON_SET,
    kinds::REPLICA_SET,
    kinds::CONTROLLER_REVISION,
    kinds::SERVICE,
    kinds::CONFIG_MAP,
    kinds::SECRET,
    kinds::HORIZONTAL_POD_AUTOSCALER,
    kinds::SCALED_OBJECT,
    kinds::KNATIVE_SERVICE,
    kinds::KNATIVE_REVISION,
    kinds::CANARY,
    kinds::INGRESS,
    kinds::METRIC_TEMPLATE,
    kinds::ANALYSIS_VARIANT,
    kinds::NAMESPACE,
    kinds::ALERT_PROVIDER,
    kinds::ISTIO_VIRTUAL_SERVICE,
    kinds::ISTIO_DESTINATION_RULE,
    kinds::HTTP_ROUTE,
    kinds::HTTP_ROUTE_V1BETA1,
    kinds::TRAEFIK_SERVICE,
    kinds::HTTP_PROXY,
    kinds::TRAFFIC_SPLIT_V1ALPHA1,
    kinds::TRAFFIC_SPLIT_V1ALPHA2,
    kinds::TRAFFIC_SPLIT_V1ALPHA3,
    kinds::APISIX_ROUTE,
    kinds::ROUTE_TABLE,
    kinds::UPSTREAM,
    kinds::TRAFFIC_ROUTE,
    kinds::APP_MESH_VIRTUAL_NODE_V1BETA1,
    kinds::APP_MESH_VIRTUAL_SERVICE_V1BETA1,
    kinds::APP_MESH_VIRTUAL_NODE,
    kinds::APP_MESH_VIRTUAL_ROUTER,
    kinds::APP_MESH_VIRTUAL_SERVICE,
    kinds::KEPTN_METRIC,
];

/// Objects by key, and the Canary that is planned for.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) objects: BTreeMap<Key, Value>,
    pub(crate) canary: Value,
    pub(crate) settings: ObjectSettings,
}

impl World {
    pub(crate) fn new(canary: &Value) -> Self {
        let mut canary = canary.clone();
        canary["metadata"]["uid"] = json!("uid-of-canary");
        Self { objects: BTreeMap::new(), canary, settings: ObjectSettings::default() }
    }

    /// Puts an object in; one of a kind that no Canary looks at is left out.
    pub(crate) fn put(&mut self, object: &Value) -> Option<Key> {
        let kind = KINDS
            .into_iter()
            .find(|kind| object["kind"] == kind.kind && object["apiVersion"] == kind.api_version())?;
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let key = kind.key(text("namespace"), text("name"));
        let mut object = object.clone();
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid of {key}"));
        }
        object["metadata"]["resourceVersion"] = json!("1");
        self.objects.insert(key.clone(), object);
        Some(key)
    }

    pub(crate) fn get(&self, kind: Kind, name: &str) -> Value {
        self.objects.get(&self.key(kind, name)).cloned().unwrap_or(Value::Null)
    }

    pub(crate) fn key(&self, kind: Kind, name: &str) -> Key {
        kind.key(self.canary["metadata"]["namespace"].as_str().unwrap(), name)
    }

    pub(crate) fn edit(&mut self, kind: Kind, name: &str, edit: impl FnOnce(&mut Value)) {
        let key = self.key(kind, name);
        edit(self.objects.get_mut(&key).unwrap_or_else(|| panic!("{key}")));
    }

    pub(crate) fn remove(&mut self, kind: Kind, name: &str) {
        let key = self.key(kind, name);
        assert!(self.objects.remove(&key).is_some(), "{key}");
    }

    pub(crate) fn observed(&self) -> Observed {
        let related = self.objects.iter().map(|(key, value)| Object::new(key.kind, value).unwrap());
        Observed::new(Object::new(kinds::CANARY, &self.canary).unwrap(), related.collect::<Vec<_>>())
    }

    pub(crate) fn typed(&self) -> Canary {
        serin_api::lenient::<Canary>(self.canary.clone()).value
    }

    /// Looks at the target and asks it something.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&Target<'_>) -> T) -> Result<T, Trouble> {
        let (observed, canary) = (self.observed(), self.typed());
        Target::look(&observed, &canary, &self.settings).map(|target| ask(&target))
    }

    /// Looks at the target and makes the writes that it answers; how many they were.
    pub(crate) fn run(&mut self, ask: impl FnOnce(&Target<'_>) -> Vec<Write>) -> usize {
        let writes = self.ask(ask).unwrap();
        let count = writes.len();
        self.apply_all(writes);
        count
    }

    pub(crate) fn apply_all(&mut self, writes: Vec<Write>) {
        for write in writes {
            self.apply(write);
        }
    }

    /// Makes one write.
    pub(crate) fn apply(&mut self, write: Write) {
        match write.change {
            Change::Create(body) => {
                assert!(!self.objects.contains_key(&write.target), "{} is there", write.target);
                assert_eq!(self.put(&body), Some(write.target), "{body}");
            }
            Change::Merge(patch) => self.merge(&write.target, &write.precondition, &patch),
            Change::MergeStatus(patch) => {
                let keys: Vec<_> = patch.as_object().unwrap().keys().collect();
                assert_eq!(keys, ["status"], "of {}", write.target);
                self.merge(&write.target, &write.precondition, &patch);
            }
            Change::Delete(_) => drop(self.objects.remove(&write.target)),
            other @ Change::Evict => panic!("{other:?}"),
        }
    }

    fn merge(&mut self, target: &Key, precondition: &Precondition, patch: &Value) {
        let object = if target.kind == kinds::CANARY {
            &mut self.canary
        } else {
            self.objects.get_mut(target).unwrap_or_else(|| panic!("{target}"))
        };
        assert_eq!(object["metadata"]["name"], target.name);
        assert_eq!(precondition.uid.as_deref(), object["metadata"]["uid"].as_str(), "{target}");
        let is_list = patch.pointer("/metadata/finalizers").is_some();
        assert!(!is_list || precondition.resource_version.is_some(), "{target}: others' finalizers are lost");
        merge(object, patch);
    }
}

/// RFC 7396.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else { return *target = patch.clone() };
    if !target.is_object() {
        *target = json!({});
    }
    let map = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The documents of a YAML file with the comments before each.
pub(crate) fn documents(text: &str) -> Vec<(String, Value)> {
    let read = |document: &str| {
        let (comments, body): (Vec<&str>, Vec<&str>) =
            document.lines().partition(|line| line.starts_with('#'));
        let body = body.join("\n");
        let value = if body.trim().is_empty() {
            Value::Null
        } else {
            serde_saphyr::from_str_with_options(
                &body,
                serde_saphyr::options! { strict_booleans: true, budget: None },
            )
            .unwrap()
        };
        (comments.join("\n"), value)
    };
    text.split("\n---").map(str::trim).filter(|document| !document.is_empty()).map(read).collect()
}

/// A Deployment `podinfo` of two pods, a Canary of it, and nothing else.
pub(crate) fn podinfo() -> World {
    let mut world = World::new(&json!({
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 80, "targetPort": 9898},
            "analysis": {"interval": "10s", "threshold": 2, "iterations": 2},
            "progressDeadlineSeconds": 60,
        },
    }));
    world.put(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "podinfo", "namespace": "test", "generation": 1, "labels": {"team": "blue"}, "annotations": {"a": "b"}},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "podinfo"}},
            "template": {
                "metadata": {"labels": {"app": "podinfo"}},
                "spec": {"containers": [{"name": "main", "image": "podinfo:1", "ports": [{"name": "http", "containerPort": 9898}]}]},
            },
        },
    }));
    world
}

/// The same with a primary and its Services.
pub(crate) fn initialized() -> World {
    let mut world = podinfo();
    initialize(&mut world);
    world
}

/// Does what the machine does at first.
pub(crate) fn initialize(world: &mut World) {
    world.run(|target| target.services().unwrap());
    world.run(|target| target.create().unwrap().writes);
    world.run(|target| target.create_scaler().unwrap());
    world.run(|target| target.pause_scaler());
    world.run(|target| target.apex().unwrap());
    world.run(|target| target.to_zero());
    let revision = world.ask(|target| target.revision()).unwrap();
    let tracked = world.ask(|target| target.configs().unwrap().checksums()).unwrap();
    world.canary["status"] = json!({
        "phase": "Initialized", "lastAppliedSpec": revision, "lastPromotedSpec": revision, "trackedConfigs": tracked,
    });
}

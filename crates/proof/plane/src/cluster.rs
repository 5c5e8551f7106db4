//! One cluster: objects, kinds, and the consequences of a write, all settled before the answer.
//!
//! Everything here is synchronous and runs under one lock. What a real cluster does a little later
//! in its garbage collector, namespace controller and CRD controllers happens within the request
//! that causes it, so nothing runs at rest and a test needs no waiting.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::Options;
use crate::kinds::{self, KindInfo};
use crate::registry::Registry;
use crate::status::{About, Refusal};
use crate::store::{Key, Resource, Store};
use crate::verbs::write::WriteOptions;

/// What may follow from a write, looked at before the answer is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// An owner is gone or going, or a dependent has a new owner.
    Dependent(Resource, Key),
    /// An owner that waits for its dependents.
    Owner(Resource, Key),
    /// A namespace that is going.
    Namespace(String),
    /// A definition that is going.
    Definition(Key),
}

/// The place of a request: kind and key.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) kind: Arc<KindInfo>,
    pub(crate) resource: Resource,
    pub(crate) key: Key,
}

impl Place {
    pub(crate) fn new(kind: Arc<KindInfo>, key: Key) -> Place {
        // Events have two groups and one store.
        let group = if kind.group == "events.k8s.io" { "" } else { kind.group.as_str() };
        let resource = Resource::new(group, kind.plural.clone());
        Place { kind, resource, key }
    }

    pub(crate) fn about(&self) -> About<'_> {
        About { group: &self.kind.group, plural: &self.kind.plural }
    }

    pub(crate) fn not_found(&self) -> Refusal {
        Refusal::not_found(self.about(), &self.key.name)
    }
}

/// The state of the plane.
pub(crate) struct Cluster {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) options: Options,
    pub(crate) due: VecDeque<Due>,
    /// What the client is told beside the answer.
    pub(crate) warnings: Vec<String>,
    /// The certificate of the socket that clients reach, in PEM, once there is one.
    pub(crate) authority: Option<String>,
    random: StdRng,
}

/// The namespaces that every cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The letters of generated names, without vowels and look-alikes, so that no word comes out.
const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Cluster {
    /// A cluster with its default namespaces and the `kubernetes` Service.
    pub(crate) fn new(options: Options) -> Cluster {
        let random = options.seed.map_or_else(rand::make_rng, StdRng::seed_from_u64);
        let store = Store::new(options.history_max);
        let registry = Registry::new(kinds::builtin());
        let mut cluster = Cluster {
            store,
            registry,
            options,
            due: VecDeque::new(),
            warnings: Vec::new(),
            authority: None,
            random,
        };
        for name in NAMESPACES {
            cluster.seed("", "v1", "namespaces", json!({ "metadata": { "name": name } }));
        }
        let service = json!({
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": { "component": "apiserver", "provider": "kubernetes" },
            },
            "spec": {
                "clusterIP": "10.96.0.1",
                "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443 }],
            },
        });
        cluster.seed("", "v1", "services", service);
        cluster
    }

    fn seed(&mut self, group: &str, version: &str, plural: &str, object: Value) {
        let Some(kind) = self.registry.find(group, version, plural) else { return };
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let place = Place::new(kind, Key::new(text("namespace"), text("name")));
        if let Err(refusal) = self.create(&place, object, WriteOptions::default()) {
            tracing::error!(message = refusal.message, "a default object was refused");
        }
    }

    /// Tells every namespace, and each one to come, the certificate to trust.
    pub(crate) fn trust(&mut self, certificate_pem: &str) {
        self.authority = Some(certificate_pem.to_owned());
        let all: Vec<String> =
            self.store.list(&Resource::new("", "namespaces"), "").map(|(key, _)| key.name.clone()).collect();
        for namespace in all {
            crate::rules::root_certificate(self, &namespace);
        }
    }

    /// The time of the plane's clock.
    pub(crate) fn now(&self) -> Timestamp {
        (self.options.clock)()
    }

    /// A new uid, a version 4 UUID.
    pub(crate) fn uid(&mut self) -> String {
        let bits: u128 = self.random.random();
        let bits = bits & !(0xf << 76) | (0x4 << 76);
        let bits = bits & !(0x3 << 62) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    /// The five letters that `generateName` gets.
    pub(crate) fn suffix(&mut self) -> String {
        (0..5).map(|_| char::from(NAME_LETTERS[self.random.random_range(0..NAME_LETTERS.len())])).collect()
    }

    /// The object at a place.
    pub(crate) fn object(&self, place: &Place) -> Result<Arc<Value>, Refusal> {
        self.store.get(&place.resource, &place.key).cloned().ok_or_else(|| place.not_found())
    }
}

/// A time as `metadata` writes it, in whole seconds.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The object of `field` in `object`, made if absent or of another type.
pub(crate) fn map_mut<'a>(object: &'a mut Value, field: &str) -> &'a mut serde_json::Map<String, Value> {
    if !object.is_object() {
        *object = json!({});
    }
    let value = &mut object[field];
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object just above"),
    }
}

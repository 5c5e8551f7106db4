//! What the watches have said, and which keys a change makes due.
//!
//! Writes are laid over the cache at once ([`Cache::apply`] with the API's answer), and an older version never replaces
//! a newer one: so the next pass never decides on a state from before our own write.

use crate::json::{Labels, labels, owner, text};
use crate::pod::{Pod, version};
use crate::service::{service_selector, slice_service};
use crate::write::{Key, Kind};
use serde_json::Value;
use serin_lang::selector::Selector;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// Every watched object; pods as the short form that the planners read.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    objects: BTreeMap<Key, Arc<Value>>,
    pods: BTreeMap<Key, Arc<Pod>>,
    /// Pods and ReplicaSets by their controller's uid; orphans under "".
    owned: BTreeMap<String, BTreeSet<Key>>,
}

impl Cache {
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.objects.get(key).cloned()
    }

    pub(crate) fn pod(&self, key: &Key) -> Option<Arc<Pod>> {
        self.pods.get(key).cloned()
    }

    /// All keys of a kind, for finding out after a relist which objects are gone.
    pub(crate) fn keys(&self, kind: Kind) -> Vec<Key> {
        let keys = self.objects.keys().chain(self.pods.keys());
        keys.filter(|key| key.kind == kind).cloned().collect()
    }

    /// The objects of a kind in a namespace ("" for cluster-scoped kinds), by name.
    pub(crate) fn all(&self, kind: Kind, namespace: &str) -> Vec<Arc<Value>> {
        let inside = range(&self.objects, kind, namespace);
        inside.map(|(_, object)| Arc::clone(object)).collect()
    }

    /// The pods of a namespace, by name.
    pub(crate) fn pods(&self, namespace: &str) -> Vec<Arc<Pod>> {
        range(&self.pods, Kind::Pod, namespace).map(|(_, pod)| Arc::clone(pod)).collect()
    }

    /// The pods that `uid` controls.
    pub(crate) fn pods_of(&self, uid: &str) -> Vec<Arc<Pod>> {
        self.owned.get(uid).into_iter().flatten().filter_map(|key| self.pod(key)).collect()
    }

    /// Pods without a controller in a namespace.
    pub(crate) fn orphan_pods(&self, namespace: &str) -> Vec<Arc<Pod>> {
        let keys = self.owned.get("").into_iter().flatten();
        keys.filter(|key| key.namespace == namespace).filter_map(|key| self.pod(key)).collect()
    }

    /// The ReplicaSets that `uid` controls, and those in the namespace without a controller.
    pub(crate) fn sets_of(&self, uid: &str, namespace: &str) -> Vec<Arc<Value>> {
        let keys = [uid, ""].into_iter().filter_map(|owner| self.owned.get(owner)).flatten();
        keys.filter(|key| key.kind == Kind::ReplicaSet && key.namespace == namespace)
            .filter_map(|key| self.get(key))
            .collect()
    }

    /// Takes in an object unless a newer version is there. Returns the keys that are due because of it.
    pub(crate) fn apply(&mut self, kind: Kind, mut object: Value) -> BTreeSet<Key> {
        let key = Key::of(kind, &object);
        let mut due = BTreeSet::new();
        if self.known_version(&key).is_some_and(|known| version(&object) < known) {
            return due;
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.shift_remove("managedFields");
        }
        self.note_due(&key, &mut due);
        self.forget(&key);
        if kind == Kind::Pod {
            let pod = Arc::new(Pod::read(&object));
            let owner = pod.owner.as_ref().map_or("", |owner| owner.uid.as_str());
            self.owned.entry(owner.to_owned()).or_default().insert(key.clone());
            self.pods.insert(key.clone(), pod);
        } else {
            if kind == Kind::ReplicaSet {
                let owner = owner(&object).map(|owner| owner.uid).unwrap_or_default();
                self.owned.entry(owner).or_default().insert(key.clone());
            }
            self.objects.insert(key.clone(), Arc::new(object));
        }
        self.note_due(&key, &mut due);
        due
    }

    /// Drops an object. Returns the keys that are due because of it.
    pub(crate) fn remove(&mut self, key: &Key) -> BTreeSet<Key> {
        let mut due = BTreeSet::new();
        self.note_due(key, &mut due);
        self.forget(key);
        due
    }

    /// Notes a binding that the API has accepted but not shown yet. What it showed before the binding is older than that.
    pub(crate) fn assign(&mut self, namespace: &str, pod: &str, node: &str) {
        if let Some(pod) = self.pods.get_mut(&Key::new(Kind::Pod, namespace, pod)) {
            let pod = Arc::make_mut(pod);
            node.clone_into(&mut pod.node);
            pod.version += 1;
        }
    }

    fn known_version(&self, key: &Key) -> Option<u64> {
        match key.kind {
            Kind::Pod => self.pods.get(key).map(|pod| pod.version),
            _ => self.objects.get(key).map(|object| version(object)),
        }
    }

    fn forget(&mut self, key: &Key) {
        let owner = match key.kind {
            Kind::Pod => self.pods.remove(key).map(|pod| pod.owner.as_ref().map(|owner| owner.uid.clone())),
            _ => self.objects.remove(key).map(|object| owner(&object).map(|owner| owner.uid)),
        };
        let Some(owner) = owner.map(Option::unwrap_or_default) else { return };
        if let Some(keys) = self.owned.get_mut(&owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.owned.remove(&owner);
            }
        }
    }

    /// The keys whose planners read the object at `key`.
    fn note_due(&self, key: &Key, due: &mut BTreeSet<Key>) {
        match key.kind {
            Kind::Pod => {
                if let Some(pod) = self.pods.get(key) {
                    self.note_pod(key, pod, due);
                }
            }
            Kind::ReplicaSet => {
                due.insert(key.clone());
                let owner = self.objects.get(key).and_then(|set| owner(set));
                match owner {
                    Some(owner) if owner.kind == "Deployment" => {
                        due.insert(Key::new(Kind::Deployment, &key.namespace, &owner.name));
                    }
                    Some(_) => {}
                    None => due.extend(self.keys_in(Kind::Deployment, &key.namespace)),
                }
            }
            Kind::EndpointSlice => {
                if let Some(service) = self.objects.get(key).and_then(|slice| slice_service(slice)) {
                    due.insert(Key::new(Kind::Service, &key.namespace, &service));
                }
            }
            Kind::Endpoints => {
                due.insert(Key::new(Kind::Service, &key.namespace, &key.name));
            }
            Kind::Node => {
                due.extend(self.keys(Kind::DaemonSet));
                due.extend(
                    self.pods.iter().filter(|(_, pod)| pod.node.is_empty()).map(|(key, _)| key.clone()),
                );
            }
            Kind::Deployment | Kind::DaemonSet | Kind::Service | Kind::Budget => {
                due.insert(key.clone());
                if key.kind == Kind::Deployment {
                    due.extend(self.keys_in(Kind::Budget, &key.namespace));
                }
            }
            Kind::Event => {}
        }
    }

    fn note_pod(&self, key: &Key, pod: &Pod, due: &mut BTreeSet<Key>) {
        if pod.node.is_empty() {
            due.insert(key.clone());
        }
        match &pod.owner {
            Some(owner) if owner.kind == "DaemonSet" => {
                due.insert(Key::new(Kind::DaemonSet, &key.namespace, &owner.name));
            }
            Some(owner) if owner.kind == "ReplicaSet" => {
                due.insert(Key::new(Kind::ReplicaSet, &key.namespace, &owner.name));
                due.extend(self.waiting_deployment(&key.namespace, &owner.name));
            }
            Some(_) => {}
            None => due.extend(self.keys_in(Kind::ReplicaSet, &key.namespace)),
        }
        let selects = |object: &Value, kind: Kind, labels: &Labels| match kind {
            Kind::Service => service_selector(object).matches(labels),
            _ => object
                .pointer("/spec/selector")
                .and_then(|s| Selector::from_object(s).ok())
                .is_some_and(|s| s.matches(labels)),
        };
        for kind in [Kind::Service, Kind::Budget] {
            for (other, object) in range(&self.objects, kind, &key.namespace) {
                if selects(object, kind, &pod.labels) {
                    due.insert(other.clone());
                }
            }
        }
    }

    /// `Recreate` waits for old pods to be gone, which shows in pods alone.
    fn waiting_deployment(&self, namespace: &str, set: &str) -> Option<Key> {
        let set = self.objects.get(&Key::new(Kind::ReplicaSet, namespace, set))?;
        let owner = owner(set).filter(|owner| owner.kind == "Deployment")?;
        let key = Key::new(Kind::Deployment, namespace, &owner.name);
        let deployment = self.objects.get(&key)?;
        (text(deployment, "/spec/strategy/type") == "Recreate").then_some(key)
    }

    fn keys_in(&self, kind: Kind, namespace: &str) -> Vec<Key> {
        range(&self.objects, kind, namespace).map(|(key, _)| key.clone()).collect()
    }
}

fn range<'a, T>(
    map: &'a BTreeMap<Key, T>,
    kind: Kind,
    namespace: &'a str,
) -> impl Iterator<Item = (&'a Key, &'a T)> {
    let first = Key::new(kind, namespace, "");
    map.range((Bound::Included(first), Bound::Unbounded))
        .take_while(move |(key, _)| key.kind == kind && key.namespace == namespace)
}

/// The slices of one Service.
pub(crate) fn slices_of(cache: &Cache, service: &Key) -> Vec<Arc<Value>> {
    let mut slices = cache.all(Kind::EndpointSlice, &service.namespace);
    slices.retain(|slice| {
        labels(slice, "/metadata/labels").get("kubernetes.io/service-name") == Some(&service.name)
            && slice_service(slice).is_some()
    });
    slices
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(version: &str, owner: Option<&str>, node: &str) -> Value {
        json!({
            "metadata": {"name": "p", "namespace": "ns", "resourceVersion": version, "labels": {"app": "web"},
                         "ownerReferences": owner.map(|uid| json!([{"kind": "ReplicaSet", "name": "rs", "uid": uid, "controller": true}]))},
            "spec": {"nodeName": node},
        })
    }

    #[test]
    fn an_older_version_never_replaces_a_newer_one() {
        let mut cache = Cache::default();
        cache.apply(Kind::Pod, pod("9", Some("u"), "n"));
        assert!(cache.apply(Kind::Pod, pod("10", Some("u"), "")).len() > 1);
        assert_eq!(cache.apply(Kind::Pod, pod("9", Some("u"), "n")), BTreeSet::new());
        assert_eq!(cache.pods("ns")[0].node, "");
    }

    #[test]
    fn a_pod_makes_its_owner_its_service_and_its_budget_due() {
        let mut cache = Cache::default();
        cache.apply(
            Kind::Service,
            json!({"metadata": {"name": "s", "namespace": "ns"}, "spec": {"selector": {"app": "web"}}}),
        );
        cache.apply(
            Kind::Service,
            json!({"metadata": {"name": "other", "namespace": "ns"}, "spec": {"selector": {"app": "x"}}}),
        );
        cache.apply(Kind::Budget, json!({"metadata": {"name": "b", "namespace": "ns"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}));
        let due = cache.apply(Kind::Pod, pod("1", Some("u"), "n"));
        let names: Vec<_> = due.iter().map(|key| (key.kind, key.name.as_str())).collect();
        assert_eq!(names, [(Kind::Service, "s"), (Kind::ReplicaSet, "rs"), (Kind::Budget, "b")]);
        assert_eq!(cache.remove(&Key::new(Kind::Pod, "ns", "p")), due);
        assert!(cache.pods_of("u").is_empty());
    }

    #[test]
    fn a_binding_is_known_before_the_watch_shows_it() {
        let mut cache = Cache::default();
        cache.apply(Kind::Pod, pod("9", Some("u"), ""));
        cache.assign("ns", "p", "n1");
        cache.apply(Kind::Pod, pod("9", Some("u"), ""));
        assert_eq!(cache.pods("ns")[0].node, "n1", "what was seen before the binding");
        cache.apply(Kind::Pod, pod("10", Some("u"), "n1"));
        assert_eq!((cache.pods("ns")[0].node.as_str(), cache.pods("ns")[0].version), ("n1", 10));
    }

    #[test]
    fn ownership_follows_the_object() {
        let mut cache = Cache::default();
        cache.apply(Kind::Pod, pod("1", None, "n"));
        assert_eq!(cache.orphan_pods("ns").len(), 1);
        cache.apply(Kind::Pod, pod("2", Some("u"), "n"));
        assert_eq!((cache.orphan_pods("ns").len(), cache.pods_of("u").len()), (0, 1));
    }
}

//! A copy of what is in one namespace, kept by watches.
//!
//! A scenario waits for a state, and states may be short: a watch sees each change, and waiting costs the API server nothing.
//! The copy may be late, never wrong: whoever has just written asks for the version of that write first.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_kind};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cluster::{DEPLOYMENT, EVENT, INGRESS, Kind, POD, REPLICA_SET, ROLLOUT, SERVICE};
use crate::view::View;

/// What scenarios look at: kind of object, and its name in manifests.
const WATCHED: [(Kind, &str); 7] = [
    (ROLLOUT, "Rollout"),
    (REPLICA_SET, "ReplicaSet"),
    (DEPLOYMENT, "Deployment"),
    (POD, "Pod"),
    (SERVICE, "Service"),
    (INGRESS, "Ingress"),
    (EVENT, "Event"),
];

/// One namespace's objects. Dropping it ends its watches.
#[derive(Debug)]
pub struct Mirror {
    objects: Arc<Mutex<Objects>>,
    changed: watch::Receiver<u64>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Objects {
    by_key: BTreeMap<(Kind, String), (u64, Value)>,
    seen: u64,
}

impl Mirror {
    /// Begins to watch a namespace.
    #[must_use]
    pub fn start(client: &Client, namespace: &str) -> Self {
        let objects = Arc::new(Mutex::new(Objects::default()));
        let (sender, changed) = watch::channel(0);
        let sender = Arc::new(sender);
        let mut tasks = JoinSet::new();
        for (kind, name) in WATCHED {
            tasks.spawn(follow(
                client.clone(),
                namespace.to_owned(),
                kind,
                name,
                objects.clone(),
                sender.clone(),
            ));
        }
        Self { objects, changed, _tasks: tasks }
    }

    /// What is there now.
    #[must_use]
    pub fn view(&self) -> View {
        let objects = self.objects.lock();
        View::new(objects.by_key.iter().map(|((kind, _), (seen, object))| (*kind, *seen, object.clone())))
    }

    /// A receiver that wakes at each change.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }
}

async fn follow(
    client: Client,
    namespace: String,
    kind: Kind,
    name: &'static str,
    objects: Arc<Mutex<Objects>>,
    changed: Arc<watch::Sender<u64>>,
) {
    let (group, version) = match kind.api.strip_prefix("/apis/").and_then(|rest| rest.split_once('/')) {
        Some((group, version)) => (group, version),
        None => ("", "v1"),
    };
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let resource = ApiResource {
        group: group.into(),
        version: version.into(),
        api_version,
        kind: name.into(),
        plural: kind.plural.into(),
    };
    let api: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &resource);
    let mut stream = std::pin::pin!(watch_kind(api, watcher::Config::default()).default_backoff());
    let mut listed: Option<Vec<DynamicObject>> = None;
    while let Some(event) = stream.next().await {
        match event {
            Ok(Event::Init) => listed = Some(Vec::new()),
            Ok(Event::InitApply(object)) => listed.get_or_insert_default().push(object),
            Ok(Event::InitDone) => {
                let mut objects = objects.lock();
                objects.by_key.retain(|(k, _), _| *k != kind);
                for object in listed.take().unwrap_or_default() {
                    objects.put(kind, object);
                }
            }
            Ok(Event::Apply(object)) => objects.lock().put(kind, object),
            Ok(Event::Delete(object)) => {
                objects.lock().by_key.remove(&(kind, object.metadata.name.unwrap_or_default()));
            }
            Err(_) => continue, // the watcher begins again; a wait that this spoils ends at its bound and says so
        }
        changed.send_modify(|count| *count += 1);
    }
}

impl Objects {
    /// Keeps an object with the moment when it was first seen: the order of arrival of events.
    fn put(&mut self, kind: Kind, object: DynamicObject) {
        let name = object.metadata.name.clone().unwrap_or_default();
        let Ok(value) = serde_json::to_value(object) else { return };
        self.seen += 1;
        let seen = self.by_key.get(&(kind, name.clone())).map_or(self.seen, |(first, _)| *first);
        self.by_key.insert((kind, name), (seen, value));
    }
}

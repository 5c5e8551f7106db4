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

/// What every scenario looks at.
const WATCHED: [Kind; 7] = [ROLLOUT, REPLICA_SET, DEPLOYMENT, POD, SERVICE, INGRESS, EVENT];

/// One namespace's objects. Dropping it ends its watches.
pub struct Mirror {
    client: Client,
    namespace: String,
    objects: Arc<Mutex<Objects>>,
    sender: Arc<watch::Sender<u64>>,
    changed: watch::Receiver<u64>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct Objects {
    by_key: BTreeMap<(Kind, String), (u64, Arc<Value>)>,
    /// Every state that was seen, in order.
    past: BTreeMap<(Kind, String), Vec<Arc<Value>>>,
    seen: u64,
}

impl Mirror {
    /// Begins to watch a namespace.
    #[must_use]
    pub fn start(client: &Client, namespace: &str) -> Self {
        let (sender, changed) = watch::channel(0);
        let mirror = Self {
            client: client.clone(),
            namespace: namespace.to_owned(),
            objects: Arc::default(),
            sender: Arc::new(sender),
            changed,
            tasks: Mutex::default(),
        };
        mirror.watch(&WATCHED);
        mirror
    }

    /// Begins to watch more kinds.
    pub fn watch(&self, kinds: &[Kind]) {
        let mut tasks = self.tasks.lock();
        for kind in kinds {
            let (client, namespace) = (self.client.clone(), self.namespace.clone());
            tasks.spawn(follow(client, namespace, *kind, self.objects.clone(), self.sender.clone()));
        }
    }

    /// Every state of an object that was seen, in order.
    #[must_use]
    pub fn past(&self, kind: Kind, name: &str) -> Vec<Arc<Value>> {
        self.objects.lock().past.get(&(kind, name.to_owned())).cloned().unwrap_or_default()
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
    objects: Arc<Mutex<Objects>>,
    changed: Arc<watch::Sender<u64>>,
) {
    let (group, version) = kind.group_and_version();
    let resource = ApiResource {
        group: group.into(),
        version: version.into(),
        api_version: kind.api_version().into(),
        kind: kind.name.into(),
        plural: kind.plural.into(),
    };
    let api: Api<DynamicObject> = if kind.is_namespaced {
        Api::namespaced_with(client, &namespace, &resource)
    } else {
        Api::all_with(client, &resource)
    };
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
        let value = Arc::new(value);
        self.seen += 1;
        self.past.entry((kind, name.clone())).or_default().push(value.clone());
        let seen = self.by_key.get(&(kind, name.clone())).map_or(self.seen, |(first, _)| *first);
        self.by_key.insert((kind, name), (seen, value));
    }
}

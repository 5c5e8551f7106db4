//! A copy of what is in one namespace, kept by watches.
//!
//! A scenario waits for a state, and states may be short: a watch sees each change, and waiting costs the API server nothing.
//! The copy may be late, never wrong: whoever has just written asks for the version of that write first.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, ensure};
use futures::StreamExt;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_kind};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::cluster::{DEPLOYMENT, EVENT, INGRESS, Kind, POD, REPLICA_SET, ROLLOUT, SERVICE, get, has_code};
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
    kinds: Mutex<Vec<Kind>>,
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
            kinds: Mutex::default(),
            tasks: Mutex::default(),
        };
        mirror.watch(&WATCHED);
        mirror
    }

    /// Begins to watch more kinds.
    pub fn watch(&self, kinds: &[Kind]) {
        self.kinds.lock().extend(kinds);
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

    /// Waits until what the API holds at this moment has come: the watches of several kinds are late each for itself, and
    /// whoever compares two kinds needs both.
    pub async fn catch_up(&self, bound: Instant) -> Result<()> {
        let kinds = self.kinds.lock().clone();
        for kind in kinds {
            let mut changes = self.changes();
            loop {
                changes.mark_unchanged();
                // Asked anew each time: what has gone since the last list is never seen again.
                let list = match get(&self.client, &kind.list(&self.namespace)).await {
                    Ok(list) => list,
                    Err(error) if has_code(&error, 404) => break, // nobody has brought that kind
                    Err(error) => return Err(error),
                };
                if self.objects.lock().hold(kind, &list) {
                    break;
                }
                let come = timeout_at(bound, changes.changed()).await;
                ensure!(matches!(come, Ok(Ok(()))), "the watch of {} is late beyond all bounds", kind.plural);
            }
        }
        Ok(())
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

/// The version of an object or of a list; 0 for one that has none.
fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl Objects {
    /// Whether all of a list has been seen, and all that it lacks was seen to go.
    fn hold(&self, kind: Kind, list: &Value) -> bool {
        let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        let name = |item: &Value| item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let is_seen = |item: &Value| {
            self.by_key.get(&(kind, name(item))).is_some_and(|(_, seen)| version(item) <= version(seen))
        };
        let is_listed = |wanted: &String| items.iter().any(|item| name(item) == *wanted);
        let of_kind = self.by_key.iter().filter(|((of, _), _)| *of == kind);
        items.iter().all(is_seen)
            && of_kind
                .into_iter()
                .all(|((_, name), (_, seen))| version(list) < version(seen) || is_listed(name))
    }

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

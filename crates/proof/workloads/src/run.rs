//! The loop: watch events in, one key at a time through its planner, writes out.

use crate::api::{self, Outcome};
use crate::cache::{Cache, slices_of};
use crate::json::{int, owner, text};
use crate::pod::Pod;
use crate::queue::Queue;
use crate::replicaset::{Crowds, Failure};
use crate::write::{Key, Kind, Plan, Write};
use crate::{Error, budget, daemonset, deployment, replicaset, schedule, service};
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Tells the time. Under tokio's paused clock a test derives it from tokio's own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Passes over one key before it goes to the back of the queue: enough for the longest chain of writes that needs no
/// answer from anyone else (revision, scale, status), few enough that one key cannot starve the rest.
const PASSES_MAX: usize = 4;

/// Pods created or deleted at once, so that a large ReplicaSet does not wait for one round trip after the other.
const WRITES_AT_ONCE: usize = 16;

/// How the controllers run.
#[derive(Clone)]
pub struct Options {
    /// The time that conditions, events and waits are measured with.
    pub clock: Clock,
    /// Bind waiting pods to nodes. Off beside a real scheduler.
    pub schedule: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(Timestamp::now), schedule: true }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("schedule", &self.schedule).finish_non_exhaustive()
    }
}

/// Runs the controllers until `stop`.
///
/// # Errors
/// [`Error::WatchesEnded`] when the client's watches end for good. Refused requests are retried, never returned.
pub async fn run(client: Client, options: Options, stop: CancellationToken) -> Result<(), Error> {
    let mut events = stream::select_all(Kind::WATCHED.map(|kind| watch(&client, kind)));
    let mut runner = Runner::new(client, options);
    loop {
        let wake = runner.queue.next_wake();
        let idle = !runner.can_work();
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            event = events.next() => match event {
                Some((kind, event)) => runner.take_in(kind, event),
                None => return Err(Error::WatchesEnded),
            },
            () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if idle && wake.is_some() && runner.is_synced() => {
                runner.due_now = true;
            },
            () = std::future::ready(()), if !idle => runner.work().await,
        }
    }
}

type Seen = Result<watcher::Event<DynamicObject>, watcher::Error>;

fn watch(client: &Client, kind: Kind) -> BoxStream<'static, (Kind, Seen)> {
    let (group, name, plural) = kind.names();
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", name), plural);
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    watcher(api, watcher::Config::default()).default_backoff().map(move |event| (kind, event)).boxed()
}

struct Runner {
    client: Client,
    options: Options,
    cache: Cache,
    queue: Queue,
    unsynced: BTreeSet<Kind>,
    /// Objects seen in a listing that has not ended.
    listing: BTreeMap<Kind, BTreeSet<Key>>,
    due_now: bool,
    turn: usize,
    sequence: u64,
}

impl Runner {
    fn new(client: Client, options: Options) -> Self {
        Self {
            client,
            options,
            cache: Cache::default(),
            queue: Queue::default(),
            unsynced: Kind::WATCHED.into_iter().collect(),
            listing: BTreeMap::new(),
            due_now: false,
            turn: 0,
            sequence: 0,
        }
    }

    fn is_synced(&self) -> bool {
        self.unsynced.is_empty()
    }

    fn can_work(&self) -> bool {
        self.is_synced() && (self.due_now || self.queue.has_ready())
    }

    fn take_in(&mut self, kind: Kind, event: Seen) {
        let due = match event {
            Ok(watcher::Event::Init) => {
                self.listing.insert(kind, BTreeSet::new());
                BTreeSet::new()
            }
            Ok(watcher::Event::InitApply(object)) => {
                let object = value(object);
                if let Some(seen) = self.listing.get_mut(&kind) {
                    seen.insert(Key::of(kind, &object));
                }
                self.cache.apply(kind, object)
            }
            Ok(watcher::Event::InitDone) => {
                self.unsynced.remove(&kind);
                let seen = self.listing.remove(&kind).unwrap_or_default();
                let gone: Vec<_> =
                    self.cache.keys(kind).into_iter().filter(|key| !seen.contains(key)).collect();
                gone.iter().flat_map(|key| self.cache.remove(key)).collect()
            }
            Ok(watcher::Event::Apply(object)) => self.cache.apply(kind, value(object)),
            Ok(watcher::Event::Delete(object)) => self.cache.remove(&Key::of(kind, &value(object))),
            Err(error) => {
                tracing::debug!(kind = kind.names().1, %error, "a watch was cut");
                // A server that does not know a kind has none of it.
                if matches!(&error, watcher::Error::InitialListFailed(inner) if api::code(inner) == 404) {
                    self.unsynced.remove(&kind);
                }
                BTreeSet::new()
            }
        };
        self.push(due);
    }

    fn push(&mut self, due: BTreeSet<Key>) {
        let now = Instant::now();
        for key in due.into_iter().filter(|key| key.kind != Kind::Pod || self.options.schedule) {
            self.queue.push(key, now);
        }
    }

    /// Takes one key through its planner until it wants nothing more.
    async fn work(&mut self) {
        self.due_now = false;
        let Some(key) = self.queue.pop(Instant::now()) else { return };
        for _ in 0..PASSES_MAX {
            let plan = self.plan(&key);
            if let Some(at) = plan.wake {
                self.wake(&key, at);
            }
            let settled = plan.writes.is_empty();
            let outcome = self.perform(plan.writes).await;
            let failure = outcome.as_ref().err();
            if key.kind == Kind::ReplicaSet {
                self.write_set_status(&key, failure).await;
            }
            match outcome {
                Ok(()) if settled => return self.queue.succeeded(&key),
                Ok(()) => {}
                Err((_, error)) => {
                    tracing::debug!(?key, %error, "a write was refused");
                    return self.queue.retry(key, Instant::now());
                }
            }
        }
        self.queue.push(key, Instant::now());
    }

    fn wake(&mut self, key: &Key, at: Timestamp) {
        let wait = at.duration_since((self.options.clock)());
        // A hair late rather than a hair early: an early wake-up would find nothing to do and sleep again.
        let wait = Duration::try_from(wait).unwrap_or_default() + Duration::from_millis(1);
        self.queue.push_at(key.clone(), Instant::now() + wait);
    }

    fn plan(&mut self, key: &Key) -> Plan {
        let now = (self.options.clock)();
        let cache = &self.cache;
        if key.kind == Kind::Pod {
            let Some(pod) = cache.pod(key) else { return Plan::default() };
            let plan = schedule::plan(&pod, &cache.all(Kind::Node, ""), self.turn);
            self.turn = self.turn.wrapping_add(usize::from(!plan.writes.is_empty()));
            return plan;
        }
        let Some(object) = cache.get(key) else { return Plan::default() };
        match key.kind {
            Kind::Deployment => deployment::plan(&deployment::Observed {
                deployment: &object,
                sets: &cache.sets_of(text(&object, "/metadata/uid"), &key.namespace),
                pods_of: &|uid| cache.pods_of(uid),
                is_taken: &|name| cache.get(&Key::new(Kind::ReplicaSet, &key.namespace, name)).is_some(),
                now,
            }),
            Kind::ReplicaSet => replicaset::plan(&object, &self.pods_for(&object), || self.crowds(&object)),
            Kind::DaemonSet => {
                let pods = cache.pods_of(text(&object, "/metadata/uid"));
                daemonset::plan(&object, &pods, &cache.all(Kind::Node, ""), now)
            }
            Kind::Service => {
                let endpoints = cache.get(&Key::new(Kind::Endpoints, &key.namespace, &key.name));
                let pods = cache.pods(&key.namespace);
                service::plan(&object, &pods, &slices_of(cache, key), endpoints.as_deref())
            }
            Kind::Budget => {
                budget::plan(&object, &cache.pods(&key.namespace), |pods| self.expected(pods), now)
            }
            Kind::Pod | Kind::Node | Kind::Endpoints | Kind::EndpointSlice | Kind::Event => Plan::default(),
        }
    }

    /// A set's own pods and those it may adopt.
    fn pods_for(&self, set: &Value) -> Vec<Arc<Pod>> {
        let mut pods = self.cache.pods_of(text(set, "/metadata/uid"));
        pods.extend(self.cache.orphan_pods(text(set, "/metadata/namespace")));
        pods
    }

    fn crowds(&self, set: &Value) -> Crowds {
        let mut crowds = Crowds::new();
        let uids = match owner(set) {
            Some(owner) => {
                let siblings = self.cache.sets_of(&owner.uid, text(set, "/metadata/namespace"));
                siblings.iter().map(|set| text(set, "/metadata/uid").to_owned()).collect()
            }
            None => vec![text(set, "/metadata/uid").to_owned()],
        };
        for pod in uids.iter().flat_map(|uid| self.cache.pods_of(uid)).filter(|pod| pod.is_active()) {
            *crowds.entry(pod.node.clone()).or_default() += 1;
        }
        crowds
    }

    /// How many pods the controllers of `pods` want: a Deployment's replicas once, or a ReplicaSet's.
    fn expected(&self, pods: &[Arc<Pod>]) -> i64 {
        let mut wanted = BTreeMap::new();
        for pod in pods {
            let set = pod.owner.as_ref().map(|owner| Key::new(Kind::ReplicaSet, &pod.namespace, &owner.name));
            let Some((key, set)) = set.and_then(|key| self.cache.get(&key).map(|set| (key, set))) else {
                continue;
            };
            let parent = owner(&set).map(|owner| Key::new(Kind::Deployment, &key.namespace, &owner.name));
            match parent.and_then(|key| self.cache.get(&key).map(|object| (key, object))) {
                Some((key, deployment)) => wanted.insert(key, int(&deployment, "/spec/replicas", 1)),
                None => wanted.insert(key, int(&set, "/spec/replicas", 1)),
            };
        }
        wanted.values().sum()
    }

    /// Writes a ReplicaSet's status as it is after the pod writes.
    async fn write_set_status(&mut self, key: &Key, refused: Option<&(Kind, kube::Error)>) {
        let Some(set) = self.cache.get(key) else { return };
        let failure = refused.filter(|(kind, error)| *kind == Kind::Pod && api::code(error) != 409);
        let failure = failure.map(|(_, error)| Failure { reason: "FailedCreate", message: message(error) });
        if let Some(failure) = &failure {
            let Write::Event(event) = replicaset::failure_event(&set, failure) else { return };
            self.tell(&event.object((self.options.clock)(), self.sequence)).await;
        }
        let plan = replicaset::status(&set, &self.pods_for(&set), failure.as_ref(), (self.options.clock)());
        if let Some(at) = plan.wake {
            self.wake(key, at);
        }
        if let Err((_, error)) = self.perform(plan.writes).await {
            tracing::debug!(?key, %error, "a status was refused");
            self.queue.retry(key.clone(), Instant::now());
        }
    }

    /// Does the writes in order (neighbouring pod writes at once), until one is refused.
    async fn perform(&mut self, writes: Vec<Write>) -> Result<(), (Kind, kube::Error)> {
        let mut writes = writes.into_iter().peekable();
        while let Some(first) = writes.next() {
            let mut batch = vec![first];
            while is_pod_write(&batch[0])
                && let Some(next) = writes.next_if(is_pod_write)
            {
                batch.push(next);
            }
            let client = &self.client;
            let done: Vec<_> = stream::iter(batch)
                .map(|write| async move { (api::perform(client, &write).await, write) })
                .buffered(WRITES_AT_ONCE)
                .collect()
                .await;
            let mut refused = None;
            for (outcome, write) in done {
                if let Err(error) = self.settle(outcome, &write).await {
                    refused.get_or_insert(error);
                }
            }
            if let Some(error) = refused {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Lays what a write has done over the cache and tells about it.
    async fn settle(
        &mut self,
        outcome: Result<Outcome, kube::Error>,
        write: &Write,
    ) -> Result<(), (Kind, kube::Error)> {
        let (kind, told) = match write {
            Write::Create { kind, told, .. } => (*kind, told.as_ref()),
            Write::Delete { key, told, .. } => (key.kind, told.as_ref()),
            Write::Patch { key, .. } => (key.kind, None),
            Write::Bind { .. } => (Kind::Node, None),
            Write::Event(event) => (Kind::Event, Some(event)),
        };
        let (name, due) = match outcome.map_err(|error| (kind, error))? {
            Outcome::Object(kind, object) => {
                (text(&object, "/metadata/name").to_owned(), self.cache.apply(kind, object))
            }
            Outcome::Gone(key) => (key.name.clone(), self.cache.remove(&key)),
            Outcome::Done => (String::new(), BTreeSet::new()),
        };
        self.push(due);
        if let Write::Bind { namespace, pod, node } = write {
            self.cache.assign(namespace, pod, node);
        }
        if let Some(event) = told {
            let mut event = event.clone();
            event.message.push_str(&name);
            self.tell(&event.object((self.options.clock)(), self.sequence)).await;
        }
        Ok(())
    }

    async fn tell(&mut self, event: &Value) {
        self.sequence += 1;
        api::tell(&self.client, event).await;
    }
}

fn is_pod_write(write: &Write) -> bool {
    match write {
        Write::Create { kind, .. } => *kind == Kind::Pod,
        Write::Delete { key, .. } => key.kind == Kind::Pod,
        _ => false,
    }
}

/// The API's own words for a refusal.
fn message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

fn value(object: DynamicObject) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

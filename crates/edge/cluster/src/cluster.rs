//! One cluster as everybody here sees it: stores that watches feed, and writes that are seen at once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use serin_kernel::{Change as Wanted, Event, Interest, Key, Kind, Moment, Object, Refused, Selector, Write};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    Api, Call, Change, Counts, Failure, Limit, Scope, Trim, Verb,
    count::RequestLabels,
    follow,
    record::{EventLabels, Recorder},
    store::Store,
    trim, trim_pod,
};

/// Reads the wall clock. Given from outside, so that a test or a rehearsal can run on virtual time.
pub type Clock = Arc<dyn Fn() -> Moment + Send + Sync>;

/// How a cluster is looked at.
#[derive(Clone)]
pub struct Settings {
    /// The one namespace to look at, or none for all.
    pub namespace: Option<String>,
    /// Kinds of which only the objects with these labels are of interest.
    pub selectors: BTreeMap<Kind, Selector>,
    /// Kinds that are cut down more than [`trim`] does.
    pub trims: BTreeMap<Kind, Trim>,
    /// Requests a second after the burst; infinity for no limit. The default lets 500 Rollouts change at once without waiting for us; the
    /// API server has a fairness of its own.
    pub qps: f64,
    /// Requests at once.
    pub burst: u32,
    /// Seed of the small differences in waits.
    pub seed: u64,
    /// The component named as the source of events.
    pub component: String,
    /// Another component for events about objects of these kinds.
    pub component_by_kind: BTreeMap<Kind, String>,
    /// The wall clock.
    pub clock: Clock,
}

impl Settings {
    /// All namespaces, everything of each kind, and the default limits.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let pod = Kind::namespaced("", "v1", "Pod", "pods");
        Self {
            namespace: None,
            selectors: BTreeMap::new(),
            trims: BTreeMap::from([(pod, trim_pod as Trim)]),
            qps: 600.0,
            burst: 1200,
            seed: 0,
            component: "rollouts-controller".to_owned(),
            component_by_kind: BTreeMap::new(),
            clock,
        }
    }
}

/// Hears of every change in the stores, after it has happened. Must be quick: watches wait for it.
pub trait Listener: Send + Sync {
    /// An object came, changed or went.
    fn changed(&self, change: &Change);
    /// Everything that exists of `kind` is now known (or it is known that there is no such kind).
    fn settled(&self, kind: Kind);
}

/// How far the watch of a kind is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The first list is not there yet; the last failure if there was one.
    Starting(Option<String>),
    /// The store holds what exists.
    Synced,
    /// The API has no such kind (its CRD is not installed). The store is empty; asked again from time to time.
    Absent,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// Done; the object as it is now, or none when it is gone.
    Done(Option<Object>),
    /// Nothing to do: the object is already as wanted. No request was made.
    Skipped,
    /// The object has changed or gone meanwhile: look again and decide afresh.
    Conflict(String),
    /// The API says no.
    Refused(Refused),
    /// No answer, or not now.
    Unreachable {
        /// What went wrong.
        message: String,
        /// How long the API asked us to wait.
        retry_after: Option<Duration>,
        /// The server's own error, such as a webhook of its that does not answer: when it lasts, people must hear of it.
        answer: Option<Refused>,
    },
}

/// Changes under way at once. Each has a connection of its own, which costs some tens of kilobytes and a handshake and is kept for
/// the next; an API server on one core answers more than a thousand a second on so many.
const AT_ONCE: usize = 32;

/// The status of an answer by which a server says what went wrong inside it. Others of its kind (502, 503, 504) say that
/// it, or something before it, is not there.
const INTERNAL_ERROR: u16 = 500;

/// A cluster: caches to read from, and writes that are laid over them at once. Cloning is cheap.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) api: Arc<dyn Api>,
    pub(crate) settings: Settings,
    pub(crate) limit: Limit,
    places: Semaphore,
    pub(crate) counts: Counts,
    pub(crate) stop: CancellationToken,
    kinds: RwLock<HashMap<Kind, Arc<Watched>>>,
    listeners: RwLock<Vec<Arc<dyn Listener>>>,
    recorder: Recorder,
}

pub(crate) struct Watched {
    pub(crate) scope: Scope,
    pub(crate) trim: Trim,
    selector: Option<Selector>,
    pub(crate) store: Mutex<Store>,
    pub(crate) state: Mutex<State>,
    /// Objects without a name that a watch has brought: not kept, but not passed over in silence either.
    pub(crate) nameless: Mutex<u64>,
}

impl Cluster {
    /// A cluster behind `api`. Nothing is watched until it is asked for; everything ends with `stop`. Must be called
    /// within a tokio runtime.
    #[must_use]
    pub fn new(api: Arc<dyn Api>, settings: Settings, stop: CancellationToken) -> Self {
        let limit = Limit::new(settings.qps, settings.burst);
        let (recorder, lanes) = Recorder::new(&settings);
        let inner = Arc::new(Inner {
            api,
            settings,
            limit,
            places: Semaphore::new(AT_ONCE),
            counts: Counts::default(),
            stop,
            kinds: RwLock::default(),
            listeners: RwLock::default(),
            recorder,
        });
        for lane in lanes {
            tokio::spawn(lane.run(inner.clone()));
        }
        Self { inner }
    }

    /// Tells `listener` of all changes from now on.
    pub fn subscribe(&self, listener: Arc<dyn Listener>) {
        self.inner.listeners.write().push(listener);
    }

    /// Watches `kind` from now on, if it is not watched yet, and says how far that is.
    pub fn ensure(&self, kind: Kind) -> State {
        if let Some(watched) = self.inner.watched(kind) {
            return watched.state.lock().clone();
        }
        let settings = &self.inner.settings;
        let selector = settings.selectors.get(&kind).cloned();
        let watched = Arc::new(Watched {
            scope: Scope {
                kind,
                namespace: settings.namespace.clone().filter(|_| kind.namespaced),
                selector: selector.as_ref().map(Selector::to_string),
            },
            trim: settings.trims.get(&kind).copied().unwrap_or(trim),
            selector,
            store: Mutex::default(),
            state: Mutex::new(State::Starting(None)),
            nameless: Mutex::default(),
        });
        let mut kinds = self.inner.kinds.write();
        if kinds.contains_key(&kind) {
            return State::Starting(None);
        }
        kinds.insert(kind, watched.clone());
        drop(kinds);
        tokio::spawn(follow::follow(self.inner.clone(), watched));
        State::Starting(None)
    }

    /// The object with this key, if its kind is watched and it exists.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Object> {
        self.inner.watched(key.kind)?.store.lock().get(&key.namespace, &key.name).cloned()
    }

    /// All objects of a watched kind, by namespace and name.
    #[must_use]
    pub fn all(&self, kind: Kind) -> Vec<Object> {
        let Some(watched) = self.inner.watched(kind) else { return Vec::new() };
        let store = watched.store.lock();
        store.all().cloned().collect()
    }

    /// What `object` is interested in, from one look at the stores. Kinds that do not exist count as empty.
    ///
    /// # Errors
    /// The kinds whose first list is not there yet; they are watched from now on.
    pub fn related(&self, object: &Object, interests: &[Interest]) -> Result<Vec<Object>, Vec<Kind>> {
        let mut missing: Vec<Kind> = Vec::new();
        for interest in interests {
            let kind = kind_of(interest);
            if !missing.contains(&kind) && matches!(self.ensure(kind), State::Starting(_)) {
                missing.push(kind);
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        let mut related = Vec::new();
        for interest in interests {
            let Some(watched) = self.inner.watched(kind_of(interest)) else { continue };
            let mut store = watched.store.lock();
            match interest {
                Interest::Named(key) => related.extend(store.get(&key.namespace, &key.name).cloned()),
                Interest::Owned(_) => related.extend(store.owned(&object.meta().uid).cloned()),
                Interest::Selected { namespace, selector, .. } => {
                    related.extend(store.selected(namespace, selector));
                }
                Interest::Naming { namespace, field, value, .. } => {
                    let others = store.naming(namespace, field, value).into_iter();
                    related.extend(others.filter(|other| other.meta().uid != object.meta().uid));
                }
            }
        }
        Ok(related)
    }

    /// The object as the API has it this moment, past the cache.
    ///
    /// # Errors
    /// When there was no answer, or the object is not readable; that it does not exist is an answer.
    pub async fn read(&self, key: &Key) -> Result<Option<Object>, Failure> {
        self.inner.limit.take().await;
        match self.inner.read_now(key).await {
            Ok(value) => Ok(self.inner.object(key.kind, value)),
            Err(Failure::NotFound { .. }) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Carries out one write, and lays its answer over the store before it returns.
    pub async fn write(&self, write: &Write) -> Written {
        let key = &write.target;
        if self.changes_nothing(write) {
            return Written::Skipped;
        }
        let verb = verb_of(write);
        let may_be_gone_already = matches!(verb, Verb::Delete(..));
        let creates = matches!(verb, Verb::Create(_));
        let evicts = matches!(verb, Verb::Evict(_));
        match self.inner.call(Call { target: key.clone(), verb }).await {
            Ok(_) if evicts => Written::Done(self.get(key)),
            Ok(answer) => Written::Done(self.inner.overlay(key, answer, may_be_gone_already)),
            Err(Failure::NotFound { .. }) if may_be_gone_already => {
                self.inner.gone(key);
                Written::Done(None)
            }
            Err(Failure::NotFound { message }) if !creates => {
                self.inner.gone(key);
                Written::Conflict(message)
            }
            Err(Failure::Conflict { message } | Failure::Expired { message }) => Written::Conflict(message),
            Err(Failure::NotFound { message }) => Written::Refused(refused(key, 404, "NotFound", message)),
            Err(Failure::Refused { code, reason, message }) => {
                if creates && reason == "AlreadyExists" {
                    self.look_again(key).await;
                }
                Written::Refused(refused(key, code, &reason, message))
            }
            Err(Failure::Unreachable { code, message, retry_after }) => {
                let own = code == INTERNAL_ERROR && !message.is_empty();
                let answer = own.then(|| refused(key, code, "InternalError", message.clone()));
                Written::Unreachable { message, retry_after, answer }
            }
        }
    }

    /// Tells people of something, as a Kubernetes event; never waits.
    pub fn tell(&self, event: Event) {
        self.inner.recorder.tell(event, (self.inner.settings.clock)());
    }

    /// Waits until all events told so far are sent, or `patience` is over.
    pub async fn events_sent(&self, patience: Duration) {
        self.inner.recorder.drained(patience).await;
    }

    /// Events told so far, and how many of them were dropped because the API did not take them in time.
    #[must_use]
    pub fn events(&self) -> (Vec<(EventLabels, u64)>, u64) {
        (self.inner.recorder.told(), self.inner.recorder.dropped())
    }

    /// All requests made so far.
    #[must_use]
    pub fn requests(&self) -> Vec<(RequestLabels, u64)> {
        self.inner.counts.all()
    }

    /// Forgets the metrics of an object that is gone.
    pub fn forget(&self, key: &Key) {
        self.inner.counts.forget(key);
        self.inner.recorder.forget(key);
    }

    /// How far the watch of each kind is, and how many objects it holds, by kind.
    #[must_use]
    pub fn states(&self) -> BTreeMap<Kind, (State, usize)> {
        let kinds = self.inner.kinds.read();
        kinds
            .iter()
            .map(|(kind, watched)| (*kind, (watched.state.lock().clone(), watched.store.lock().len())))
            .collect()
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Moment {
        (self.inner.settings.clock)()
    }

    /// The API had an object where we believed none: it must be seen before anybody decides again.
    async fn look_again(&self, key: &Key) {
        if let Ok(Some(object)) = self.read(key).await {
            self.inner.lay(object);
        }
    }

    fn changes_nothing(&self, write: &Write) -> bool {
        let (Wanted::Merge(patch) | Wanted::MergeStatus(patch)) = &write.change else { return false };
        if patch.as_object().is_some_and(serde_json::Map::is_empty) {
            return true;
        }
        self.get(&write.target).is_some_and(|object| already_so(patch, Some(&object.value())))
    }
}

impl Inner {
    pub(crate) fn watched(&self, kind: Kind) -> Option<Arc<Watched>> {
        self.kinds.read().get(&kind).cloned()
    }

    pub(crate) async fn call(&self, call: Call) -> Result<Value, Failure> {
        self.limit.take().await;
        // It is never closed.
        let _place = self.places.acquire().await;
        self.call_now(&call).await
    }

    /// A change that does not wait for the limit.
    pub(crate) async fn call_now(&self, call: &Call) -> Result<Value, Failure> {
        let answer = self.api.call(call).await;
        self.counts.object(&call.target, call.verb.name(), code_of(&answer));
        answer
    }

    /// A look that does not wait for the limit.
    pub(crate) async fn read_now(&self, key: &Key) -> Result<Value, Failure> {
        let answer = self.api.read(key).await;
        self.counts.object(key, "get", code_of(&answer));
        answer
    }

    pub(crate) fn notify(&self, change: &Change) {
        for listener in self.listeners.read().iter() {
            listener.changed(change);
        }
    }

    pub(crate) fn notify_all<'a>(&self, changes: impl IntoIterator<Item = &'a Change>) {
        for change in changes {
            self.notify(change);
        }
    }

    pub(crate) fn settled(&self, kind: Kind) {
        for listener in self.listeners.read().iter() {
            listener.settled(kind);
        }
    }

    /// Takes an object in: trimmed, and with the best metadata that can be made of it.
    pub(crate) fn object(&self, kind: Kind, value: Value) -> Option<Object> {
        match self.watched(kind) {
            Some(watched) => watched.take_in(value),
            None => read_leniently(kind, value, trim),
        }
    }

    /// Lays the answer to a write over the store; none when the object is gone.
    fn overlay(&self, key: &Key, answer: Value, deleted: bool) -> Option<Object> {
        let object = self.object(key.kind, answer).filter(|object| object.meta().name == key.name);
        let lives = object.as_ref().is_some_and(|object| !deleted || dies_slowly(object));
        match object {
            Some(object) if lives => {
                self.lay(object.clone());
                Some(object)
            }
            _ => {
                self.gone(key);
                None
            }
        }
    }

    fn lay(&self, object: Object) {
        let Some(watched) = self.watched(object.kind()).filter(|watched| watched.covers(&object)) else {
            return;
        };
        let change = watched.store.lock().set(object, true);
        if let Some(change) = change {
            self.notify(&change);
        }
    }

    fn gone(&self, key: &Key) {
        let Some(watched) = self.watched(key.kind) else { return };
        let change = watched.store.lock().bury(key);
        if let Some(change) = change {
            self.notify(&change);
        }
    }
}

impl Watched {
    pub(crate) fn take_in(&self, value: Value) -> Option<Object> {
        let object = read_leniently(self.scope.kind, value, self.trim);
        if object.is_none() {
            *self.nameless.lock() += 1;
            tracing::warn!(kind = %self.scope.kind, "the API sent an object without a name; it is left out");
        }
        object
    }

    fn covers(&self, object: &Object) -> bool {
        let meta = object.meta();
        self.scope.namespace.as_ref().is_none_or(|namespace| *namespace == meta.namespace)
            && self.selector.as_ref().is_none_or(|selector| selector.matches(&meta.labels))
    }
}

fn kind_of(interest: &Interest) -> Kind {
    match interest {
        Interest::Named(key) => key.kind,
        Interest::Owned(kind) | Interest::Selected { kind, .. } | Interest::Naming { kind, .. } => *kind,
    }
}

/// Items of a list lack the type that events carry; with it, an object looks the same wherever it came from. Metadata
/// of impossible types are reduced to what names the object: it must not be lost, for that would look like deletion.
fn read_leniently(kind: Kind, mut value: Value, trim: Trim) -> Option<Object> {
    trim(&mut value);
    if let Some(map) = value.as_object_mut() {
        if map.get("kind").and_then(Value::as_str).is_some_and(|found| found != kind.kind) {
            return None;
        }
        if !map.contains_key("kind") {
            map.insert("apiVersion".to_owned(), json!(kind.api_version()));
            map.insert("kind".to_owned(), json!(kind.kind));
        }
    }
    if let Ok(object) = Object::new(kind, &value) {
        return Some(object);
    }
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, value| {
            matches!(name.as_str(), "name" | "namespace" | "uid" | "resourceVersion") && value.is_string()
        });
    }
    Object::new(kind, &value).ok()
}

/// Whether a deleted object is still there: it waits for finalizers, or for its pods' grace.
fn dies_slowly(object: &Object) -> bool {
    let grace = || object.value().pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64);
    let meta = object.meta();
    meta.deletion_timestamp.is_some()
        && (!meta.finalizers.is_empty() || grace().is_some_and(|seconds| 0 < seconds))
}

fn verb_of(write: &Write) -> Verb {
    let precondition = &write.precondition;
    let guarded = |patch: &Value| {
        let mut patch = patch.clone();
        for (field, wanted) in
            [("uid", &precondition.uid), ("resourceVersion", &precondition.resource_version)]
        {
            if let Some(wanted) = wanted {
                patch["metadata"][field] = json!(wanted);
            }
        }
        patch
    };
    match &write.change {
        Wanted::Create(body) => Verb::Create(body.clone()),
        Wanted::Merge(patch) => Verb::Merge(guarded(patch)),
        Wanted::MergeStatus(patch) => Verb::MergeStatus(guarded(patch)),
        Wanted::Delete(propagation) => Verb::Delete(*propagation, precondition.clone()),
        Wanted::Evict => Verb::Evict(precondition.clone()),
    }
}

/// Whether `patch` (RFC 7396) would leave `current` as it is.
fn already_so(patch: &Value, current: Option<&Value>) -> bool {
    match (patch, current) {
        (Value::Null, current) => current.is_none(),
        (Value::Object(patch), Some(Value::Object(current))) => {
            patch.iter().all(|(name, patch)| already_so(patch, current.get(name)))
        }
        (Value::Object(_), _) => false,
        (patch, current) => current == Some(patch),
    }
}

fn refused(key: &Key, code: u16, reason: &str, message: String) -> Refused {
    Refused { target: key.clone(), code, reason: reason.to_owned(), message }
}

pub(crate) fn code_of<T>(answer: &Result<T, Failure>) -> u16 {
    answer.as_ref().map_or_else(Failure::code, |_| 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_that_changes_nothing_is_known_as_such() {
        let current = json!({"spec": {"replicas": 3, "list": [1, 2]}, "status": {}});
        for (patch, expected) in [
            (json!({}), true),
            (json!({"spec": {"replicas": 3}}), true),
            (json!({"spec": {"replicas": 4}}), false),
            (json!({"spec": {"gone": null}}), true),
            (json!({"spec": {"replicas": null}}), false),
            (json!({"spec": {"list": [1, 2]}}), true),
            (json!({"spec": {"list": [1]}}), false),
            (json!({"other": {}}), false),
            (json!({"spec": {"replicas": {}}}), false),
            (json!({"status": {}}), true),
        ] {
            assert_eq!(already_so(&patch, Some(&current)), expected, "{patch}");
        }
    }

    #[test]
    fn odd_metadata_cost_an_object_its_labels_not_its_life() {
        const SET: Kind = Kind::namespaced("apps", "v1", "ReplicaSet", "replicasets");
        let odd = json!({"metadata": {"name": "a", "namespace": "n", "labels": 7, "annotations": {"x": 1}}, "spec": 1});
        let object = read_leniently(SET, odd, trim).unwrap();
        assert_eq!(object.key(), SET.key("n", "a"));
        assert_eq!(object.value()["spec"], json!(1));
        assert_eq!(object.value()["kind"], json!("ReplicaSet"));
        assert!(read_leniently(SET, json!({"metadata": {}}), trim).is_none());
        assert!(read_leniently(SET, json!({"kind": "Status", "metadata": {"name": "a"}}), trim).is_none());
    }
}

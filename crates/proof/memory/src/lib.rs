//! An API in memory, for tests: versions, conflicts, watches with history, and failures on demand.
//!
//! Property: what it answers, a real API could have answered; it passes the conformance suite of `serin-cluster`.
//!
//! Reason: what stands on [`Api`] is tested for what it does when requests fail in one certain order, which a whole
//! cluster cannot be made to do.
//!
//! What this crate does not do: it keeps whatever objects it is given, of any kind, and knows no controllers, no
//! validation and no garbage collection; `serin-plane` is the cluster that has those.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use serin_cluster::{Api, Call, Failure, Listed, Scope, Seen, Verb};
use serin_kernel::{Key, Kind, Precondition};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// An API in memory. Clones share one world.
#[derive(Clone)]
pub struct MemoryApi {
    world: Arc<Mutex<World>>,
    version: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct World {
    version: u64,
    objects: BTreeMap<Key, Value>,
    history: Vec<(u64, Kind, Seen)>,
    /// Watches may not begin at or before this version.
    forgotten: u64,
    absent: BTreeSet<Kind>,
    failures: Vec<(&'static str, Failure, u32)>,
    /// Watches begun before this many cuts are over.
    cuts: u64,
    requests: Vec<String>,
}

impl Default for MemoryApi {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryApi {
    /// An empty world.
    #[must_use]
    pub fn new() -> Self {
        Self { world: Arc::default(), version: Arc::new(watch::Sender::new(0)) }
    }

    /// Sets an object as somebody else would, and gives it its metadata.
    pub fn put(&self, key: &Key, value: Value) {
        self.change(|world| world.store(key, value));
    }

    /// Changes an object as somebody else would.
    pub fn edit(&self, key: &Key, edit: impl FnOnce(&mut Value)) {
        let Some(mut value) = self.get(key) else { return };
        edit(&mut value);
        self.put(key, value);
    }

    /// Deletes an object as somebody else would.
    pub fn take(&self, key: &Key) {
        self.change(|world| world.remove(key));
    }

    /// The object with this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Value> {
        self.world.lock().objects.get(key).cloned()
    }

    /// All objects of a kind.
    #[must_use]
    pub fn all(&self, kind: Kind) -> Vec<Value> {
        let world = self.world.lock();
        world.objects.iter().filter(|(key, _)| key.kind == kind).map(|(_, value)| value.clone()).collect()
    }

    /// Lets the next `times` calls to objects of the resource `plural` fail.
    pub fn fail_calls(&self, plural: &'static str, failure: Failure, times: u32) {
        self.world.lock().failures.push((plural, failure, times));
    }

    /// Makes `kind` unknown, as if its CRD were not installed; or known again.
    pub fn set_absent(&self, kind: Kind, absent: bool) {
        let mut world = self.world.lock();
        if absent {
            world.absent.insert(kind);
        } else {
            world.absent.remove(&kind);
        }
    }

    /// Forgets the past, so that watches that lag must list again.
    pub fn forget_history(&self) {
        let mut world = self.world.lock();
        world.forgotten = world.version;
        world.history.clear();
    }

    /// Ends all watches.
    pub fn cut_watches(&self) {
        self.world.lock().cuts += 1;
        self.version.send_modify(|_| ());
    }

    /// All requests since the last time that this was asked, as `verb resource name`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().requests)
    }

    fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock();
        let result = change(&mut world);
        let version = world.version;
        drop(world);
        self.version.send_replace(version);
        result
    }
}

impl World {
    fn store(&mut self, key: &Key, mut value: Value) -> Value {
        self.version += 1;
        let old = self.objects.get(key);
        let old_meta = |field: &str| old.and_then(|old| old["metadata"].get(field)).cloned();
        let uid = old_meta("uid").unwrap_or_else(|| json!(format!("uid-{}", self.version)));
        let created = old_meta("creationTimestamp").unwrap_or_else(|| json!("2026-01-02T15:04:05Z"));
        let generation = old_meta("generation").and_then(|g| g.as_i64()).unwrap_or(0);
        let moved = old.is_none_or(|old| old.get("spec") != value.get("spec"));
        let generation = if moved { generation + 1 } else { generation };
        if !value["metadata"].is_object() {
            value["metadata"] = json!({});
        }
        let metadata = &mut value["metadata"];
        metadata["name"] = json!(key.name);
        metadata["namespace"] = json!(key.namespace);
        metadata["uid"] = uid;
        metadata["creationTimestamp"] = created;
        metadata["generation"] = json!(generation);
        metadata["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(key.clone(), value.clone());
        self.history.push((self.version, key.kind, Seen::Set(value.clone())));
        value
    }

    fn remove(&mut self, key: &Key) -> Option<Value> {
        let mut value = self.objects.remove(key)?;
        self.version += 1;
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.history.push((self.version, key.kind, Seen::Deleted(value.clone())));
        Some(value)
    }

    fn fail(&mut self, plural: &str) -> Result<(), Failure> {
        let found = self.failures.iter_mut().find(|(on, _, times)| *on == plural && 0 < *times);
        match found {
            Some((_, failure, times)) => {
                *times -= 1;
                Err(failure.clone())
            }
            None => Ok(()),
        }
    }

    fn call(&mut self, call: &Call) -> Result<Value, Failure> {
        let key = &call.target;
        self.requests.push(format!("{} {} {}", call.verb.name(), key.kind.plural, key.name));
        self.fail(key.kind.plural)?;
        let current = self.objects.get(key).cloned();
        let found = || current.clone().ok_or_else(|| not_found(key));
        match &call.verb {
            Verb::Create(_) if current.is_some() => Err(Failure::Refused {
                code: 409,
                reason: "AlreadyExists".to_owned(),
                message: format!("{key} already exists"),
            }),
            Verb::Create(body) => Ok(self.store(key, body.clone())),
            Verb::Replace(body) => {
                guard(&found()?, body.pointer("/metadata/uid"), body.pointer("/metadata/resourceVersion"))?;
                Ok(self.store(key, body.clone()))
            }
            Verb::Merge(patch) | Verb::MergeStatus(patch) => {
                let mut object = found()?;
                guard(&object, patch.pointer("/metadata/uid"), patch.pointer("/metadata/resourceVersion"))?;
                let before = object.clone();
                json_patch::merge(&mut object, patch);
                Ok(if object == before { object } else { self.store(key, object) })
            }
            Verb::Delete(_, precondition) => {
                let object = found()?;
                guard_by(&object, precondition)?;
                if object
                    .pointer("/metadata/finalizers")
                    .and_then(Value::as_array)
                    .is_some_and(|f| !f.is_empty())
                {
                    let mut dying = object;
                    dying["metadata"]["deletionTimestamp"] = json!("2026-01-02T15:04:05Z");
                    return Ok(self.store(key, dying));
                }
                self.remove(key);
                Ok(json!({"kind": "Status", "status": "Success"}))
            }
            Verb::Evict(precondition) => {
                guard_by(&found()?, precondition)?;
                self.remove(key);
                Ok(json!({"kind": "Status", "status": "Success"}))
            }
        }
    }
}

impl Api for MemoryApi {
    fn list<'a>(
        &'a self,
        scope: &'a Scope,
        _next: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Listed, Failure>> {
        Box::pin(async move {
            let mut world = self.world.lock();
            world.requests.push(format!("list {} ", scope.kind.plural));
            world.fail(scope.kind.plural)?;
            if world.absent.contains(&scope.kind) {
                return Err(Failure::NotFound {
                    message: "the server could not find the requested resource".to_owned(),
                });
            }
            let items = world
                .objects
                .iter()
                .filter(|(key, _)| key.kind == scope.kind && within(scope, &key.namespace));
            let items = items.map(|(_, value)| value.clone()).collect();
            Ok(Listed { items, version: world.version.to_string(), next: None })
        })
    }

    fn watch<'a>(
        &'a self,
        scope: &'a Scope,
        since: &'a str,
        patience: Duration,
    ) -> BoxFuture<'a, Result<BoxStream<'static, Result<Seen, Failure>>, Failure>> {
        Box::pin(async move {
            let mut world = self.world.lock();
            world.requests.push(format!("watch {} ", scope.kind.plural));
            world.fail(scope.kind.plural)?;
            let since: u64 = since.parse().unwrap_or(0);
            if since < world.forgotten {
                return Err(Failure::Expired { message: "too old resource version".to_owned() });
            }
            let cursor = Cursor {
                world: self.world.clone(),
                news: self.version.subscribe(),
                scope: scope.clone(),
                since,
                until: Instant::now() + patience,
                cuts: world.cuts,
            };
            Ok(stream::unfold(cursor, Cursor::next).boxed())
        })
    }

    fn read<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let mut world = self.world.lock();
            world.requests.push(format!("get {} {}", key.kind.plural, key.name));
            world.fail(key.kind.plural)?;
            world.objects.get(key).cloned().ok_or_else(|| not_found(key))
        })
    }

    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move { self.change(|world| world.call(call)) })
    }
}

struct Cursor {
    world: Arc<Mutex<World>>,
    news: watch::Receiver<u64>,
    scope: Scope,
    since: u64,
    until: Instant,
    cuts: u64,
}

impl Cursor {
    async fn next(mut self) -> Option<(Result<Seen, Failure>, Self)> {
        loop {
            self.news.borrow_and_update();
            let found = {
                let world = self.world.lock();
                if world.cuts != self.cuts {
                    return None;
                }
                if self.since < world.forgotten {
                    drop(world);
                    return Some((Err(Failure::Expired { message: "too old".to_owned() }), self));
                }
                let seen = world.history.iter().find(|(version, kind, seen)| {
                    self.since < *version
                        && *kind == self.scope.kind
                        && within(&self.scope, namespace_of(seen))
                });
                seen.map(|(version, _, seen)| (*version, seen.clone()))
            };
            if let Some((version, seen)) = found {
                self.since = version;
                return Some((Ok(seen), self));
            }
            if timeout_at(self.until, self.news.changed()).await.is_err() {
                return None;
            }
        }
    }
}

fn within(scope: &Scope, namespace: &str) -> bool {
    scope.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
}

fn namespace_of(seen: &Seen) -> &str {
    match seen {
        Seen::Set(value) | Seen::Deleted(value) => {
            value.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default()
        }
        Seen::Bookmark(_) => "",
    }
}

fn guard_by(object: &Value, precondition: &Precondition) -> Result<(), Failure> {
    let uid = precondition.uid.as_ref().map(|uid| json!(uid));
    let version = precondition.resource_version.as_ref().map(|version| json!(version));
    guard(object, uid.as_ref(), version.as_ref())
}

fn guard(object: &Value, uid: Option<&Value>, version: Option<&Value>) -> Result<(), Failure> {
    let same = |field: &str, wanted: Option<&Value>| {
        wanted.is_none_or(|wanted| object["metadata"][field] == *wanted)
    };
    if same("uid", uid) && same("resourceVersion", version) {
        return Ok(());
    }
    Err(Failure::Conflict { message: "the object has been modified".to_owned() })
}

fn not_found(key: &Key) -> Failure {
    Failure::NotFound { message: format!("{} \"{}\" not found", key.kind, key.name) }
}

//! Watches: each later change once and in order, or an error that says where to start again.
//!
//! A watch holds a version and reads on from the store's history when it is woken; it has no queue.
//! A client that reads slowly therefore costs nothing, and one that is too slow gets 410 and lists
//! again. Nothing runs between changes but the watch's own time limit.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::{Value, json};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;

use crate::api;
use crate::cluster::Place;
use crate::content::Shape;
use crate::plane::Inner;
use crate::request::Query;
use crate::status::Refusal;
use crate::store::Change;
use crate::verbs::read::selected;

/// So many changes are read from the history at once: a bound on the time the lock is held.
const BATCH_MAX: usize = 256;
/// A watch without a time limit of its own ends after this long, as on a real server, so that
/// forgotten connections go away.
const LIFETIME: Duration = Duration::from_hours(1);
/// No watch is open for longer, whatever the client asks for: instants have an end.
const LIFETIME_MAX: Duration = Duration::from_hours(24 * 365);
/// A watch with bookmarks that has been silent for this long while others wrote is told the version it
/// may resume from, as on a real server.
const BOOKMARK_EVERY: Duration = Duration::from_mins(1);

/// An open watch.
pub(crate) struct Watch {
    inner: Arc<Inner>,
    place: Place,
    query: Query,
    shape: Shape,
    /// Everything up to this version has been told.
    version: u64,
    /// The last version that the client has read.
    told: u64,
    next_bookmark: Instant,
    initial: VecDeque<Arc<Value>>,
    /// The bookmark that ends the initial events is still to be sent.
    marks_initial: bool,
    /// More of the history is waiting than one batch.
    is_behind: bool,
    wake: Arc<Notify>,
    deadline: Instant,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// Opens a watch; its first events are what the query asks for.
    pub(crate) fn open(
        inner: &Arc<Inner>,
        place: Place,
        query: Query,
        shape: Shape,
    ) -> Result<Watch, Refusal> {
        let permit = inner
            .watches
            .clone()
            .try_acquire_owned()
            .map_err(|_| Refusal::too_many_requests("too many watches, close some and try again"))?;
        let cluster = inner.cluster.lock();
        let current = cluster.store.version();
        let mut initial = VecDeque::new();
        let from_present = query.send_initial_events.unwrap_or(matches!(query.version, None | Some(0)));
        let version = match query.version {
            Some(asked) if current < asked => {
                return Err(Refusal::version_in_the_future(asked, current));
            }
            _ if from_present => {
                let all = cluster.store.list(&place.resource, &place.key.namespace);
                let all = all.filter(|(_, object)| selected(&query, object));
                initial.extend(all.map(|(_, object)| object.clone()));
                current
            }
            Some(asked) if 0 < asked => asked,
            _ => current,
        };
        let wake = inner.wake_of(&place.resource);
        drop(cluster);
        let lifetime =
            query.timeout_seconds.map_or(LIFETIME, |asked| Duration::from_secs(asked).min(LIFETIME_MAX));
        Ok(Watch {
            inner: inner.clone(),
            marks_initial: query.send_initial_events == Some(true) && query.bookmarks,
            place,
            shape,
            version,
            told: version,
            next_bookmark: Instant::now() + BOOKMARK_EVERY,
            initial,
            is_behind: false,
            wake,
            deadline: Instant::now() + lifetime,
            ended: false,
            query,
            _permit: permit,
        })
    }

    /// The next piece of the answer; `None` when the watch is over.
    pub(crate) async fn next(mut self) -> Option<(Bytes, Watch)> {
        loop {
            if self.ended {
                return None;
            }
            // Listens before it looks: a change after the look wakes the watch.
            let changed = self.wake.clone().notified_owned();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let out = self.ready();
            if !out.is_empty() {
                return Some((out, self));
            }
            if self.is_behind {
                continue;
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks_ahead() => {
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                    let mut out = BytesMut::from(self.ready());
                    if self.told < self.version && !self.ended {
                        self.bookmark(&mut out, false);
                    }
                    if !out.is_empty() {
                        return Some((out.freeze(), self));
                    }
                }
                () = tokio::time::sleep_until(self.deadline) => {
                    self.ended = true;
                    if self.query.bookmarks {
                        let mut out = BytesMut::new();
                        self.bookmark(&mut out, false);
                        return Some((out.freeze(), self));
                    }
                    return None;
                }
            }
        }
    }

    fn bookmarks_ahead(&self) -> bool {
        self.query.bookmarks && self.next_bookmark < self.deadline
    }

    /// What can be told now without waiting.
    fn ready(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        for _ in 0..BATCH_MAX {
            let Some(object) = self.initial.pop_front() else { break };
            self.event(&mut out, "ADDED", &object);
        }
        if !self.initial.is_empty() {
            return out.freeze();
        }
        if std::mem::take(&mut self.marks_initial) {
            self.bookmark(&mut out, true);
        }
        let (changes, current) = {
            let cluster = self.inner.cluster.lock();
            let changes = cluster.store.changes_since(&self.place.resource, self.version, BATCH_MAX);
            (changes, cluster.store.version())
        };
        match changes {
            Err(too_old) => {
                let refusal = Refusal::too_old(self.version, too_old.oldest);
                line(&mut out, "ERROR", &refusal.body());
                self.ended = true;
            }
            Ok(changes) => {
                self.is_behind = changes.len() == BATCH_MAX;
                for change in changes {
                    self.version = change.version;
                    self.change(&mut out, &change);
                }
                if !self.is_behind {
                    self.version = current;
                }
            }
        }
        out.freeze()
    }

    /// A change as this watch's selectors see it.
    fn change(&mut self, out: &mut BytesMut, change: &Change) {
        let namespace = &self.place.key.namespace;
        if !namespace.is_empty() && change.after["metadata"]["namespace"] != **namespace {
            return;
        }
        let before = change.before.as_ref().filter(|before| selected(&self.query, before));
        let after = !change.removed && selected(&self.query, &change.after);
        match (before, after) {
            (None, true) => self.event(out, "ADDED", &change.after),
            (Some(_), true) => self.event(out, "MODIFIED", &change.after),
            (Some(_), false) if change.removed => self.event(out, "DELETED", &change.after),
            (Some(before), false) => {
                let mut last = Value::clone(before);
                last["metadata"]["resourceVersion"] = change.version.to_string().into();
                self.event(out, "DELETED", &Arc::new(last));
            }
            (None, false) => {}
        }
    }

    fn event(&mut self, out: &mut BytesMut, kind: &str, object: &Arc<Value>) {
        let include = self.query.include_object;
        let now = (self.inner.clock)();
        let value = api::shape_object(&self.place.kind, object, self.shape, now, include);
        line(out, kind, &value);
        self.told = self.version;
    }

    fn bookmark(&mut self, out: &mut BytesMut, ends_initial: bool) {
        let mut object = json!({
            "kind": self.place.kind.kind, "apiVersion": self.place.kind.api_version(),
            "metadata": { "resourceVersion": self.version.to_string(), "creationTimestamp": null },
        });
        if self.shape == Shape::Metadata || self.shape == Shape::MetadataList {
            object["kind"] = "PartialObjectMetadata".into();
            object["apiVersion"] = "meta.k8s.io/v1".into();
        }
        if ends_initial {
            object["metadata"]["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        line(out, "BOOKMARK", &object);
        self.told = self.version;
    }
}

fn line(out: &mut BytesMut, kind: &str, object: &Value) {
    // The few kinds of events need no escapes. Written around the object, which would else be copied first.
    out.put_slice(br#"{"type":""#);
    out.put_slice(kind.as_bytes());
    out.put_slice(br#"","object":"#);
    // Writing a Value of string keys into memory cannot fail.
    let _ = serde_json::to_writer(out.writer(), object);
    out.put_slice(b"}\n");
}

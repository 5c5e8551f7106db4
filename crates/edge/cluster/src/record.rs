//! Sending events, without ever making a pass wait for one.
//!
//! Mechanics: a few lanes, each a bounded queue with one sender, and an object always in the same lane; so events of
//! one object arrive in order, and many objects at once do not queue behind one connection.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use serin_kernel::{Event, EventType, Key, Kind, Moment};
use tokio::{
    sync::{Notify, mpsc},
    time::{sleep, timeout},
};

use crate::{
    Backoff, Call, Failure, Verb,
    cluster::Inner,
    cluster::Settings,
    correlate::{Correlator, Send},
};

const EVENT: Kind = Kind::namespaced("", "v1", "Event", "events");
/// Four requests at a time keep up with what ten workers write.
const LANES: usize = 4;
/// Events waiting in one lane: what 500 Rollouts tell in a whole update, with room to spare.
const QUEUED_MAX: usize = 4096;
/// How often an event is tried before it is given up, and how long is waited between.
const TRIES: u32 = 8;
const BETWEEN_TRIES: Backoff = Backoff { first: Duration::from_millis(200), most: Duration::from_secs(10) };
/// Series of the counter; what comes after is counted under an empty name.
const SERIES_MAX: usize = 10_000;

/// What an event is counted under: the labels of `rollout_events_total`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventLabels {
    /// Namespace of the object that the event is about.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Good or bad news.
    pub kind: EventType,
    /// The event's reason.
    pub reason: String,
}

pub(crate) struct Recorder {
    lanes: Vec<mpsc::Sender<(Event, Moment)>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: AtomicU64,
    dropped: AtomicU64,
    sent: Notify,
    told: Mutex<BTreeMap<EventLabels, u64>>,
}

/// One sender with its queue.
pub(crate) struct Lane {
    queue: mpsc::Receiver<(Event, Moment)>,
    component: String,
    component_by_kind: BTreeMap<Kind, String>,
    shared: Arc<Shared>,
}

impl Recorder {
    pub(crate) fn new(settings: &Settings) -> (Self, Vec<Lane>) {
        let shared = Arc::new(Shared::default());
        let lane = |queue| Lane {
            queue,
            component: settings.component.clone(),
            component_by_kind: settings.component_by_kind.clone(),
            shared: shared.clone(),
        };
        let (senders, lanes) = (0..LANES)
            .map(|_| {
                let (sender, queue) = mpsc::channel(QUEUED_MAX);
                (sender, lane(queue))
            })
            .unzip();
        (Self { lanes: senders, shared }, lanes)
    }

    pub(crate) fn tell(&self, event: Event, now: Moment) {
        self.count(&event);
        log(&event);
        let mut hasher = DefaultHasher::new();
        event.regarding.hash(&mut hasher);
        let lane = &self.lanes[(hasher.finish() % self.lanes.len() as u64) as usize];
        self.shared.waiting.fetch_add(1, Ordering::AcqRel);
        if let Err(error) = lane.try_send((event, now)) {
            let (mpsc::error::TrySendError::Full((event, _)) | mpsc::error::TrySendError::Closed((event, _))) =
                error;
            self.shared.settle(Some(&event), "too many events wait to be sent");
        }
    }

    pub(crate) async fn drained(&self, patience: Duration) {
        let all = async {
            loop {
                let sent = self.shared.sent.notified();
                if self.shared.waiting.load(Ordering::Acquire) == 0 {
                    return;
                }
                sent.await;
            }
        };
        let _ = timeout(patience, all).await;
    }

    pub(crate) fn told(&self) -> Vec<(EventLabels, u64)> {
        self.shared.told.lock().iter().map(|(labels, count)| (labels.clone(), *count)).collect()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Acquire)
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.shared
            .told
            .lock()
            .retain(|labels, _| labels.namespace != key.namespace || labels.name != key.name);
    }

    fn count(&self, event: &Event) {
        let key = &event.regarding.key;
        let mut labels = EventLabels {
            namespace: key.namespace.clone(),
            name: key.name.clone(),
            kind: event.kind,
            reason: event.reason.clone().into_owned(),
        };
        let mut told = self.shared.told.lock();
        if SERIES_MAX <= told.len() && !told.contains_key(&labels) {
            (labels.namespace, labels.name) = (String::new(), String::new());
        }
        *told.entry(labels).or_default() += 1;
    }
}

/// An event is a line too: the API forgets it after an hour, and sums up those that are alike.
fn log(Event { regarding, message, kind, .. }: &Event) {
    match kind {
        EventType::Normal => tracing::info!(object = %regarding.key, "{message}"),
        EventType::Warning => tracing::warn!(object = %regarding.key, "{message}"),
    }
}

impl Shared {
    fn settle(&self, lost: Option<&Event>, why: &str) {
        if let Some(event) = lost {
            self.dropped.fetch_add(1, Ordering::AcqRel);
            let Event { regarding, reason, message, .. } = event;
            tracing::warn!(object = %regarding.key, %reason, message, "an event is lost: {why}");
        }
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        self.sent.notify_waiters();
    }
}

impl Lane {
    pub(crate) async fn run(mut self, inner: Arc<Inner>) {
        let mut correlator = Correlator::default();
        loop {
            let next = tokio::select! {
                next = self.queue.recv() => next,
                () = inner.stop.cancelled() => None,
            };
            let Some((event, at)) = next else { return };
            let component = self.component_by_kind.get(&event.regarding.key.kind).unwrap_or(&self.component);
            let send = correlator.correlate(&event, component, at);
            match deliver(&inner, &event, send).await {
                Ok(()) => self.shared.settle(None, ""),
                Err(failure) => self.shared.settle(Some(&event), &failure.to_string()),
            }
        }
    }
}

async fn deliver(inner: &Inner, event: &Event, mut send: Send) -> Result<(), Failure> {
    let namespace = match event.regarding.key.namespace.as_str() {
        "" => "default",
        namespace => namespace,
    };
    let mut tries = 0;
    loop {
        let (name, verb) = match &send {
            Send::Create(name, body) => (name, Verb::Create(body.clone())),
            Send::Repeat(name, patch, _) => (name, Verb::Merge(patch.clone())),
        };
        let Err(failure) = inner.call(Call { target: EVENT.key(namespace, name), verb }).await else {
            return Ok(());
        };
        match (failure, send) {
            // The first telling has been swept away meanwhile (events live for an hour): tell it anew.
            (Failure::NotFound { .. }, Send::Repeat(name, _, body)) => send = Send::Create(name, body),
            (Failure::Unreachable { retry_after, .. }, same) if tries < TRIES => {
                tries += 1;
                send = same;
                sleep(BETWEEN_TRIES.wait(tries).max(retry_after.unwrap_or_default())).await;
            }
            // The answer to an earlier try was lost, but not the event.
            (Failure::Refused { code: 409, .. }, Send::Create(..)) => return Ok(()),
            (failure, _) => return Err(failure),
        }
    }
}

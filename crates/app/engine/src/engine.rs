//! The engine itself: who is due, who hears of what, and the beginning and the end of it all.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use serin_calls::{Caller, Hearer, Nobody, Outbox};
use serin_cluster::{Change, Cluster, Listener, State};
use serin_kernel::{Key, Kind, Planner};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    interests::Interests,
    measured::Measures,
    pass,
    record::{Ice, Record},
    schedule::{Cause, Due, Schedule},
    stats::{Buckets, KindStats, LATENESS_SECONDS, ObjectStats, Snapshot},
};

/// When nothing is due the dispatcher sleeps until it is told otherwise; tokio wants an end to each sleep.
const FAR: Duration = Duration::from_hours(24);

/// How an engine runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Passes at work at the same time for each kind. They mostly wait for the API; more of them mean more connections, and more
    /// of what they have seen and planned in memory.
    pub workers: usize,
    /// Passes for each kind that may wait for others' servers besides: meanwhile another is at work in their place. With 0 they
    /// keep their place, and a server that hangs delays others.
    pub asking: usize,
    /// Who makes the calls that planners ask for.
    pub caller: Arc<dyn Caller>,
}

impl Default for Options {
    fn default() -> Self {
        Self { workers: 10, asking: 0, caller: Arc::new(Nobody) }
    }
}

/// Two planners want to plan for one kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two planners want to plan for {kind}")]
pub struct DuplicateKind {
    /// The kind.
    pub kind: Kind,
}

/// The loop. Cloning is cheap; clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) cluster: Cluster,
    pub(crate) records: Mutex<HashMap<Key, Record>>,
    pub(crate) interests: Mutex<Interests>,
    pub(crate) halt: CancellationToken,
    /// Cancelled when no new pass begins: what is still asked can be asked by the next leader.
    pub(crate) leaving: CancellationToken,
    pub(crate) caller: Arc<dyn Caller>,
    pub(crate) outbox: Outbox,
    pub(crate) measured: Mutex<Measures>,
    pub(crate) conflicts: AtomicU64,
    pub(crate) frozen: Mutex<BTreeMap<&'static str, u64>>,
    kinds: BTreeMap<Kind, Arc<Lane>>,
    /// Objects that cannot be planned for before everything of a kind is known.
    waiting: Mutex<HashMap<Kind, BTreeSet<Key>>>,
}

/// All that belongs to the objects of one kind.
pub(crate) struct Lane {
    pub(crate) planner: Box<dyn Planner>,
    pub(crate) schedule: Mutex<Schedule<Key>>,
    pub(crate) lateness: Mutex<Buckets>,
    news: Notify,
    /// For passes at work, and for these and those that ask.
    places: Arc<Semaphore>,
    passes: Arc<Semaphore>,
}

impl Engine {
    /// An engine that plans by `planners` on `cluster`.
    ///
    /// # Errors
    /// When two planners are for the same kind.
    pub fn new(
        cluster: Cluster,
        planners: Vec<Box<dyn Planner>>,
        options: &Options,
    ) -> Result<Self, DuplicateKind> {
        let mut kinds = BTreeMap::new();
        for planner in planners {
            let kind = planner.kind();
            let workers = options.workers.clamp(1, Semaphore::MAX_PERMITS / 2);
            let passes = workers + options.asking.min(Semaphore::MAX_PERMITS / 2);
            let lane = Lane {
                planner,
                schedule: Mutex::default(),
                lateness: Mutex::new(Buckets::new(LATENESS_SECONDS)),
                news: Notify::new(),
                places: Arc::new(Semaphore::new(workers)),
                passes: Arc::new(Semaphore::new(passes)),
            };
            if kinds.insert(kind, Arc::new(lane)).is_some() {
                return Err(DuplicateKind { kind });
            }
        }
        let shared = Arc::new_cyclic(|shared: &Weak<Shared>| Shared {
            cluster,
            records: Mutex::default(),
            interests: Mutex::default(),
            halt: CancellationToken::new(),
            leaving: CancellationToken::new(),
            caller: options.caller.clone(),
            outbox: Outbox::new(options.caller.clone()).heard_by(hearer(shared.clone())),
            measured: Mutex::default(),
            conflicts: AtomicU64::new(0),
            frozen: Mutex::default(),
            kinds,
            waiting: Mutex::default(),
        });
        Ok(Self { shared })
    }

    /// Plans until `stop`, then finishes the passes that are writing, and leaves those that still ask: a web hook may
    /// take an hour. Run it once.
    pub async fn run(&self, stop: CancellationToken) {
        let shared = &self.shared;
        shared.cluster.subscribe(shared.clone());
        let passes = TaskTracker::new();
        let dispatchers = TaskTracker::new();
        for (kind, lane) in &shared.kinds {
            shared.cluster.ensure(*kind);
            let now = Instant::now();
            for object in shared.cluster.all(*kind) {
                lane.wake(&object.key(), now, Cause::News, true);
            }
            dispatchers.spawn(dispatch(shared.clone(), lane.clone(), passes.clone(), stop.clone()));
        }
        dispatchers.close();
        dispatchers.wait().await;
        shared.leaving.cancel();
        passes.close();
        passes.wait().await;
    }

    /// Ends planning and writing at once, also in passes that are under way: another leader may be at work already.
    pub fn halt(&self) {
        self.shared.halt.cancel();
    }

    /// Waits until the messages of plans are sent, for at most `limit`; how many were lost meanwhile. For the end.
    pub async fn messages_sent(&self, limit: Duration) -> u64 {
        self.shared.outbox.drained(limit).await
    }

    /// The engine at this moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        let kind_stats = |lane: &Lane| {
            let (due, running) = lane.schedule.lock().depth(now);
            KindStats { due, running, lateness: lane.lateness.lock().clone() }
        };
        let kinds = self.shared.kinds.iter().map(|(kind, lane)| (kind.plural, kind_stats(lane))).collect();
        let records = self.shared.records.lock();
        let object_stats = |record: &Record| ObjectStats {
            passes: record.passes.clone(),
            errors: record.errors,
            frozen: matches!(record.ice, Ice::Frozen(_)),
        };
        Snapshot {
            kinds,
            objects: records.iter().map(|(key, record)| (key.clone(), object_stats(record))).collect(),
            conflicts: self.shared.conflicts.load(Ordering::Acquire),
            frozen: self.shared.frozen.lock().clone(),
            measured: self.shared.measured.lock().shown.clone(),
            posted: self.shared.outbox.posted(),
        }
    }
}

impl Shared {
    /// Remembers that `key` waits until everything of `kinds` is known.
    pub(crate) fn wait_for(&self, key: &Key, kinds: &[Kind]) {
        let mut waiting = self.waiting.lock();
        for kind in kinds {
            waiting.entry(*kind).or_default().insert(key.clone());
        }
        drop(waiting);
        // One of them may have come meanwhile.
        for kind in kinds {
            if !matches!(self.cluster.ensure(*kind), State::Starting(_)) {
                self.settled(*kind);
            }
        }
    }

    /// Forgets an object that is gone or no longer ours.
    pub(crate) fn forget(&self, key: &Key) {
        self.interests.lock().remove(key);
        if self.records.lock().remove(key).is_some() {
            self.measured.lock().forget(key);
            self.cluster.forget(key);
        }
    }

    fn wake(&self, key: &Key, cause: Cause, insist: bool) {
        if let Some(lane) = self.kinds.get(&key.kind) {
            lane.wake(key, Instant::now(), cause, insist);
        }
    }
}

/// Gives answers to messages to the objects that sent them, and wakes those. The answer is our own doing, as the echo of a
/// write is: whoever answers each answer and writes each time is a storm.
fn hearer(shared: Weak<Shared>) -> Hearer {
    Arc::new(move |from, heard| {
        let Some(shared) = shared.upgrade() else { return };
        // An object that is gone hears nothing any more.
        let known = shared.records.lock().get_mut(from).map(|it| it.replies.take_in(heard, Instant::now()));
        if known.is_some() {
            shared.wake(from, Cause::Echo, false);
        }
    })
}

impl Listener for Shared {
    fn changed(&self, change: &Change) {
        let cause = if change.own { Cause::Echo } else { Cause::News };
        let mut woken = BTreeSet::new();
        let interests = self.interests.lock();
        for object in change.old.iter().chain(&change.new) {
            interests.woken_by(object, &mut woken);
        }
        drop(interests);
        for key in &woken {
            self.wake(key, cause, false);
        }
        if let Some(object) = change.new.as_ref().or(change.old.as_ref())
            && self.kinds.contains_key(&object.kind())
        {
            // What a user changes may be the cure: it does not wait for the end of a back-off.
            self.wake(&object.key(), cause, !change.own);
        }
    }

    fn settled(&self, kind: Kind) {
        let woken = self.waiting.lock().remove(&kind).unwrap_or_default();
        for key in &woken {
            self.wake(key, Cause::News, false);
        }
    }
}

impl Lane {
    pub(crate) fn wake(&self, key: &Key, at: Instant, cause: Cause, insist: bool) {
        self.schedule.lock().wake(key, at, cause, insist);
        self.news.notify_one();
    }

    pub(crate) fn done(&self, key: &Key) {
        self.schedule.lock().done(key);
        self.news.notify_one();
    }

    pub(crate) fn back_off(&self, key: &Key, wait: Duration, firm: bool) {
        self.schedule.lock().back_off(key, Instant::now(), wait, firm);
        self.news.notify_one();
    }

    async fn next_due(&self) -> Due<Key> {
        loop {
            let now = Instant::now();
            let next = {
                let mut schedule = self.schedule.lock();
                if let Some(due) = schedule.pop(now) {
                    return due;
                }
                schedule.next()
            };
            tokio::select! {
                () = self.news.notified() => {}
                () = sleep_until(next.unwrap_or(now + FAR)) => {}
            }
        }
    }
}

/// The place of a pass that is at work, one of its kind's.
pub(crate) struct Place {
    places: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    async fn take(places: &Arc<Semaphore>) -> Self {
        // Nobody closes it.
        Self { places: places.clone(), permit: places.clone().acquire_owned().await.ok() }
    }

    /// Leaves the place to others until `waiting` is over.
    pub(crate) async fn lend<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        self.permit = None;
        let outcome = waiting.await;
        *self = Self::take(&self.places).await;
        outcome
    }
}

async fn dispatch(shared: Arc<Shared>, lane: Arc<Lane>, passes: TaskTracker, stop: CancellationToken) {
    loop {
        let next = async {
            let permit = lane.passes.clone().acquire_owned().await;
            let due = lane.next_due().await;
            // Not before: whoever waits here with a place would keep it from passes that want theirs back.
            (permit, due, Place::take(&lane.places).await)
        };
        let (permit, due, place) = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = shared.halt.cancelled() => return,
            next = next => next,
        };
        let (shared, lane) = (shared.clone(), lane.clone());
        passes.spawn(async move {
            pass::pass(&shared, &lane, place, due).await;
            drop(permit);
        });
    }
}

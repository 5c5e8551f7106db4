//! Messages that nobody waits for.
//!
//! Those of one object are sent one after the other, in the order in which they were posted; those of different objects
//! beside each other. A receiver that hangs holds up its own object's messages alone.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;
use serin_kernel::{Call, Key};
use tokio_util::task::TaskTracker;

use crate::Caller;

/// Sends what is posted. Cloning is cheap; clones are the same outbox.
#[derive(Clone, Debug)]
pub struct Outbox {
    caller: Arc<dyn Caller>,
    waiting: Arc<Mutex<HashMap<Key, VecDeque<Call>>>>,
    senders: TaskTracker,
}

impl Outbox {
    /// An empty outbox that sends through `caller`.
    #[must_use]
    pub fn new(caller: Arc<dyn Caller>) -> Self {
        Self { caller, waiting: Arc::default(), senders: TaskTracker::new() }
    }

    /// Takes `calls` of the object `from`, to be sent after what it has posted before. Needs a running tokio runtime.
    pub fn post(&self, from: &Key, calls: Vec<Call>) {
        if calls.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        if let Some(queue) = waiting.get_mut(from) {
            queue.extend(calls);
            return;
        }
        waiting.insert(from.clone(), calls.into());
        drop(waiting);
        let (outbox, key) = (self.clone(), from.clone());
        self.senders.spawn(async move { outbox.send_all(&key).await });
    }

    async fn send_all(&self, key: &Key) {
        while let Some(call) = self.next(key) {
            let url = call.url.clone();
            match self.caller.call(call).await {
                Ok(reply) if (200..300).contains(&reply.status) => {}
                Ok(reply) => tracing::warn!(object = %key, url, "{}: {}", reply.status, reply.body),
                Err(why) => tracing::warn!(object = %key, url, "{why}"),
            }
        }
    }

    /// The next call of `key`; its queue is taken away when there is none.
    fn next(&self, key: &Key) -> Option<Call> {
        let mut waiting = self.waiting.lock();
        let call = waiting.get_mut(key)?.pop_front();
        if call.is_none() {
            waiting.remove(key);
        }
        call
    }
}

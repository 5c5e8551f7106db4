//! Due keys: each at most once, some only later.

use crate::write::Key;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// The first retry; each further one waits twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(20);
/// The longest wait between retries: short enough that a person who has mended an object sees it go on.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Keys to look at, now and later.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    ready: VecDeque<Key>,
    queued: HashSet<Key>,
    later: BTreeSet<(Instant, Key)>,
    wakes: BTreeMap<Key, Instant>,
    failures: BTreeMap<Key, u32>,
}

impl Queue {
    /// Makes a key due now.
    pub(crate) fn push(&mut self, key: Key) {
        if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    /// Makes a key due at `at`, or earlier when it already is.
    pub(crate) fn push_at(&mut self, key: Key, at: Instant) {
        match self.wakes.get(&key) {
            Some(earlier) if *earlier <= at => return,
            Some(later) => {
                self.later.remove(&(*later, key.clone()));
            }
            None => {}
        }
        self.wakes.insert(key.clone(), at);
        self.later.insert((at, key));
    }

    /// Makes a key due again after a failure, later each time.
    pub(crate) fn retry(&mut self, key: Key, now: Instant) {
        let failures = self.failures.entry(key.clone()).or_default();
        let wait = RETRY_FIRST.saturating_mul(1 << (*failures).min(16)).min(RETRY_MAX);
        *failures += 1;
        self.push_at(key, now + wait);
    }

    /// Forgets a key's failures.
    pub(crate) fn succeeded(&mut self, key: &Key) {
        self.failures.remove(key);
    }

    /// The next due key.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Key> {
        while let Some((at, _)) = self.later.first() {
            if now < *at {
                break;
            }
            if let Some((_, key)) = self.later.pop_first() {
                self.wakes.remove(&key);
                self.push(key);
            }
        }
        let key = self.ready.pop_front()?;
        self.queued.remove(&key);
        Some(key)
    }

    /// Whether a key is due without waiting.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next key becomes due; none when nothing is waiting for time to pass.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        self.later.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Kind;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_due_once_and_at_its_earliest_time() {
        let key = Key::new(Kind::Pod, "ns", "p");
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(key.clone());
        queue.push(key.clone());
        assert_eq!((queue.pop(now), queue.pop(now)), (Some(key.clone()), None));
        queue.push_at(key.clone(), now + Duration::from_secs(9));
        queue.push_at(key.clone(), now + Duration::from_secs(5));
        queue.push_at(key.clone(), now + Duration::from_secs(7));
        assert_eq!(queue.next_wake(), Some(now + Duration::from_secs(5)));
        assert_eq!(queue.pop(now + Duration::from_secs(5)), Some(key));
        assert_eq!(queue.next_wake(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn retries_wait_twice_as_long_each_time_up_to_a_limit() {
        let key = Key::new(Kind::Pod, "ns", "p");
        let (mut queue, now) = (Queue::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..13 {
            queue.retry(key.clone(), now);
            let at = queue.next_wake().unwrap();
            waits.push((at - now).as_millis());
            assert!(queue.pop(at).is_some());
        }
        assert_eq!(waits[..4], [20, 40, 80, 160]);
        assert_eq!(waits[12], 30_000);
    }
}

//! Due keys: each at most once, some only later.

use crate::write::Key;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// The first retry; each further one waits twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(20);
/// The longest wait between retries: short enough that a person who has mended an object sees it go on.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// The least time between two looks at one key: a hundred pods that become ready together are one status, not a
/// hundred. Far below what anyone waits for.
const REST: Duration = Duration::from_millis(5);

/// Rests remembered before the ended ones are swept out.
const RESTS_MAX: usize = 4096;

/// Keys to look at, now and later.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    ready: VecDeque<Key>,
    queued: HashSet<Key>,
    later: BTreeSet<(Instant, Key)>,
    wakes: BTreeMap<Key, Instant>,
    failures: BTreeMap<Key, u32>,
    rests: HashMap<Key, Instant>,
}

impl Queue {
    /// Makes a key due: now, or when it has rested from its last look.
    pub(crate) fn push(&mut self, key: Key, now: Instant) {
        match self.rests.get(&key) {
            Some(until) if now < *until => self.push_at(key, *until),
            _ => self.push_now(key),
        }
    }

    fn push_now(&mut self, key: Key) {
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
                self.push_now(key);
            }
        }
        if RESTS_MAX < self.rests.len() {
            self.rests.retain(|_, until| now < *until);
        }
        let key = self.ready.pop_front()?;
        self.queued.remove(&key);
        self.rests.insert(key.clone(), now + REST);
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
        queue.push(key.clone(), now);
        queue.push(key.clone(), now);
        assert_eq!((queue.pop(now), queue.pop(now)), (Some(key.clone()), None));
        queue.push_at(key.clone(), now + Duration::from_secs(9));
        queue.push_at(key.clone(), now + Duration::from_secs(5));
        queue.push_at(key.clone(), now + Duration::from_secs(7));
        assert_eq!(queue.next_wake(), Some(now + Duration::from_secs(5)));
        assert_eq!(queue.pop(now + Duration::from_secs(5)), Some(key));
        assert_eq!(queue.next_wake(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_rests_between_two_looks() {
        let key = Key::new(Kind::Pod, "ns", "p");
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.push(key.clone(), now);
        assert!(queue.pop(now).is_some());
        queue.push(key.clone(), now);
        queue.push(key.clone(), now + REST / 2);
        assert_eq!((queue.pop(now + REST / 2), queue.next_wake()), (None, Some(now + REST)));
        assert_eq!((queue.pop(now + REST), queue.pop(now + REST)), (Some(key), None));
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

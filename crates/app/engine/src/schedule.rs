//! When each object is due. Pure: instants come in, objects come out.
//!
//! Invariants, each held by a test below:
//! 1. An object is in the queue at most once, at the earliest of the times it was woken for.
//! 2. An object that is being planned is not handed out again; a wake-up meanwhile makes it due once more.
//! 3. Nobody is woken before its back-off is over, unless the caller insists and the back-off is not firm.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    time::Duration,
};

use tokio::time::Instant;

/// Why an object is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Something of interest has changed, or it is new here.
    News,
    /// Its answer to our own write has come in.
    Echo,
    /// The time it asked for has come.
    Timer,
}

/// An object taken out of the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due<K> {
    pub(crate) key: K,
    pub(crate) cause: Cause,
    /// When it should have been taken out.
    pub(crate) at: Instant,
}

#[derive(Debug)]
pub(crate) struct Schedule<K> {
    queue: BTreeSet<(Instant, u64)>,
    keys: HashMap<u64, K>,
    entries: HashMap<K, Entry>,
    numbers: u64,
}

#[derive(Debug, Default)]
struct Entry {
    waiting: Option<(Instant, u64, Cause)>,
    running: bool,
    not_before: Option<Instant>,
    /// Whether nobody's insisting ends that.
    is_firm: bool,
}

impl<K> Default for Schedule<K> {
    fn default() -> Self {
        Self { queue: BTreeSet::new(), keys: HashMap::new(), entries: HashMap::new(), numbers: 0 }
    }
}

impl<K: Clone + Eq + Hash> Schedule<K> {
    /// Makes `key` due at `at`, or leaves it due earlier; `insist` ends its back-off.
    pub(crate) fn wake(&mut self, key: &K, at: Instant, cause: Cause, insist: bool) {
        if !self.entries.contains_key(key) {
            self.entries.insert(key.clone(), Entry::default());
        }
        let Some(entry) = self.entries.get_mut(key) else { return };
        if insist && !entry.is_firm {
            entry.not_before = None;
        }
        let at = entry.not_before.map_or(at, |not_before| at.max(not_before));
        let mut cause = cause;
        if let Some((due, number, before)) = entry.waiting {
            // News is never hidden behind an echo or a timer that comes first.
            if before == Cause::News || (before == Cause::Timer && cause == Cause::Echo && due <= at) {
                cause = before;
            }
            if due <= at {
                entry.waiting = Some((due, number, cause));
                return;
            }
            self.queue.remove(&(due, number));
            self.keys.remove(&number);
        }
        self.numbers += 1;
        entry.waiting = Some((at, self.numbers, cause));
        if !entry.running {
            self.queue.insert((at, self.numbers));
            self.keys.insert(self.numbers, key.clone());
        }
    }

    /// Takes out one object that is due; the caller must tell when it is [`Schedule::done`] with it.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Due<K>> {
        let (at, number) = *self.queue.first().filter(|(at, _)| *at <= now)?;
        self.queue.pop_first();
        let key = self.keys.remove(&number)?;
        let entry = self.entries.get_mut(&key)?;
        let (_, _, cause) = entry.waiting.take()?;
        entry.running = true;
        (entry.not_before, entry.is_firm) = (None, false);
        Some(Due { key, cause, at })
    }

    /// When the next object is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Ends the pass of `key`. Wake-ups that came meanwhile count from now.
    pub(crate) fn done(&mut self, key: &K) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.running = false;
        match entry.waiting {
            Some((at, number, _)) => {
                self.queue.insert((at, number));
                self.keys.insert(number, key.clone());
            }
            None => {
                self.entries.remove(key);
            }
        }
    }

    /// Ends the pass of `key` and holds it back for `wait`, after which it is due; `firm` also against who insists.
    pub(crate) fn back_off(&mut self, key: &K, now: Instant, wait: Duration, firm: bool) {
        let until = now + wait;
        if let Some(entry) = self.entries.get_mut(key) {
            (entry.not_before, entry.is_firm) = (Some(until), firm);
            // What came meanwhile waits too: it is as likely to meet the same failure.
            if let Some((at, number, cause)) = entry.waiting.take() {
                self.queue.remove(&(at, number));
                self.keys.remove(&number);
                self.wake(key, until, cause, false);
            }
        }
        self.wake(key, until, Cause::Timer, false);
        self.done(key);
    }

    /// How many objects are due now, and how many are being planned.
    pub(crate) fn depth(&self, now: Instant) -> (usize, usize) {
        let due = self.queue.iter().take_while(|(at, _)| *at <= now).count();
        (due, self.entries.values().filter(|entry| entry.running).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        schedule: Schedule<&'static str>,
        start: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { schedule: Schedule::default(), start: Instant::now() }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn wake(&mut self, key: &'static str, seconds: u64, cause: Cause) {
            self.schedule.wake(&key, self.at(seconds), cause, false);
        }

        fn pop(&mut self, seconds: u64) -> Option<(&'static str, Cause)> {
            self.schedule.pop(self.at(seconds)).map(|due| (due.key, due.cause))
        }
    }

    #[test]
    fn an_object_is_due_once_at_the_earliest_time() {
        let mut bench = Bench::new();
        bench.wake("a", 9, Cause::Timer);
        bench.wake("a", 3, Cause::Timer);
        bench.wake("a", 6, Cause::Timer);
        assert_eq!(bench.pop(2), None);
        assert_eq!(bench.schedule.next(), Some(bench.at(3)));
        assert_eq!(bench.pop(9), Some(("a", Cause::Timer)));
        assert_eq!(bench.pop(9), None);
    }

    #[test]
    fn first_woken_is_first_served() {
        let mut bench = Bench::new();
        for key in ["c", "a", "b"] {
            bench.wake(key, 1, Cause::News);
        }
        let order: Vec<_> = (0..3).filter_map(|_| bench.pop(1)).map(|(key, _)| key).collect();
        assert_eq!(order, ["c", "a", "b"]);
    }

    #[test]
    fn what_happens_during_a_pass_leads_to_one_more() {
        let mut bench = Bench::new();
        bench.wake("a", 0, Cause::News);
        bench.pop(0);
        bench.wake("a", 0, Cause::Echo);
        bench.wake("a", 1, Cause::News);
        assert_eq!(bench.pop(5), None, "it is being planned");
        bench.schedule.done(&"a");
        assert_eq!(bench.pop(5), Some(("a", Cause::News)));
        bench.schedule.done(&"a");
        assert_eq!(bench.pop(5), None);
        assert!(bench.schedule.entries.is_empty(), "an object at rest costs nothing");
    }

    #[test]
    fn back_off_holds_back_all_but_those_who_insist() {
        let mut bench = Bench::new();
        bench.wake("a", 0, Cause::News);
        bench.pop(0);
        bench.wake("a", 0, Cause::News);
        let now = bench.at(0);
        bench.schedule.back_off(&"a", now, Duration::from_secs(10), false);
        bench.wake("a", 1, Cause::News);
        assert_eq!(bench.pop(9), None);
        bench.schedule.wake(&"a", now, Cause::News, true);
        assert_eq!(bench.pop(2), Some(("a", Cause::News)));
        bench.schedule.done(&"a");
        assert_eq!(bench.pop(60), None, "the wake-up of the back-off went with it");

        bench.wake("a", 60, Cause::News);
        bench.pop(60);
        bench.schedule.back_off(&"a", bench.at(60), Duration::from_secs(10), true);
        bench.schedule.wake(&"a", bench.at(61), Cause::News, true);
        assert_eq!((bench.pop(69), bench.pop(70)), (None, Some(("a", Cause::News))), "a firm one holds");
    }

    #[test]
    fn news_is_not_hidden_behind_an_echo() {
        for (first, second, expected) in [
            (Cause::Echo, Cause::News, Cause::News),
            (Cause::News, Cause::Echo, Cause::News),
            (Cause::Echo, Cause::Echo, Cause::Echo),
            (Cause::Timer, Cause::News, Cause::News),
        ] {
            let mut bench = Bench::new();
            bench.wake("a", 1, first);
            bench.wake("a", 1, second);
            assert_eq!(bench.pop(1), Some(("a", expected)), "{first:?} then {second:?}");
        }
    }
}

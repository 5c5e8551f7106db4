//! What the engine remembers of one object between passes. Nothing here must survive a restart: lost, it is learnt
//! again. Pure.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;
use serin_kernel::{Freeze, Key, Refused};
use tokio::time::Instant;

use crate::{
    pace::Pace,
    replies::Replies,
    schedule::Cause,
    stats::{Buckets, PASS_SECONDS},
};

/// So many passes in a row may write the same object while nothing else changes. A planner that converges needs two
/// or three; one that alternates reaches any number within a second.
pub(crate) const STORM_PASSES: u32 = 16;
/// A wait this long is time passing, which is a change of the world; a shorter one is a planner spinning on its timer.
const TIME_PASSES: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Record {
    /// Failures in a row, for back-off.
    pub(crate) failures: u32,
    /// What was refused in the pass before.
    pub(crate) refused: Option<Refused>,
    /// What its planner keeps from pass to pass.
    pub(crate) kept: Option<Value>,
    /// Answers to its messages that its planner has not seen.
    pub(crate) replies: Replies,
    pub(crate) ice: Ice,
    pub(crate) passes: Buckets,
    pub(crate) errors: u64,
    /// Passes in a row that wrote an object, with nothing else having changed.
    writes: HashMap<Key, u32>,
    last_end: Option<Instant>,
    pace: Pace,
}

/// Whether an object is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ice {
    /// It is planned for.
    Thawed,
    /// It is to be frozen, but that could not be written yet.
    Freezing(Freeze),
    /// It is left alone while it has this version.
    Frozen(String),
}

impl Default for Record {
    fn default() -> Self {
        Self {
            failures: 0,
            refused: None,
            kept: None,
            replies: Replies::default(),
            ice: Ice::Thawed,
            passes: Buckets::new(PASS_SECONDS),
            errors: 0,
            writes: HashMap::new(),
            last_end: None,
            pace: Pace::default(),
        }
    }
}

impl Record {
    /// A pass begins for this cause.
    pub(crate) fn begin(&mut self, cause: Cause, now: Instant) {
        let time_passed = self.last_end.is_none_or(|end| TIME_PASSES <= now.saturating_duration_since(end));
        let world_changed = match cause {
            Cause::News => true,
            Cause::Timer => time_passed,
            Cause::Echo => false,
        };
        if world_changed {
            self.writes.clear();
        }
    }

    /// How long the next pass waits when the one that ends has written; none but for objects that are written without end.
    pub(crate) fn pause(&mut self, written: &[Key], now: Instant) -> Option<Duration> {
        if written.is_empty() { None } else { self.pace.spend(now) }
    }

    /// A pass has written these objects; how many passes in a row did so, if too many.
    pub(crate) fn end(&mut self, written: &[Key], now: Instant) -> Option<u32> {
        self.last_end = Some(now);
        if written.is_empty() {
            self.writes.clear();
            return None;
        }
        let mut most = 0;
        for key in written {
            let passes = self.writes.entry(key.clone()).or_default();
            *passes += 1;
            most = most.max(*passes);
        }
        (STORM_PASSES <= most).then(|| {
            self.writes.clear();
            most
        })
    }
}

#[cfg(test)]
mod tests {
    use serin_kernel::Kind;

    use super::*;

    fn key(name: &str) -> Key {
        Kind::namespaced("", "v1", "Service", "services").key("n", name)
    }

    /// Passes until a storm is called, at most 100.
    fn passes(cause: impl Fn(u32) -> Cause, gap: Duration, written: impl Fn(u32) -> Vec<Key>) -> Option<u32> {
        let (mut record, mut now) = (Record::default(), Instant::now());
        (1..=100).find(|&pass| {
            now += gap;
            record.begin(cause(pass), now);
            record.end(&written(pass), now).is_some()
        })
    }

    #[test]
    fn a_storm_is_the_same_object_written_again_and_again_by_itself() {
        let millis = Duration::from_millis(10);
        let one = |_| vec![key("a")];
        for (case, found, expected) in [
            ("echo after echo", passes(|_| Cause::Echo, millis, one), Some(STORM_PASSES)),
            ("a spinning timer", passes(|_| Cause::Timer, millis, one), Some(STORM_PASSES)),
            ("time passes", passes(|_| Cause::Timer, Duration::from_secs(1), one), None),
            (
                "news in between",
                passes(|pass| if pass % 10 == 0 { Cause::News } else { Cause::Echo }, millis, one),
                None,
            ),
            (
                "two in turns",
                passes(|_| Cause::Echo, millis, |pass| vec![key(if pass % 2 == 0 { "a" } else { "b" })]),
                Some(STORM_PASSES * 2 - 1),
            ),
            ("always another", passes(|_| Cause::Echo, millis, |pass| vec![key(&pass.to_string())]), None),
            (
                "with rests",
                passes(|_| Cause::Echo, millis, |pass| if pass % 5 == 0 { vec![] } else { vec![key("a")] }),
                None,
            ),
        ] {
            assert_eq!(found, expected, "{case}");
        }
    }
}

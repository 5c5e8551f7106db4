//! What the engine remembers of one object between passes. Nothing here must survive a restart: lost, it is learnt
//! again. Pure.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::Duration,
};

use serin_kernel::{Freeze, Key, Meta, Refused};
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
    /// What its planner keeps from pass to pass, as JSON text: a tree would be ten times as large.
    pub(crate) kept: Option<Arc<str>>,
    /// Answers to its messages that its planner has not seen.
    pub(crate) replies: Replies,
    pub(crate) ice: Ice,
    /// Until when nothing but a change of what is wanted of the object matters, if that was said.
    settled: Option<Settled>,
    pub(crate) passes: Buckets,
    pub(crate) errors: u64,
    /// Passes in a row that wrote an object, with nothing else having changed.
    writes: HashMap<Key, u32>,
    last_end: Option<Instant>,
    pace: Pace,
}

/// An object for which nothing is to be decided before a certain time.
#[derive(Debug)]
struct Settled {
    uid: String,
    generation: i64,
    /// Labels and annotations: what they say is not counted by the generation.
    notes: u64,
    until: Instant,
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
            settled: None,
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

    /// Nothing is to be decided of `object` until then.
    pub(crate) fn settle(&mut self, object: &Meta, until: Instant) {
        let (uid, generation, notes) = (object.uid.clone(), object.generation, notes(object));
        self.settled = Some(Settled { uid, generation, notes, until });
    }

    /// Until when nothing is to be decided of the object as it is; none when a pass is due, which ends what was settled. An
    /// answer that nobody has seen is news: by the time that was settled it would be too old.
    pub(crate) fn is_settled(&mut self, object: &Meta, now: Instant) -> Option<Instant> {
        let has_news = !self.replies.is_empty();
        let holds = |settled: &Settled| {
            let is_same = settled.uid == object.uid
                && settled.generation == object.generation
                && settled.notes == notes(object);
            // Without a number nobody knows whether something else is wanted.
            is_same
                && !has_news
                && object.generation != 0
                && object.deletion_timestamp.is_none()
                && now < settled.until
        };
        self.settled = self.settled.take().filter(holds);
        self.settled.as_ref().map(|settled| settled.until)
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

fn notes(object: &Meta) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&object.labels, &object.annotations).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serin_kernel::{Answer, Heard, Kind};

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
    fn what_is_settled_holds_until_its_time_or_another_wish() {
        let (now, wish) =
            (Instant::now(), |generation| Meta { uid: "u".to_owned(), generation, ..Meta::default() });
        let until = now + Duration::from_secs(10);
        let gone = Meta { deletion_timestamp: Some(serin_kernel::Moment::EPOCH), ..wish(1) };
        let noted = Meta { annotations: [("a".to_owned(), "b".to_owned())].into(), ..wish(1) };
        let other = Meta { uid: "v".to_owned(), ..wish(1) };
        let heard = || Heard { topic: String::new(), answer: Answer::Failed(String::new()) };
        for (case, settled, object, at, holds) in [
            ("nothing else is wanted", wish(1), wish(1), now, true),
            ("there is an answer", wish(1), wish(1), now, false),
            ("its time has come", wish(1), wish(1), until, false),
            ("something else is wanted", wish(1), wish(2), now, false),
            ("a note says something else", wish(1), noted, now, false),
            ("it is being deleted", wish(1), gone, now, false),
            ("another object has its name", wish(1), other, now, false),
            ("wishes are not counted", wish(0), wish(0), now, false),
        ] {
            let mut record = Record::default();
            record.settle(&settled, until);
            if case == "there is an answer" {
                record.replies.take_in(heard(), now);
            }
            assert_eq!(record.is_settled(&object, at), holds.then_some(until), "{case}");
            assert_eq!(record.is_settled(&settled, now).is_some(), holds, "{case}: what is over stays over");
        }
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

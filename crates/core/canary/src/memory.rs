//! What a planner keeps of one Canary between passes: when its next look is due, and what was said already.
//!
//! Property: looks stay on their grid whatever wakes the planner in between. Lost at a restart, the memory begins anew:
//! after a wait that differs from Canary to Canary, so that a restart does not make all of them look at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serin_kernel::Moment;

use crate::{chats::Chats, theirs::TakenOff};

/// The memory of one Canary.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    /// When the next look is due, in milliseconds since 1970.
    next: i64,
    /// The interval that it was reckoned with, in milliseconds.
    interval: i64,
    /// What was said and needs no saying again while it stays true.
    pub(crate) said: Vec<String>,
    /// The phase before the end, which the last event still tells.
    pub(crate) before: Option<String>,
    /// What was taken off objects, and how often in a row.
    pub(crate) taken_off: TakenOff,
    /// Until when users may still come to where they were led before, in milliseconds since 1970.
    leaving: Option<i64>,
    /// Until when others that were made in the same second may still come into sight, in milliseconds since 1970.
    arriving: Option<i64>,
    /// Whether the last look found nothing to do, so that none is due before something changes.
    pub(crate) is_resting: bool,
    /// Whether no look has come so far since a restart.
    pub(crate) is_fresh: bool,
    /// Whether the run is being rolled back, and waits for its users to leave.
    pub(crate) is_rolling_back: bool,
    /// The present release in chats that have threads.
    #[serde(skip_serializing_if = "Chats::is_empty")]
    pub(crate) chats: Chats,
}

/// How long the first look at a new Canary may wait for its target, which was perhaps created a moment before and is not
/// seen yet.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long another Canary that was made in the same second may take to come into sight: that second, and what a watch takes to
/// tell of it.
const ARRIVE: Duration = Duration::from_millis(1250);

/// How long it takes at most until every proxy has heard that users are led elsewhere. Pods that they may still be sent to stay
/// that long: some seconds are what busy proxies were seen to take, and cost nobody anything.
pub(crate) const LEAVE: Duration = Duration::from_secs(5);

/// Milliseconds since 1970.
fn millis(moment: Moment) -> i64 {
    moment.timestamp().as_millisecond()
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Memory {
    /// What was kept; none when nothing was, or not in this form.
    pub(crate) fn read(kept: Option<&serde_json::Value>) -> Option<Self> {
        kept.and_then(|kept| Self::deserialize(kept).ok())
    }

    /// The first memory of a Canary: it is looked at soon, or within one `interval` if it `is_known` from before a restart; then
    /// users may be leaving whom the last look before it has led elsewhere.
    pub(crate) fn begin(uid: &str, now: Moment, interval: Duration, is_known: bool) -> Self {
        let spread = uid.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let within = u64::try_from(whole_millis(interval) - whole_millis(LEAVE)).unwrap_or(0).max(1);
        let wait = if is_known {
            whole_millis(LEAVE) + i64::try_from(spread % within).unwrap_or(0)
        } else {
            whole_millis(PATIENCE)
        };
        let next = millis(now).saturating_add(wait);
        Self { next, interval: whole_millis(interval), is_fresh: is_known, ..Self::default() }
    }

    /// The same with what is known of the present release in chats.
    pub(crate) fn with_chats(self, chats: Chats) -> Self {
        Self { chats, ..self }
    }

    /// The same of a Canary that was `created` at a second which may not be over yet.
    pub(crate) fn arriving(self, created: Option<Moment>, now: Moment) -> Self {
        let until = created.map(|created| millis(created.plus(ARRIVE)));
        Self { arriving: until.filter(|until| millis(now) < *until), ..self }
    }

    /// Whether an elder may still come into sight. A clock that is not the API server's holds nobody up for longer.
    pub(crate) fn is_arriving(&mut self, now: Moment) -> bool {
        let is_near = |until: &i64| (1..=whole_millis(ARRIVE)).contains(&(until - millis(now)));
        self.arriving = self.arriving.filter(is_near);
        self.arriving.is_some()
    }

    /// Whether a look is due. A clock that went back by more than an `interval` makes it due too: waiting for the old
    /// time to come again would be no waiting for the interval. So does another interval, as in Flagger: who shortens or
    /// lengthens it sees at once that it was heard, and the grid begins there.
    pub(crate) fn is_due(&self, now: Moment, interval: Duration) -> bool {
        let left = self.next - millis(now);
        left <= 0 || whole_millis(interval) < left || whole_millis(interval) != self.interval
    }

    /// After a look on the grid: the next point of it.
    pub(crate) fn advance(&mut self, now: Moment, interval: Duration) {
        let step = whole_millis(interval).max(1);
        let behind = millis(now) - self.next;
        // Points that have passed meanwhile are left out.
        self.next = if (0..step).contains(&behind) { self.next + step } else { millis(now) + step };
        self.interval = whole_millis(interval);
    }

    /// After a look beside the grid: the grid begins here.
    pub(crate) fn restart(&mut self, now: Moment, interval: Duration) {
        self.next = millis(now) + whole_millis(interval).max(1);
        self.interval = whole_millis(interval);
    }

    /// Something has changed, which ends a rest: the next look is due at the next point of the grid.
    pub(crate) fn rise(&mut self, now: Moment) {
        let (behind, step) = (millis(now) - self.next, self.interval.max(1));
        if std::mem::take(&mut self.is_resting) && 0 <= behind {
            self.next += step * (behind / step + 1);
        }
    }

    /// From now on users leave: nothing is looked at before they have.
    pub(crate) fn let_leave(&mut self, now: Moment) {
        self.leaving = Some(millis(now) + whole_millis(LEAVE));
    }

    /// Whether users are leaving. A clock that went back holds nobody up for longer.
    pub(crate) fn is_leaving(&self, now: Moment) -> bool {
        self.leaving.is_some_and(|until| (1..=whole_millis(LEAVE)).contains(&(until - millis(now))))
    }

    /// Whether users were leaving, and have left by now; told once.
    pub(crate) fn take_left(&mut self, now: Moment) -> bool {
        !self.is_leaving(now) && self.leaving.take().is_some()
    }

    /// What is left of `after`, the memory at the end of a look, when a write of it was not accepted: users may have been led
    /// elsewhere all the same, but nothing was told, and no step was taken for good.
    pub(crate) fn unheard(self, after: &Self) -> Self {
        Self { leaving: after.leaving, ..self }
    }

    /// When the next look is due; none while it rests.
    pub(crate) fn wake(&self) -> Option<Moment> {
        let next = Some(self.next).filter(|_| !self.is_resting);
        let soonest = [next, self.leaving, self.arriving].into_iter().flatten().min()?;
        Some(Moment::EPOCH.plus(Duration::from_millis(u64::try_from(soonest).unwrap_or(0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    fn at(millis: u64) -> Moment {
        Moment::EPOCH.plus(Duration::from_millis(1_000_000 + millis))
    }

    #[test]
    fn looks_stay_on_their_grid_however_late_they_are() {
        let mut memory = Memory { next: 1_000_000, interval: 10_000, ..Memory::default() };
        let mut due = Vec::new();
        for (now, late) in [(0, 0), (10_000, 400), (20_000, 0), (30_000, 25_000), (65_000, 0)] {
            assert!(memory.is_due(at(now + late), TEN));
            memory.advance(at(now + late), TEN);
            assert!(!memory.is_due(at(now + late), TEN));
            due.extend(memory.wake());
        }
        assert_eq!(due, [at(10_000), at(20_000), at(30_000), at(65_000), at(75_000)]);
    }

    #[test]
    fn a_restart_spreads_looks_and_a_new_canary_waits_for_little() {
        let waits: std::collections::BTreeSet<_> = (0..100)
            .map(|n| Memory::begin(&format!("uid-{n}"), at(0), TEN, true).wake())
            .map(Option::unwrap)
            .collect();
        assert!(50 < waits.len());
        assert!(waits.iter().all(|wait| (at(5_000)..at(10_000)).contains(wait)));
        assert!(Memory::begin("u", at(0), TEN, false).is_due(at(0).plus(PATIENCE), TEN));
    }

    #[test]
    fn another_interval_is_heard_at_once_and_begins_a_grid() {
        for (old, new) in [(10, 60), (60, 50), (60, 10)] {
            let (old, new) = (Duration::from_secs(old), Duration::from_secs(new));
            let mut memory = Memory::default();
            memory.restart(at(0), old);
            assert!(!memory.is_due(at(3), old));
            assert!(memory.is_due(at(3), new), "{old:?} to {new:?}");
            memory.advance(at(3), new);
            assert!(!memory.is_due(at(4), new));
            assert_eq!(memory.wake(), Some(at(3).plus(new)));
        }
    }

    #[test]
    fn a_rest_ends_with_a_change_and_the_grid_goes_on() {
        for (now, next) in [(9, 10), (10, 20), (13, 20), (19, 20), (20, 30), (1_234, 1_240)] {
            let mut memory = Memory { is_resting: true, ..Memory::default() };
            memory.restart(at(0), TEN);
            assert_eq!(memory.wake(), None);
            memory.rise(at(1_000 * now));
            assert_eq!(
                (memory.is_due(at(1_000 * now), TEN), memory.wake()),
                (false, Some(at(1_000 * next))),
                "{now}"
            );
            memory.rise(at(1_000 * (now + 60)));
            assert_eq!(memory.wake(), Some(at(1_000 * next)), "it was no rest");
        }
        let mut memory = Memory { is_resting: true, ..Memory::default() };
        memory.let_leave(at(0));
        assert_eq!(memory.wake(), Some(at(5_000)), "users leave all the same");
    }

    #[test]
    fn a_clock_that_goes_back_holds_nobody_up() {
        let mut memory = Memory { next: 1_500_000, interval: 10_000, ..Memory::default() };
        memory.advance(at(500_000), TEN);
        assert!(memory.is_due(at(100), TEN));
        memory.advance(at(100), TEN);
        assert_eq!(memory.wake(), Some(at(10_100)));
    }

    #[test]
    fn users_have_left_once_and_a_clock_that_goes_back_keeps_nobody() {
        let mut memory = Memory { next: 1_060_000, ..Memory::default() };
        assert!(!memory.take_left(at(0)));
        memory.let_leave(at(20_000));
        assert!(memory.is_leaving(at(24_999)) && !memory.take_left(at(24_999)));
        assert_eq!(memory.wake(), Some(at(25_000)));
        assert!(!memory.is_leaving(at(0)));
        assert!(memory.take_left(at(25_000)) && !memory.take_left(at(25_000)));
        assert_eq!(memory.wake(), Some(at(60_000)));
    }

    #[test]
    fn what_is_new_waits_for_the_end_of_its_second_by_one_clock() {
        let new = |created, now| Memory { next: 1_060_000, ..Memory::default() }.arriving(Some(created), now);
        let mut memory = new(at(0), at(400));
        assert!(memory.is_arriving(at(1_249)));
        assert_eq!(memory.wake(), Some(at(1_250)));
        assert!(!memory.is_arriving(at(1_250)));
        assert_eq!(memory.wake(), Some(at(60_000)));
        assert!(!new(at(0), at(1_250)).is_arriving(at(1_250)), "it was there before");
        assert!(!new(at(9_000), at(0)).is_arriving(at(0)), "a clock behind the server's");
        assert!(!Memory::default().arriving(None, at(0)).is_arriving(at(0)));
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let memory = Memory {
            next: 7,
            interval: 10,
            said: vec!["a".to_owned()],
            leaving: Some(8),
            ..Memory::default()
        };
        assert_eq!(Memory::read(serde_json::to_value(&memory).ok().as_ref()), Some(memory));
        assert_eq!(Memory::read(Some(&serde_json::json!(3))), None);
    }
}

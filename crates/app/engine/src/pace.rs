//! How often one object may be written: many times at once, but not without end. Pure.
//!
//! A storm of our own is found and frozen (`record`). One that two writers keep up between them is not ours alone: each
//! answers to news. It happens when two leaders, one with an old view, are at work until the lease decides. Then this keeps
//! it to some requests a second; what converges never notices.

use std::time::Duration;

use tokio::time::Instant;

/// Passes that may write one right after another: more than any step of a rollout needs.
const BURST: u32 = 50;
/// One more in so much time.
const INTERVAL: Duration = Duration::from_millis(200);

/// The allowance of one object.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    /// When all that was spent will be earned again.
    even: Option<Instant>,
}

impl Pace {
    /// A pass has written. How long the next one has to wait, if the allowance is spent.
    pub(crate) fn spend(&mut self, now: Instant) -> Option<Duration> {
        let even = self.even.map_or(now, |even| even.max(now)) + INTERVAL;
        self.even = Some(even);
        let owed = even.saturating_duration_since(now).saturating_sub(BURST * INTERVAL);
        (!owed.is_zero()).then_some(owed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_are_allowed_and_then_a_few_a_second() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert!((0..BURST).all(|_| pace.spend(start).is_none()));
        assert_eq!(pace.spend(start), Some(INTERVAL));
        assert_eq!(pace.spend(start + INTERVAL), Some(INTERVAL));
        let later = start + BURST * INTERVAL * 2;
        assert!((0..BURST).all(|_| pace.spend(later).is_none()), "earned again");
        assert!(pace.spend(later).is_some());
    }
}

//! What we have sent lately, second by second: what a measured rate of traffic must be rid of to be the people's. Pure but
//! for the list of all ledgers; times are seconds since any moment.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;

/// The longest window that is looked back.
pub(crate) const WINDOW_MAX: Duration = Duration::from_mins(10);
/// Ledgers that are kept: targets of loads in the last minutes.
const LEDGERS_MAX: usize = 1000;

/// Requests by second.
#[derive(Debug, Default)]
pub(crate) struct Ledger(VecDeque<(u64, u64)>);

impl Ledger {
    /// One request at this second.
    pub(crate) fn add(&mut self, second: u64) {
        match self.0.back_mut() {
            Some((last, count)) if second <= *last => *count += 1,
            _ => self.0.push_back((second, 1)),
        }
        while self.0.front().is_some_and(|(first, _)| first + WINDOW_MAX.as_secs() < second) {
            self.0.pop_front();
        }
    }

    /// Requests per second in the window that ends now.
    pub(crate) fn rate(&self, now: u64, window: Duration) -> f64 {
        let since = now.saturating_sub(window.as_secs());
        let sent: u64 = self.0.iter().filter(|(second, _)| since <= *second).map(|(_, count)| count).sum();
        sent as f64 / window.as_secs_f64()
    }
}

/// The ledger of a target, made when there is none. Those that nobody uses go when there are too many.
pub(crate) fn of(all: &Mutex<BTreeMap<String, Arc<Mutex<Ledger>>>>, target: &str) -> Arc<Mutex<Ledger>> {
    let mut all = all.lock();
    if LEDGERS_MAX <= all.len() {
        all.retain(|_, ledger| 1 < Arc::strong_count(ledger));
    }
    all.entry(target.to_owned()).or_default().clone()
}

/// The second of now, since any moment.
pub(crate) fn second() -> u64 {
    jiff::Timestamp::now().as_second().max(0).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_window() {
        let mut ledger = Ledger::default();
        for second in 100..160 {
            (0..50).for_each(|_| ledger.add(second));
        }
        let minute = Duration::from_mins(1);
        assert!((ledger.rate(159, minute) - 50.0).abs() < 1e-9);
        assert!((ledger.rate(189, minute) - 25.8).abs() < 0.1, "{}", ledger.rate(189, minute));
        assert!(ledger.rate(300, minute).abs() < 1e-9);
        ledger.add(10_000);
        assert_eq!(ledger.0.len(), 1, "old seconds are kept");
    }

    #[test]
    fn ledgers_do_not_pile_up() {
        let all = Mutex::default();
        let used = of(&all, "used");
        for number in 0..LEDGERS_MAX + 10 {
            of(&all, &number.to_string());
        }
        assert!(all.lock().len() <= LEDGERS_MAX);
        used.lock().add(1);
        assert!(0.0 < of(&all, "used").lock().rate(1, Duration::from_secs(1)));
    }
}

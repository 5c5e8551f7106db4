//! Sending, each request at its moment.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Outcome,
    ledger::{Ledger, second},
    plan::Plan,
    scenario::Scenario,
};
use crate::http::Http;

/// Less than one request in a day is none.
const RATE_MIN: f64 = 1.0 / 86_400.0;
/// How late the last requests may be sent after the end: a timer is late by milliseconds. What is later is not sent.
const LATE: Duration = Duration::from_millis(100);

/// Sends what is due in `duration`, at a rate that may change, until `stop`.
pub(crate) async fn run(
    plan: &Plan,
    scenario: &Scenario,
    mut rate: watch::Receiver<f64>,
    ledger: &Mutex<Ledger>,
    stop: &CancellationToken,
) -> Outcome {
    let http = Http::new(plan.concurrency);
    let slots = Arc::new(Semaphore::new(plan.concurrency));
    let tally = Arc::new(Mutex::new(Outcome::default()));
    let mut under_way = JoinSet::new();
    let start = Instant::now();
    let end = start + plan.duration;
    let (mut due, mut number) = (start, 0);
    loop {
        let per_second = *rate.borrow_and_update();
        let every = Duration::from_secs_f64(1.0 / per_second.max(RATE_MIN));
        let until = if per_second < RATE_MIN { end } else { due.min(end) };
        if Instant::now() < until {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Ok(()) = rate.changed() => {
                    due = due_again(due, per_second, *rate.borrow(), Instant::now());
                    continue;
                }
                () = sleep_until(until) => {}
            }
        }
        if end <= due || per_second < RATE_MIN || end + LATE <= Instant::now() {
            break;
        }
        let slot = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            slot = slots.clone().acquire_owned() => slot,
            () = sleep_until(end + LATE) => break,
        };
        match scenario.question(number) {
            Ok(question) => {
                ledger.lock().add(second());
                let (http, tally, timeout, since) = (http.clone(), tally.clone(), plan.timeout, due);
                under_way.spawn(async move {
                    let status = http.status(question, timeout).await;
                    tally.lock().count(micros(since.elapsed()), status);
                    drop(slot);
                });
            }
            Err(_) => tally.lock().unusable += 1,
        }
        while under_way.try_join_next().is_some() {}
        number += 1;
        due += every;
    }
    let is_whole = !stop.is_cancelled();
    let time = if is_whole { plan.duration } else { start.elapsed() };
    tokio::select! {
        () = async { while under_way.join_next().await.is_some() {} } => {}
        () = stop.cancelled() => under_way.shutdown().await,
    }
    let mut outcome = std::mem::take(&mut *tally.lock());
    outcome.time = time;
    if is_whole {
        leave(&mut outcome, due, end, *rate.borrow());
    }
    outcome
}

/// When the next request is due once the rate has changed. Nothing was due while it was nothing, and a higher one does not
/// wait for a lower one.
fn due_again(due: Instant, old: f64, new: f64, now: Instant) -> Instant {
    if old < RATE_MIN { now } else { due.min(now + Duration::from_secs_f64(1.0 / new.max(RATE_MIN))) }
}

/// Counts what was due and never sent, with the time that it has waited.
fn leave(outcome: &mut Outcome, mut due: Instant, end: Instant, per_second: f64) {
    if per_second < RATE_MIN {
        return;
    }
    let every = Duration::from_secs_f64(1.0 / per_second);
    while due < end {
        outcome.unsent += 1;
        outcome.latency.add(micros(end - due));
        due += every;
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_rate_does_not_wait_for_a_lower_one() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        for (due, old, new, expected) in [
            (now + 10 * second, 0.1, 1.0, now + second),
            (now + second, 1.0, 0.1, now + second),
            (now + 10 * second, 0.1, 0.0, now + 10 * second),
            (now - 10 * second, 0.0, 1.0, now),
        ] {
            assert_eq!(due_again(due, old, new, now), expected, "{old} {new}");
        }
    }

    #[test]
    fn what_was_never_sent_counts_with_its_waiting() {
        let (mut outcome, now) = (Outcome::default(), Instant::now());
        leave(&mut outcome, now, now + Duration::from_secs(1), 10.0);
        assert_eq!((outcome.unsent, outcome.latency.max()), (10, 1_000_000));
        leave(&mut outcome, now, now + Duration::from_secs(1), 0.0);
        leave(&mut outcome, now + Duration::from_secs(1), now, 10.0);
        assert_eq!(outcome.unsent, 10);
    }
}

//! What came of a load.

use std::{collections::BTreeMap, time::Duration};

use ::http::StatusCode;
use serde_json::{Value, json};

use super::histogram::Histogram;
use crate::http::Trouble;

/// Percentiles that are told.
const PERCENTILES: [(&str, f64); 5] =
    [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p99.9", 99.9)];

/// Counts and latencies.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// How long requests were due.
    pub(crate) time: Duration,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) troubles: BTreeMap<Trouble, u64>,
    /// Requests that could not be filled in from the scenario.
    pub(crate) unusable: u64,
    /// Requests that were due and never sent, because all that may be under way were.
    pub(crate) unsent: u64,
    /// From the moment that a request was due.
    pub(crate) latency: Histogram,
}

impl Outcome {
    /// Counts one request that was sent, with its latency in microseconds.
    pub(crate) fn count(&mut self, latency: u64, status: Result<StatusCode, Trouble>) {
        self.latency.add(latency);
        match status {
            Ok(status) => *self.statuses.entry(status.as_u16()).or_default() += 1,
            Err(trouble) => *self.troubles.entry(trouble).or_default() += 1,
        }
    }

    pub(crate) fn sent(&self) -> u64 {
        self.statuses.values().sum::<u64>() + self.troubles.values().sum::<u64>()
    }

    /// Sent requests that had no answer, or one that blames the server.
    pub(crate) fn failed(&self) -> u64 {
        let blamed = self.statuses.iter().filter(|(status, _)| 500 <= **status).map(|(_, count)| count);
        blamed.sum::<u64>() + self.troubles.values().sum::<u64>()
    }

    /// Requests by outcome, for metrics.
    pub(crate) fn counts(&self) -> [(&'static str, u64); 3] {
        let failed = self.failed();
        [("succeeded", self.sent() - failed), ("failed", failed), ("unsent", self.unsent)]
    }

    /// Why this is no load at all: nothing of it was answered. Anything less is for the metrics of the release to judge.
    pub(crate) fn failure(&self) -> Option<String> {
        let worst = self.troubles.iter().max_by_key(|(_, count)| **count);
        match worst {
            Some((trouble, _)) if self.statuses.is_empty() => {
                Some(format!("none of {} requests was answered: {}", self.sent(), trouble.name()))
            }
            _ if 0 < self.unusable && self.sent() == 0 => Some(format!(
                "none of {} requests could be made from the scenario and its data",
                self.unusable
            )),
            _ => None,
        }
    }

    fn rate(&self) -> f64 {
        if self.time.is_zero() { 0.0 } else { self.sent() as f64 / self.time.as_secs_f64() }
    }

    pub(crate) fn line(&self) -> String {
        let milliseconds = |percent| millis(self.latency.percentile(percent).unwrap_or_default());
        format!(
            "{} requests in {:.1} s ({:.1} per second), {} failed, {} unsent, p50 {} ms, p99 {} ms",
            self.sent(),
            self.time.as_secs_f64(),
            self.rate(),
            self.failed(),
            self.unsent,
            milliseconds(50.0),
            milliseconds(99.0),
        )
    }

    pub(crate) fn json(&self) -> Value {
        let mut latency: serde_json::Map<String, Value> = PERCENTILES
            .iter()
            .filter_map(|(name, percent)| {
                Some(((*name).to_owned(), json!(millis(self.latency.percentile(*percent)?))))
            })
            .collect();
        if let Some(mean) = self.latency.mean() {
            latency.insert("mean".to_owned(), json!(millis(mean.round() as u64)));
            latency.insert("max".to_owned(), json!(millis(self.latency.max())));
        }
        let statuses: BTreeMap<String, u64> =
            self.statuses.iter().map(|(status, count)| (status.to_string(), *count)).collect();
        let errors: BTreeMap<String, u64> =
            self.troubles.iter().map(|(trouble, count)| (trouble.name(), *count)).collect();
        json!({
            "seconds": (self.time.as_secs_f64() * 1000.0).round() / 1000.0,
            "rate": (self.rate() * 100.0).round() / 100.0,
            "sent": self.sent(),
            "failed": self.failed(),
            "unsent": self.unsent,
            "unusable": self.unusable,
            "statuses": statuses,
            "errors": errors,
            "latencyMilliseconds": latency,
        })
    }
}

/// Microseconds as milliseconds.
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn a_load_without_any_answer_has_failed() {
        let mut outcome = Outcome { time: Duration::from_secs(2), ..Outcome::default() };
        assert_eq!(outcome.failure(), None, "a rate of nothing is no failure");
        outcome.troubles.insert(Trouble::Connect(Some(ErrorKind::ConnectionRefused)), 4);
        assert_eq!(
            outcome.failure().as_deref(),
            Some("none of 4 requests was answered: no connection: connection refused")
        );
        outcome.statuses.extend([(200, 3), (404, 1), (503, 2)]);
        outcome.latency.add(1500);
        assert_eq!(outcome.failure(), None);
        assert_eq!(outcome.counts(), [("succeeded", 4), ("failed", 6), ("unsent", 0)]);
        let told = outcome.json();
        assert_eq!(
            (told["rate"].as_f64(), told["latencyMilliseconds"]["p99.9"].as_f64()),
            (Some(5.0), Some(1.5))
        );
        assert_eq!(told["errors"]["no connection: connection refused"], 4);
        assert_eq!(
            outcome.line(),
            "10 requests in 2.0 s (5.0 per second), 6 failed, 0 unsent, p50 1.5 ms, p99 1.5 ms"
        );
    }
}

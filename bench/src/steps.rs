//! How late the pauses of Rollouts are: a watch sees each begin and end, and what it lasted beyond its duration is lateness.
//!
//! A pause's start is stored in whole seconds, so a controller may be up to a second early by that alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::watch::Note;

/// Pauses seen in one namespace.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    begun: BTreeMap<(String, i64), Instant>,
    lasted: Vec<Duration>,
}

impl Pauses {
    /// How much longer than `duration` each pause lasted, sorted, in milliseconds.
    pub(crate) fn late_ms(&self, duration: Duration) -> Vec<f64> {
        let late = |lasted: &Duration| (lasted.as_secs_f64() - duration.as_secs_f64()) * 1000.0;
        let mut late: Vec<f64> = self.lasted.iter().map(late).collect();
        late.sort_by(f64::total_cmp);
        late
    }
}

impl Note for Pauses {
    fn note(&mut self, name: String, value: &Value, now: Instant) {
        let status = &value["status"];
        let step = status["currentStepIndex"].as_i64().unwrap_or(-1);
        let paused = status["pauseConditions"].as_array().is_some_and(|list| !list.is_empty());
        let over: Vec<_> =
            self.begun.keys().filter(|(n, s)| *n == name && (*s != step || !paused)).cloned().collect();
        for key in over {
            if let Some(begun) = self.begun.remove(&key) {
                self.lasted.push(now - begun);
            }
        }
        if paused {
            self.begun.entry((name, step)).or_insert(now);
        }
    }
}

/// The value below which this share of a sorted list lies; 0 for an empty one.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1) as f64;
    sorted.get((last * share).round() as usize).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pause_lasts_from_its_first_sight_to_the_first_status_without_it() {
        let paused = |step: i64| json!({"status": {"currentStepIndex": step, "pauseConditions": [{"reason": "CanaryPauseStep"}]}});
        let running = |step: i64| json!({"status": {"currentStepIndex": step}});
        let begin = Instant::now();
        let mut seen = Pauses::default();
        for (ms, value) in
            [(0, paused(1)), (100, paused(1)), (5_000, running(2)), (6_000, paused(3)), (11_500, running(4))]
        {
            seen.note("a".into(), &value, begin + Duration::from_millis(ms));
        }
        seen.note("b".into(), &paused(1), begin);
        assert_eq!(seen.lasted, [Duration::from_secs(5), Duration::from_millis(5_500)]);
        assert_eq!(seen.late_ms(Duration::from_secs(5)), [0.0, 500.0]);
    }

    #[test]
    fn quantiles_are_values_of_the_list() {
        let list = [1.0, 2.0, 3.0, 4.0];
        let found: Vec<f64> = [0.0, 0.5, 0.99, 1.0].iter().map(|share| quantile(&list, *share)).collect();
        assert_eq!(found, [1.0, 3.0, 4.0, 4.0]);
        assert!(quantile(&[], 0.5).abs() < f64::EPSILON);
    }
}

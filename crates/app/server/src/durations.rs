//! How long updates took, as their Rollouts tell it in `status.duration` when they end.

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use serin_cluster::{Change, Listener};
use serin_engine::Buckets;
use serin_kernel::Kind;

/// Upper bounds in seconds: from half a minute to a working day.
const BOUNDS: &[f64] = &[30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0, 28800.0];

/// Listens for updates that end.
#[derive(Debug, Default)]
pub struct Durations {
    /// By completion status: whole, without manual pauses, manual pauses.
    by_status: Mutex<std::collections::BTreeMap<String, [Buckets; 3]>>,
}

impl Durations {
    pub(crate) fn all(&self) -> Vec<(String, [Buckets; 3])> {
        self.by_status.lock().iter().map(|(status, buckets)| (status.clone(), buckets.clone())).collect()
    }

    fn observe(&self, before: &Value, after: &Value) {
        let duration =
            |rollout: &Value, field: &str| rollout.pointer("/status/duration")?.get(field).cloned();
        let finished = "finishedAt";
        if duration(after, finished).is_none() || duration(before, finished) == duration(after, finished) {
            return;
        }
        let time = |field: &str| duration(after, field)?.as_str()?.parse::<Timestamp>().ok();
        let (Some(start), Some(end)) = (time("rolloutStartedAt"), time(finished)) else { return };
        let whole = end.duration_since(start).as_secs_f64().max(0.0);
        let manual = duration(after, "totalManualPauseDurationSeconds").and_then(|value| value.as_f64());
        let manual = manual.unwrap_or(0.0).max(0.0);
        let status = duration(after, "completionStatus");
        let status = status.as_ref().and_then(Value::as_str).unwrap_or("Promoted").to_owned();
        let mut all = self.by_status.lock();
        let empty = || Buckets { bounds: BOUNDS, counts: vec![0; BOUNDS.len() + 1], sum: 0.0 };
        let series = all.entry(status).or_insert_with(|| [empty(), empty(), empty()]);
        for (buckets, seconds) in series.iter_mut().zip([whole, (whole - manual).max(0.0), manual]) {
            let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
            buckets.counts[bucket] += 1;
            buckets.sum += seconds;
        }
    }
}

impl Listener for Durations {
    fn changed(&self, change: &Change) {
        let (Some(old), Some(new)) = (&change.old, &change.new) else { return };
        if new.kind().plural != "rollouts" || !new.text().contains("finishedAt") {
            return;
        }
        self.observe(&old.value(), &new.value());
    }

    fn settled(&self, _: Kind) {}
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_update_is_counted_once_when_it_ends() {
        let running = json!({"status": {"duration": {"rolloutStartedAt": "2026-01-01T00:00:00Z"}}});
        let ended = json!({"status": {"duration": {
            "rolloutStartedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:01:40Z",
            "totalManualPauseDurationSeconds": 75, "completionStatus": "Promoted",
        }}});
        let durations = Durations::default();
        durations.observe(&running, &running);
        durations.observe(&running, &ended);
        durations.observe(&ended, &ended);
        let all = durations.all();
        assert_eq!((all.len(), all[0].0.as_str()), (1, "Promoted"));
        let sums: Vec<(f64, u64)> = all[0].1.iter().map(|buckets| (buckets.sum, buckets.total())).collect();
        assert_eq!(sums, [(100.0, 1), (25.0, 1), (75.0, 1)]);
    }
}

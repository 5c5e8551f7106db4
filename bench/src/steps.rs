//! How late steps are: a watch sees each pause begin and end, and what it lasted beyond its duration is lateness.
//!
//! Measured where the user is, at the API server, so that a slow queue, a slow write and a slow clock all count. A pause's
//! start is stored in whole seconds, so a controller may be up to a second early by that alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::Value;

/// Pauses seen in one namespace.
#[derive(Debug)]
pub(crate) struct Steps {
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    begun: BTreeMap<(String, i64), Instant>,
    lasted: Vec<Duration>,
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Steps {
    /// Begins to look.
    pub(crate) fn watch(client: Client, namespace: &str) -> Self {
        let resource = ApiResource {
            group: "argoproj.io".into(),
            version: "v1alpha1".into(),
            api_version: "argoproj.io/v1alpha1".into(),
            kind: "Rollout".into(),
            plural: "rollouts".into(),
        };
        let api: Api<DynamicObject> = Api::namespaced_with(client, namespace, &resource);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let into = seen.clone();
        let task = tokio::spawn(async move {
            let mut changes =
                std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
            while let Some(change) = changes.next().await {
                if let (Ok(object), Ok(mut seen)) = (change, into.lock()) {
                    let name = object.metadata.name.unwrap_or_default();
                    seen.note(name, &object.data["status"], Instant::now());
                }
            }
        });
        Self { seen, task }
    }

    /// How much longer than `duration` each pause lasted, sorted, in milliseconds.
    pub(crate) fn late_ms(&self, duration: Duration) -> Vec<f64> {
        let Ok(seen) = self.seen.lock() else { return Vec::new() };
        let late = |lasted: &Duration| (lasted.as_secs_f64() - duration.as_secs_f64()) * 1000.0;
        let mut late: Vec<f64> = seen.lasted.iter().map(late).collect();
        late.sort_by(f64::total_cmp);
        late
    }
}

impl Seen {
    fn note(&mut self, name: String, status: &Value, now: Instant) {
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
        let paused =
            |step: i64| json!({"currentStepIndex": step, "pauseConditions": [{"reason": "CanaryPauseStep"}]});
        let running = |step: i64| json!({"currentStepIndex": step});
        let begin = Instant::now();
        let mut seen = Seen::default();
        for (ms, status) in
            [(0, paused(1)), (100, paused(1)), (5_000, running(2)), (6_000, paused(3)), (11_500, running(4))]
        {
            seen.note("a".into(), &status, begin + Duration::from_millis(ms));
        }
        seen.note("b".into(), &paused(1), begin);
        assert_eq!(seen.lasted, [Duration::from_secs(5), Duration::from_millis(5_500)]);
    }

    #[test]
    fn quantiles_are_values_of_the_list() {
        let list = [1.0, 2.0, 3.0, 4.0];
        let found: Vec<f64> = [0.0, 0.5, 0.99, 1.0].iter().map(|share| quantile(&list, *share)).collect();
        assert_eq!(found, [1.0, 3.0, 4.0, 4.0]);
        assert!(quantile(&[], 0.5).abs() < f64::EPSILON);
    }
}

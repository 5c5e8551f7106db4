//! PodDisruptionBudgets: how many pods may be evicted right now.
//!
//! Pure. Missing or odd numbers allow no disruption.

use crate::json::{count_or_percent, int, stamp};
use crate::pod::Pod;
use crate::write::{Kind, Plan, status_patch};
use jiff::Timestamp;
use serde_json::{Value, json};
use serin_lang::selector::Selector;
use std::sync::Arc;

/// One pass. `pods` are all of the namespace; `expected` says how many pods the controllers of the selected ones want.
pub(crate) fn plan(
    budget: &Value,
    pods: &[Arc<Pod>],
    expected: impl Fn(&[Arc<Pod>]) -> i64,
    now: Timestamp,
) -> Plan {
    let selector = budget.pointer("/spec/selector").and_then(|s| Selector::from_object(s).ok());
    let chosen: Vec<Arc<Pod>> = pods
        .iter()
        .filter(|pod| !pod.is_finished() && selector.as_ref().is_some_and(|s| s.matches(&pod.labels)))
        .cloned()
        .collect();
    let healthy = chosen.iter().filter(|pod| pod.ready && !pod.deleting).count() as i64;
    let (expected, desired) = numbers(budget, &chosen, expected);
    let allowed = if expected == 0 { 0 } else { (healthy - desired).max(0) };
    let mut status = json!({
        "currentHealthy": healthy, "desiredHealthy": desired, "disruptionsAllowed": allowed, "expectedPods": expected,
        "observedGeneration": int(budget, "/metadata/generation", 0), "conditions": [condition(budget, allowed, now)],
    });
    if let Some(disrupted) = budget.pointer("/status/disruptedPods") {
        status["disruptedPods"] = disrupted.clone();
    }
    Plan { writes: status_patch(Kind::Budget, budget, &status).into_iter().collect(), wake: None }
}

/// Expected and desired healthy pods. A plain `minAvailable` counts the pods there are; all else counts those wanted.
fn numbers(budget: &Value, chosen: &[Arc<Pod>], expected: impl Fn(&[Arc<Pod>]) -> i64) -> (i64, i64) {
    if let Some(limit @ (Value::Number(_) | Value::String(_))) = budget.pointer("/spec/maxUnavailable") {
        let total = expected(chosen);
        let unavailable = count_or_percent(Some(limit), total, true).unwrap_or(0);
        return (total, (total - unavailable).max(0));
    }
    match budget.pointer("/spec/minAvailable") {
        Some(Value::String(percent)) if percent.ends_with('%') => {
            let total = expected(chosen);
            (total, count_or_percent(budget.pointer("/spec/minAvailable"), total, true).unwrap_or(total))
        }
        limit => {
            let total = chosen.len() as i64;
            (total, count_or_percent(limit, total, true).unwrap_or(total))
        }
    }
}

fn condition(budget: &Value, allowed: i64, now: Timestamp) -> Value {
    let (status, reason) =
        if 0 < allowed { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let current = budget.pointer("/status/conditions/0");
    let since = current
        .filter(|current| current.pointer("/status").and_then(Value::as_str) == Some(status))
        .and_then(|current| current.pointer("/lastTransitionTime"))
        .cloned()
        .unwrap_or_else(|| json!(stamp(now)));
    json!({
        "type": "DisruptionAllowed", "status": status, "reason": reason, "message": "", "lastTransitionTime": since,
        "observedGeneration": int(budget, "/metadata/generation", 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::int;
    use crate::write::Write;

    #[test]
    fn disruptions_are_what_is_healthy_beyond_what_is_desired() {
        for (case, spec, healthy, expected) in [
            ("number", json!({"minAvailable": 2}), 4, (4, 4, 2, 2)),
            ("percent rounds up", json!({"minAvailable": "30%"}), 4, (10, 4, 3, 1)),
            ("unavailable number", json!({"maxUnavailable": 1}), 10, (10, 10, 9, 1)),
            ("unavailable percent", json!({"maxUnavailable": "25%"}), 10, (10, 10, 7, 3)),
            ("none healthy", json!({"minAvailable": 1}), 0, (0, 0, 1, 0)),
            ("odd", json!({"minAvailable": {}}), 4, (4, 4, 4, 0)),
        ] {
            let mut spec = spec;
            spec["selector"] = json!({"matchLabels": {"app": "web"}});
            let pod = Pod::read(&json!({
                "metadata": {"labels": {"app": "web"}},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
            }));
            let pods: Vec<_> = (0..healthy).map(|_| Arc::new(pod.clone())).collect();
            let budget = json!({"metadata": {"name": "b"}, "spec": spec});
            let plan = plan(&budget, &pods, |_| 10, Timestamp::UNIX_EPOCH);
            let [Write::Patch { patch, .. }] = plan.writes.as_slice() else { panic!("{case}") };
            let read = |field: &str| int(patch, &format!("/status/{field}"), -1);
            let seen = (
                read("expectedPods"),
                read("currentHealthy"),
                read("desiredHealthy"),
                read("disruptionsAllowed"),
            );
            assert_eq!(seen, expected, "{case}");
        }
    }
}
